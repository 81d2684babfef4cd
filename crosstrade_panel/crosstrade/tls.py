"""Whom we trust. Imports little: the command line makes its context while the rest is being loaded."""

import ssl
import threading
from concurrent.futures import Future

import certifi


def default_tls() -> ssl.SSLContext:
    """A context that trusts what httpx ships; 20–110 ms of work, so make it once and off the event loop.

    Not `ssl.create_default_context`, nor httpx's own maker, which calls it: both write the keys of every
    connection to the file that SSLKEYLOGFILE names, and whoever has those can read the token. Nor are
    SSL_CERT_FILE and SSL_CERT_DIR asked: a certificate is trusted, or the press is NOT SENT.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(certifi.where())
    return context


def made_ahead() -> Future[ssl.SSLContext]:
    """Begin to make a context, on a thread beside whatever is done meanwhile."""
    made: Future[ssl.SSLContext] = Future()
    made.set_running_or_notify_cancel()

    def make() -> None:
        try:
            made.set_result(default_tls())
        except BaseException as error:  # noqa: BLE001 - raised where the context is asked for
            made.set_exception(error)

    # No daemon: a program that ends meanwhile would take the library away from under it, and crash.
    threading.Thread(target=make, name="tls").start()
    return made
