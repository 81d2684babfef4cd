"""The practice exchange: the contract's REST and WebSocket over a loopback socket, for practice and tests.

It imports nothing else of this program and encodes the wire by itself, so that a wrong field name shows.
This file imports nothing either: only `server` (with its `listener`) loads Starlette and uvicorn.
"""
