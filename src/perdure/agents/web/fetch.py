"""Reading one address, bounded in size and time."""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass

import httpx

from perdure.agents.web.guard import OutgoingGuard
from perdure.errors import InvalidInput, Unavailable

_CHARSET = re.compile(
    r"(?:utf-?8(?:-sig)?|utf-?16(?:-?[lb]e)?|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}|(?:windows-|cp)\d{3,4}"
    r"|koi8-[ru]|gb2312|gbk|gb18030|big5|shift[_-]jis|euc-(?:jp|kr)|mac(?:intosh|-?roman))",
    re.IGNORECASE,
)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)
_META_BYTES = 2048


class FetchFailed(Unavailable):
    """The server did not answer, or not in a way that can be used; `fields` may carry its `status`."""

    code = "fetch-failed"


class AnswerTooLarge(InvalidInput):
    """The answer is over the limit."""

    code = "answer-too-large"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered. `url` is where the redirects led to."""

    url: str
    status: int
    media_type: str
    charset: str | None
    content: bytes
    truncated: bool = False

    def text(self) -> str:
        """Return the content as text, in the charset that it says it has, by default UTF-8."""
        charset = self.charset
        if charset is None and (said := _META_CHARSET.search(self.content[:_META_BYTES])):
            charset = said[1].decode("ascii", "replace")
        if charset is None or not _CHARSET.fullmatch(charset):
            charset = "utf-8"
        try:
            return self.content.decode(charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")


async def fetch(
    guard: OutgoingGuard, url: str, *, max_bytes: int, timeout_s: float, cut: bool = False
) -> Fetched:
    """Read `url`, through redirects. `cut` keeps the first `max_bytes` of a larger answer.

    An answer that says it failed is returned like any other; look at `status`.

    Raises:
        AddressRefused: for an address that may not be requested.
        AnswerTooLarge: when the answer is larger and `cut` is not set.
        FetchFailed: when there is no usable answer within the time.
    """
    try:
        async with asyncio.timeout(timeout_s), guard.client() as client:
            # Other encodings cannot be bounded while they are unpacked.
            headers = {
                "Accept-Encoding": "gzip, identity",
                "Accept": "text/html, text/*, application/json, */*",
            }
            async with client.stream("GET", url, headers=headers) as response:
                content, more = await _read(response, max_bytes)
    except TimeoutError as error:
        raise FetchFailed(f"There was no whole answer within {timeout_s:g} seconds.") from error
    except httpx.TooManyRedirects as error:
        raise FetchFailed("The address redirects too often.") from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, zlib.error) as error:
        raise FetchFailed(f"There was no usable answer: {str(error) or type(error).__name__}.") from error
    if more and not cut:
        raise AnswerTooLarge(f"The answer has more than {max_bytes:,} bytes.", limit_bytes=max_bytes)
    media_type, _, _ = response.headers.get("Content-Type", "").partition(";")
    return Fetched(
        url=str(response.url),
        status=response.status_code,
        media_type=media_type.strip().lower(),
        charset=response.charset_encoding,
        content=content,
        truncated=more,
    )


async def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """Return at most `max_bytes` of the body, and whether there is more."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise FetchFailed(f"The answer is packed as {encoding!r}, which was not asked for.")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding else None
    content = bytearray()
    async for chunk in response.aiter_raw():
        room = max_bytes + 1 - len(content)
        content += chunk[:room] if unpack is None else unpack.decompress(chunk, room)
        if len(content) > max_bytes:
            return bytes(content[:max_bytes]), True
    return bytes(content), False
