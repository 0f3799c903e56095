"""Connections that would stay for ever."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from promkit._web_protocol import ImpatientProtocol
from promkit.web import serve


def test_who_does_not_read_an_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientProtocol, "unread_seconds_max", 0.2)
    app, ended = FastAPI(), threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)
        finally:
            ended.set()

    @app.get("/")
    async def answer() -> StreamingResponse:
        return StreamingResponse(endless())

    server = serve(app, "127.0.0.1:0")
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert ended.wait(10)
    finally:
        server.stop()
