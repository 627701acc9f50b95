"""Serves a bare application; run as `python -m benchmarks.bare_server module:name`."""

from __future__ import annotations

import importlib
import socket
import sys
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        print(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


def main(application: str) -> None:
    """Serve until a signal ends it."""
    module, _, name = application.partition(":")
    app: Any = getattr(importlib.import_module(module), name)
    config = uvicorn.Config(
        app,
        port=0,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        loop="uvloop",
        log_level="error",
        access_log=False,
        backlog=2048,
    )
    _Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1])
