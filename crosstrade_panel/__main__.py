"""`python -m crosstrade_panel`."""

import sys

from crosstrade_panel.main import main

if __name__ == "__main__":
    sys.exit(main())
