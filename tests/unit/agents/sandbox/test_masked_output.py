"""What a program prints of secrets is masked before it is shown, kept or cut, however it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from perdure.agents.sandbox.output import Output
from perdure.redaction import MASK, redactor

VALUE = "canary-printed-é5d"
LINES = "canary-of-two\nlines-77"
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *["MIIEowIBAAKCAQEA0" * 3] * 30, "-----END PRIVATE KEY-----"])


@pytest.fixture(autouse=True)
def _in_use() -> Iterator[None]:
    with redactor.knowing(VALUE, LINES):
        yield


async def printed(pieces: Sequence[bytes], limit_bytes: int = 1_000_000) -> tuple[list[str], str]:
    """Return the lines that are shown of a program that prints these pieces, and what is kept of them."""
    lines: list[str] = []

    async def show(fresh: list[str], _stream: str) -> None:
        lines.extend(fresh)

    class Piecemeal(asyncio.StreamReader):
        """Gives out what it was fed piece by piece."""

        async def read(self, n: int = -1) -> bytes:
            return next(given, b"")

    given, nothing = iter([piece for piece in pieces if piece]), asyncio.StreamReader()
    nothing.feed_eof()
    output = Output(limit_bytes, show)
    await output.read(Piecemeal(), nothing)
    return lines, output.tail


async def test_a_value_is_masked_wherever_its_bytes_are_cut() -> None:
    text = f"TOKEN={VALUE}\nand {LINES}\nend".encode()
    for cut in range(len(text) + 1):
        lines, kept = await printed([text[:cut], text[cut:]])
        assert lines == [f"TOKEN={MASK}", f"and {MASK}", "end"], cut
        assert kept == "\n".join(lines)


@pytest.mark.parametrize("before", range(3990, 4001, 5))
async def test_a_value_across_two_parts_of_a_long_line_is_masked(before: int) -> None:
    for secret in (VALUE, "sk-4f9A0b2Cd3Ef4Gh5Ij6K7Lm"):
        for end in ("\n", ""):
            text = f"{'x ' * (before // 2)}{secret} {'y' * 5000}{end}".encode()
            lines, kept = await printed([text[:4500], text[4500:]])
            assert "".join(lines) == f"{'x ' * (before // 2)}{MASK} {'y' * 5000}"
            assert secret not in kept


async def test_the_beginning_of_a_value_where_output_is_cut_off_is_not_shown() -> None:
    text = f"TOKEN={VALUE}\n".encode()
    for limit in range(7, len(text) - 1):
        lines, _ = await printed([text], limit)
        assert f"TOKEN={MASK}" in lines, limit
        assert "TOKEN=c" not in "".join(lines), limit


async def test_a_private_key_is_masked_over_its_lines() -> None:
    for text in (KEY, KEY.rpartition("\n")[0]):
        lines, kept = await printed([f"before\n{text}\nafter".encode()])
        assert lines == ["before", MASK, "after"]
        assert kept == "\n".join(lines)
