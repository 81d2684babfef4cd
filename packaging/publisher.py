"""What only whoever publishes the program can fill in, before the first release; nothing else repeats it.

A name in PUBLISHER is in LICENSE and pyproject.toml, too.
"""

APPSTREAM_ID = "io.github.crosstrade_panel.panel"
"""The program's name in software centres: a domain that the publisher has, backwards, and a word of their
own, in lower case (io.github.NAME for whoever has that account). It stays for good: another one is another
program."""

MAINTAINER_ADDRESS = "nobody@localhost"
"""Where a user of the .deb writes to."""

PUBLISHER = "The CrossTrade Panel authors"
"""As a system shows it beside the program."""
