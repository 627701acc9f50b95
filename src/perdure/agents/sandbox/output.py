"""What a program prints: shown line by line while it runs, its end kept, and no more than agreed."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from perdure.redaction import redactor

OnOutput = Callable[[list[str], str], Awaitable[None]]
"""Called with lines and their stream, `stdout` or `stderr`; with `log` for what is said about the output."""

KEPT_CHARS = 20_000

_BATCH_S = 0.1
_BATCH_LINES = 200
_BATCH_CHARS = 32_000
_LINE_CHARS = 4_000
_MAX_LINES = 10_000
_CHUNK_BYTES = 64 * 1024
_DROP_PAUSE_S = 0.02
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?!.*-----END )")
_KEY_ENDS = "-----END "
_KEY_LINES = 300
_KEY_CHARS = 500
_NOT_OF_A_KEY = re.compile(r"[^A-Za-z0-9._~+/=:@-]")


@dataclass
class Output:
    """Takes both streams of one program. Over the limit it counts on, slowly, and drops."""

    limit_bytes: int
    on_output: OnOutput
    total_bytes: int = 0
    truncated: bool = False
    _shown_bytes: int = 0
    _shown_lines: int = 0
    _pending: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _kept: deque[str] = field(default_factory=deque[str])
    _kept_chars: int = 0
    _kept_cut: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _full: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    async def read(self, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        """Read both streams to their ends; returns when everything has been shown.

        What `on_output` raises is raised on, and nothing more is read then.
        """
        reading = [self._read(stdout, "stdout"), self._read(stderr, "stderr")]
        tasks = [asyncio.ensure_future(self._show()), asyncio.ensure_future(self._read_all(reading))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def tail(self) -> str:
        """The last part of what was shown, both streams as they came."""
        text = "\n".join(self._kept)
        return f"[the beginning is left out]\n{text}" if self._kept_cut else text

    async def _read_all(self, reading: Sequence[Awaitable[None]]) -> None:
        await asyncio.gather(*reading)
        self._ended = True
        self._more.set()
        self._full.set()

    async def _read(self, reader: asyncio.StreamReader, stream: str) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        rest, pieces, key = "", redactor.pieces(), list[str]()
        while chunk := await reader.read(_CHUNK_BYTES):
            self.total_bytes += len(chunk)
            room = self.limit_bytes - self._shown_bytes
            if self.truncated or room <= 0:
                self._cut()
                await asyncio.sleep(
                    _DROP_PAUSE_S
                )  # a flood is slowed down, so that it costs the server little
                continue
            self._shown_bytes += min(room, len(chunk))
            *lines, rest = (rest + pieces.add(decode(chunk[:room]))).split("\n")
            for line in lines:
                self._line(line, stream, key)
            while len(rest) > _LINE_CHARS:
                cut = _between_words(rest)
                self._line(rest[:cut], stream, key)
                rest = rest[cut:]
            if len(chunk) > room:
                self._cut()
            while len(self._pending) > 10 * _BATCH_LINES:
                self._full.set()
                await asyncio.sleep(_DROP_PAUSE_S)
        if self.truncated:
            rest += pieces.end(cut_off=True)
        else:
            rest += pieces.add(decode(b"", final=True)) + pieces.end()
        if rest:
            self._line(rest, stream, key)
        self._key(key, stream)

    def _line(self, line: str, stream: str, key: list[str]) -> None:
        """Take a line; those of a private key wait in `key` for its end, to be masked as a whole."""
        line = line.removesuffix("\r").replace("\x00", "\ufffd")  # a database takes no NUL in text
        if key or _KEY_BEGINS.search(line):
            key.append(line)
            if _KEY_ENDS in line or len(key) >= _KEY_LINES:
                self._key(key, stream)
            return
        self._masked(redactor.text(line), stream)

    def _key(self, key: list[str], stream: str) -> None:
        lines, key[:] = redactor.text("\n".join(key)).split("\n") if key else [], []
        for line in lines:
            self._masked(line, stream)

    def _masked(self, line: str, stream: str) -> None:
        for start in range(0, max(len(line), 1), _LINE_CHARS):
            if self._shown_lines >= _MAX_LINES:
                self._cut()
                return
            self._shown_lines += 1
            self._add(line[start : start + _LINE_CHARS], stream)

    def _add(self, line: str, stream: str) -> None:
        self._pending.append((stream, line))
        self._more.set()
        if len(self._pending) >= _BATCH_LINES:
            self._full.set()
        self._kept.append(line)
        self._kept_chars += len(line) + 1
        while self._kept_chars > KEPT_CHARS:
            self._kept_chars -= len(self._kept.popleft()) + 1
            self._kept_cut = True

    def _cut(self) -> None:
        if not self.truncated:
            self.truncated = True
            self._pending.append(("log", "[more output follows; it is counted, not shown]"))
            self._more.set()

    async def _show(self) -> None:
        while True:
            await self._more.wait()
            if not self._ended:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), _BATCH_S)
            self._more.clear()
            self._full.clear()
            while self._pending:
                await self._show_some()
            if self._ended and not self._pending:
                return

    async def _show_some(self) -> None:
        """Show what belongs to one stream and fits one event."""
        stream = self._pending[0][0]
        lines: list[str] = []
        size = 0
        for each, line in self._pending[:_BATCH_LINES]:
            if each != stream or (lines and size + len(line) > _BATCH_CHARS):
                break
            lines.append(line)
            size += len(line)
        del self._pending[: len(lines)]
        await self.on_output(lines, stream)


def _between_words(text: str) -> int:
    """Return where to cut a line that is too long, so that no key is cut in two if that can be."""
    for place in range(_LINE_CHARS, _LINE_CHARS - _KEY_CHARS, -1):
        if _NOT_OF_A_KEY.match(text, place - 1):
            return place
    return _LINE_CHARS
