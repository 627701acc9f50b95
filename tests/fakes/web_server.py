"""A web server on loopback that answers what a test lays down, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Page:
    """What is answered at one path. `chunks` are sent one after the other, without a length."""

    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    chunks: int = 0
    """Send the body this often; 0 sends it once, with its length."""
    hold: asyncio.Event | None = None
    """Answer nothing before this is set."""


@dataclass
class Asked:
    """One request as it came in."""

    target: str
    headers: dict[str, str]


class WebServer:
    """Answers `pages[path]`, otherwise 404."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def host(self) -> str:
        """`host:port` as the guard's list takes it."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """The address of a page."""
        return f"http://{self.host}{path}"

    def redirect(self, path: str, to: str, **headers: str) -> None:
        """Send whoever asks for `path` elsewhere."""
        self.pages[path] = Page(status=302, headers={"Location": to, **headers})

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; it ends after one answer."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            target = first.split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            self.asked.append(Asked(target, headers))
            page = self.pages.get(target.partition("?")[0], Page(b"no such page", status=404))
            if page.hold is not None:
                await page.hold.wait()
            length = {} if page.chunks else {"Content-Length": str(len(page.body))}
            shown = {"Content-Type": page.media_type, "Connection": "close", **length, **page.headers}
            text = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
            writer.write(f"HTTP/1.1 {page.status} X\r\n{text}\r\n".encode("latin-1"))
            for _ in range(page.chunks or 1):
                writer.write(page.body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def web_server(context: ssl.SSLContext | None = None) -> AsyncIterator[WebServer]:
    """Run a server while the block runs."""
    site = WebServer()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
