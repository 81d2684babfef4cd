"""The rods: the same request from the same mouse release, without a panel around it."""

import asyncio
import json
import ssl
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from websockets.asyncio.client import connect

PATH, BODY = "/v1/api/positions/flatten", b'{"account":"Rod-01"}'


class Rods:
    """Every rod over a warm connection of its own, but for the vendor's."""

    def __init__(self, base_url: str, authority: str, token: str) -> None:
        self._url, self._authority = base_url, authority
        fields = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "bare-rod/0.1.0"}
        self._head = {"Authorization": f"Bearer {token}", **fields, "Content-Type": "application/json"}
        self._tasks: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        where = urlsplit(self._url)
        tls = ssl.create_default_context(cafile=self._authority)
        self._reader, self._writer = await asyncio.open_connection(where.hostname, where.port, ssl=tls)
        lines = [f"POST {PATH} HTTP/1.1", f"Host: {where.netloc}"]
        lines += [f"{name}: {value}" for name, value in self._head.items()]
        self._encoded = "\r\n".join([*lines, f"Content-Length: {len(BODY)}", "", ""]).encode() + BODY
        limits = httpx.Limits(keepalive_expiry=3600)
        self._client = httpx.AsyncClient(verify=tls, trust_env=False, limits=limits, timeout=15)
        await self._client.get(f"{self._url}/v1/api/accounts", headers=self._head)
        own_tls = ssl.create_default_context(cafile=self._authority)
        address = f"{self._url.replace('http', 'ws', 1)}/ws/stream"
        self._socket = await connect(address, ssl=own_tls, additional_headers=self._head, proxy=None)

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def floor(self) -> None:
        self._writer.write(self._encoded)
        self._start(self._reader.read(65536))

    def httpx(self) -> None:
        self._start(self._client.post(self._url + PATH, headers=self._head, content=BODY))

    def websockets(self) -> None:
        frame = {"action": "rpc", "id": "1", "api": "Flatten", "args": json.loads(BODY)}
        self._start(self._socket.send(json.dumps(frame)))
        self._start(self._socket.recv())

    def vendor(self) -> None:
        trust, order = self._authority, json.loads(BODY)
        requests.post(self._url + PATH, headers=self._head, json=order, verify=trust, timeout=15)
