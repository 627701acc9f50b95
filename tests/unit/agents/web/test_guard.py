"""What the operator allows is allowed, and no more."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from perdure.agents.web.guard import AddressRefused, OutgoingGuard
from perdure.errors import InvalidInput
from tests.fakes.certificates import make_certificate
from tests.fakes.web_server import Page, web_server


@pytest.mark.parametrize(
    ("entry", "url", "passes"),
    [
        ("10.0.0.1", "http://10.0.0.1/", True),
        ("10.0.0.1", "http://10.0.0.1:8080/", True),
        ("10.0.0.1", "http://10.0.0.1:9000/", False),
        ("10.0.0.1", "http://10.0.0.2/", False),
        ("10.0.0.1:9000", "http://10.0.0.1:9000/", True),
        ("10.0.0.1:9000", "http://10.0.0.1/", False),
        ("Wiki.Intern.", "http://wiki.intern/", True),
        ("wiki.intern", "http://sub.wiki.intern/", False),
        ("::1", "http://[::1]/", True),
        ("[::1]:9000", "http://[::1]:9000/", True),
        ("8.8.8.8:9000", "http://8.8.8.8:9000/", True),
    ],
)
async def test_an_entry_allows_one_host_and_its_ports(entry: str, url: str, passes: bool) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.9"]

    guard = OutgoingGuard([entry], resolve=resolve)

    if passes:
        assert (await guard.check(url)).addresses
    else:
        with pytest.raises(AddressRefused):
            await guard.check(url)


@pytest.mark.parametrize("entry", ["", "http://x/", "a b", "x:0", "x:70000", "x:y", "10.0.0.0/8"])
def test_an_entry_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(InvalidInput):
        OutgoingGuard([entry])


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with web_server() as site:
        site.pages["/"] = Page(b"here")
        guard = OutgoingGuard([f"x.test:{site.port}"], resolve=resolve)
        async with guard.client() as client:
            assert (await client.get(f"http://x.test:{site.port}/")).text == "here"


async def test_the_certificate_is_checked_for_the_name_though_the_address_is_pinned(tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    certificate = make_certificate(tmp_path, "right.test")
    trusting = ssl.create_default_context(cafile=str(certificate))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)

    async with web_server(serving) as site:
        site.pages["/"] = Page(b"here")
        allowed = [f"right.test:{site.port}", f"wrong.test:{site.port}"]
        guard = OutgoingGuard(allowed, resolve=resolve, tls=trusting)
        async with guard.client() as client:
            assert (await client.get(f"https://right.test:{site.port}/")).text == "here"
            with pytest.raises(httpx.ConnectError, match=r"not valid for .wrong\.test"):
                await client.get(f"https://wrong.test:{site.port}/")
