"""What set-up says: one plain sentence, and the last lines of the tool that failed."""

import errno
import sys

_TAIL, _WIDTH = 8, 160


class SetUpError(Exception):
    """Set-up cannot go on; the text is for the user."""


def reason(said: str) -> str:
    """Why pip gave up, in a sentence."""
    signs = (
        ("DO NOT MATCH THE HASHES", "A package is not the one that was locked. Nothing of it was installed."),
        ("No space left on device", "The disk is full."),
        ("Temporary failure in name resolution", _NO_NETWORK),
        ("NewConnectionError", _NO_NETWORK),
        ("NameResolutionError", _NO_NETWORK),
        ("getaddrinfo failed", _NO_NETWORK),
        ("ConnectTimeoutError", _NO_NETWORK),
        ("ReadTimeoutError", _NO_NETWORK),
        ("ProxyError", _NO_NETWORK),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "The package index showed a certificate that this Python does not trust.",
        ),
        ("No matching distribution found", "A package is not to be had for this Python and this system."),
        ("Permission denied", "A folder may not be written."),
    )
    return next((sentence for sign, sentence in signs if sign in said), "A package could not be installed.")


_NO_NETWORK = "The package index could not be reached. Is there a network? Run the same command again then."


def failure(sentence: str, said: str) -> str:
    """The sentence, and beneath it the last lines of the tool."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    return "\n".join([sentence, *(f"  | {line[:_WIDTH]}" for line in lines[-_TAIL:])])


def sentence(error: OSError) -> str:
    """What an error of the system means for the user."""
    where = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full{where}."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"This may not be written or run{where}."
        case _:
            return f"{error.strerror or error}{where}."


def say(text: str) -> None:
    """To stderr: stdout belongs to the program, whose answers may be read by another one."""
    print(text, file=sys.stderr, flush=True)
