"""Throw-away certificates for loopback tests, made by the standard library alone.

P-256 and just enough DER (RFC 5280, RFC 5915) to satisfy a strict verifier, so that the repository carries
no private key and the tests need neither a package nor an ``openssl`` command. Not constant time: never for
real keys.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
import ssl
import tempfile
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

Point = tuple[int, int] | None

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _add(left: Point, right: Point) -> Point:
    if left is None:
        return right
    if right is None:
        return left
    if left[0] == right[0] and (left[1] + right[1]) % _P == 0:
        return None
    if left == right:
        slope = (3 * left[0] * left[0] - 3) * pow(2 * left[1], -1, _P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, _P)
    x = (slope * slope - left[0] - right[0]) % _P
    return x, (slope * (left[0] - x) - left[1]) % _P


def _times(factor: int, point: Point = _G) -> tuple[int, int]:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    if total is None:
        raise ValueError("the factor is a multiple of the group's order")
    return total


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, *parts)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes, unused: int = 0) -> bytes:
    return _der(0x03, bytes((unused,)), content)


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray((40 * first + second,))
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | (arc & 0x7F))
        out += bytes(reversed(digits))
    return _der(0x06, bytes(out))


_TRUE = _der(0x01, b"\xff")
_ECDSA_SHA256 = _sequence(_oid("1.2.840.10045.4.3.2"))
_CURVE = _oid("1.2.840.10045.3.1.7")


def _extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(dotted), _TRUE if critical else b"", _der(0x04, value))


def _name(common_name: str) -> bytes:
    return _sequence(_der(0x31, _sequence(_oid("2.5.4.3"), _der(0x0C, common_name.encode()))))


def _time(moment: datetime) -> bytes:
    return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _pem(label: str, der: bytes) -> str:
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


class _Key:
    def __init__(self) -> None:
        self.secret = secrets.randbelow(_N - 1) + 1
        x, y = _times(self.secret)
        self.point = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.info = _sequence(_sequence(_oid("1.2.840.10045.2.1"), _CURVE), _bits(self.point))
        self.identifier = hashlib.sha1(self.point, usedforsecurity=False).digest()

    def sign(self, message: bytes) -> bytes:
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
        while True:
            nonce = secrets.randbelow(_N - 1) + 1
            r = _times(nonce)[0] % _N
            s = pow(nonce, -1, _N) * (digest + r * self.secret) % _N
            if r and s:
                return _sequence(_integer(r), _integer(s))

    def pem(self) -> str:
        secret = _der(0x04, self.secret.to_bytes(32, "big"))
        return _pem(
            "EC PRIVATE KEY",
            _sequence(_integer(1), secret, _der(0xA0, _CURVE), _der(0xA1, _bits(self.point))),
        )


def _certificate(
    subject: str, key: _Key, issuer: str, signer: _Key, extensions: bytes, valid: tuple[datetime, datetime]
) -> str:
    content = _sequence(
        _der(0xA0, _integer(2)),
        _integer(secrets.randbits(126) | 1),
        _ECDSA_SHA256,
        _name(issuer),
        _sequence(_time(valid[0]), _time(valid[1])),
        _name(subject),
        key.info,
        _der(0xA3, _sequence(extensions)),
    )
    return _pem("CERTIFICATE", _sequence(content, _ECDSA_SHA256, _bits(signer.sign(content))))


def _alternative_name(host: str) -> bytes:
    try:
        return _der(0x87, ipaddress.ip_address(host).packed)
    except ValueError:
        return _der(0x82, host.encode())


class CertificateAuthority:
    """A certificate authority that lives as long as the object, its keys only in memory.

    Attributes:
        pem: its own certificate, for ``ssl.create_default_context(cadata=...)`` or a CA file.
    """

    def __init__(self, name: str = "throw-away test authority") -> None:
        self._name = name
        self._key = _Key()
        now = datetime.now(UTC)
        extensions = (
            _extension("2.5.29.19", _sequence(_TRUE), critical=True)
            + _extension("2.5.29.15", _bits(b"\x06", 1), critical=True)
            + _extension("2.5.29.14", _der(0x04, self._key.identifier))
        )
        span = (now - timedelta(days=2), now + timedelta(days=2))
        self.pem = _certificate(name, self._key, name, self._key, extensions, span)

    def server_context(
        self, hosts: tuple[str, ...] = ("127.0.0.1", "localhost"), *, expired: bool = False
    ) -> ssl.SSLContext:
        """Return a server's TLS context with a fresh leaf for ``hosts`` (names or addresses)."""
        key = _Key()
        extensions = (
            _extension("2.5.29.17", _sequence(*(_alternative_name(host) for host in hosts)))
            + _extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.1")))
            + _extension("2.5.29.15", _bits(b"\x80", 7), critical=True)
            + _extension("2.5.29.35", _sequence(_der(0x80, self._key.identifier)))
            + _extension("2.5.29.14", _der(0x04, key.identifier))
        )
        now = datetime.now(UTC)
        end = now - timedelta(hours=1) if expired else now + timedelta(days=1)
        leaf = _certificate(hosts[0], key, self._name, self._key, extensions, (now - timedelta(days=1), end))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # The ssl module loads a key from a file only; this one is readable by its owner and gone at once.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "leaf.pem")
            path.write_text(key.pem() + leaf, encoding="ascii")
            context.load_cert_chain(path)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem)
        return context
