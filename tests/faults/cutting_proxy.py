"""A proxy between viewers and the server that cuts every connection after a while, in the middle of a frame."""

from __future__ import annotations

import asyncio
import random
from typing import Self


class CuttingProxy:
    """Forwards bytes to `target_port` and aborts each connection after a random number of them."""

    def __init__(self, target_port: int, *, cuts: int, seed: int) -> None:
        self._target_port = target_port
        self._cuts_left = cuts
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Base address for a client."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        budget = self._random.randint(70_000, 140_000) if self._cuts_left > 0 else None
        pumps = [
            asyncio.create_task(self._pump(reader, up_writer, None)),
            asyncio.create_task(self._pump(up_reader, writer, budget)),
        ]
        done, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*done, *pending, return_exceptions=True)
        for side in (writer, up_writer):
            side.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
    ) -> None:
        while data := await reader.read(4096):
            if budget is not None:
                if len(data) >= budget:
                    writer.write(data[: budget // 2])
                    self.cuts += 1
                    self._cuts_left -= 1
                    return
                budget -= len(data)
            writer.write(data)
            await writer.drain()
