"""The one file that a newcomer runs; needs nothing but a Python.

    python3 packaging/bootstrap.py practice              the panel on the embedded practice exchange
    python3 packaging/bootstrap.py run [ARGUMENTS]       the panel, or its command line
    python3 packaging/bootstrap.py test [--fast]         every check; with other arguments: pytest with these

Written so that the oldest Python still says what is wrong with it; the work is in verbs.py.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("CrossTrade Panel needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

import verbs

if __name__ == "__main__":
    sys.exit(verbs.main(sys.argv[1:]))
