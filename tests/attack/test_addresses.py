"""No way of writing an address, naming it or being sent to it leads into a private network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from perdure.agents.web.guard import AddressRefused, OutgoingGuard
from tests.fakes.web_server import Page, WebServer, web_server

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "::ffff:8.8.8.8",  # mapped, so never on the public internet as such
    "64:ff9b::10.0.0.1",  # NAT64
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.0.0.1",  # NAT64 of a local network
    "100::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::",  # 6to4 of 10.0.0.1
    "2002:808:808::",  # 6to4 at all
    "2606:4700::5efe:10.0.0.1",  # ISATAP
    "2606:4700::200:5efe:192.168.0.1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "2606:4700::1111",
    "64:ff9b::8.8.8.8",
    "2606:4700::5efe:8.8.8.8",
]

ODD = [
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://127.0.0.1./",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[fe80::1%25eth0]/",
    "http://[::1%lo]/",
    "http://user@8.8.8.8/",
    "http://user:secret@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/",
    "http://127.0.0.1#@8.8.8.8/",
    "http://127.0.0.1\\@8.8.8.8/",
    "http://127.0.0.1:80\\@8.8.8.8:80/",
    "http://8.8.8.8 @127.0.0.1/",
    "http://8.8.8.8\t.x/",
    "http://8.8.8.8\r\nHost: 127.0.0.1/",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:6379/",
    "http://8.8.8.8:99999/",
    "http://8.8.8.8:-1/",
    "http:///etc/passwd",
    "http://",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "127.0.0.1",
    "file:///etc/passwd",
    "ftp://8.8.8.8/",
    "gopher://8.8.8.8/",
    "javascript:alert(1)",
    "data:text/plain,hi",
    "unix:/var/run/docker.sock",
    "http://xn--/",
    "http://[::1",
    "http://" + "a" * 5000 + "/",
    "",
]


class Names:
    """A resolver whose answers a test lays down; the last answer stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such host")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
async def site() -> AsyncIterator[WebServer]:
    async with web_server() as server:
        server.pages["/secret"] = Page(b"the secret")
        yield server


def address_url(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_address_is_refused_written_out_and_behind_a_name(address: str) -> None:
    guard = OutgoingGuard(resolve=Names(x_test=[[address]]))

    with pytest.raises(AddressRefused):
        await guard.check(address_url(address))
    with pytest.raises(AddressRefused):
        await guard.check("https://x.test/")


@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_passes(address: str) -> None:
    guard = OutgoingGuard(resolve=Names(x_test=[[address]]))

    assert len((await guard.check(address_url(address))).addresses) == 1
    assert (await guard.check("https://x.test/")).port == 443


@pytest.mark.parametrize("url", ODD)
async def test_an_odd_url_is_refused(url: str) -> None:
    names = Names(localhost=[["127.0.0.1"]])

    with pytest.raises(AddressRefused):
        await OutgoingGuard(resolve=names).check(url)


async def test_the_systems_resolver_is_not_trusted_either() -> None:
    with pytest.raises(AddressRefused):
        await OutgoingGuard().check("http://localhost/")


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    guard = OutgoingGuard(resolve=Names(x_test=[["8.8.8.8", "10.0.0.1"]]))

    with pytest.raises(AddressRefused):
        await guard.check("http://x.test/")


@pytest.mark.parametrize("answer", [[], ["not an address"], ["fe80::1%eth0"]])
async def test_an_answer_without_a_usable_address_is_refused(answer: list[str]) -> None:
    with pytest.raises(AddressRefused):
        await OutgoingGuard(resolve=Names(x_test=[answer])).check("http://x.test/")


async def test_a_name_that_changes_its_answer_is_asked_once_and_pinned(site: WebServer) -> None:
    """Rebinding: what was checked is what is connected to, though the name now says something else."""
    names = Names(x_test=[["127.0.0.1"], ["10.0.0.1"]])
    guard = OutgoingGuard([f"x.test:{site.port}"], resolve=names)

    async with guard.client() as client:
        answer = await client.get(f"http://x.test:{site.port}/secret")

    assert answer.text == "the secret"
    assert names.asked == ["x.test"]
    assert site.asked[0].headers["host"] == f"x.test:{site.port}"


async def test_a_second_request_is_checked_anew(site: WebServer) -> None:
    names = Names(x_test=[["8.8.8.8"], ["127.0.0.1"]])
    guard = OutgoingGuard(resolve=names)
    await guard.check("http://x.test/")

    async with guard.client() as client:
        with pytest.raises(AddressRefused):
            await client.get("http://x.test/")

    assert site.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:8080/secret",
        "http://localhost:8080/secret",
        "http://[::1]:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.test/",
        "//127.0.0.1/secret",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
        "http://2130706433/",
        "http://xn--/",
    ],
)
async def test_a_redirect_is_checked_like_the_first_request(site: WebServer, target: str) -> None:
    site.redirect("/away", target)
    names = Names(inside_test=[["192.168.1.1"]], localhost=[["127.0.0.1"]])
    guard = OutgoingGuard([site.host], resolve=names)

    async with guard.client() as client:
        with pytest.raises(AddressRefused):
            await client.get(site.url("/away"))

    assert [asked.target for asked in site.asked] == ["/away"]


async def test_a_redirect_to_another_private_port_is_refused(site: WebServer) -> None:
    """The stub for the inside is a second server, allowed nowhere: it must see no request."""
    async with web_server() as inside:
        site.redirect("/away", inside.url("/secret"))
        async with OutgoingGuard([site.host]).client() as client:
            with pytest.raises(AddressRefused):
                await client.get(site.url("/away"))
        assert inside.asked == []


async def test_a_chain_of_redirects_ends(site: WebServer) -> None:
    site.redirect("/loop", "/loop")

    async with OutgoingGuard([site.host]).client() as client:
        with pytest.raises(httpx.TooManyRedirects):
            await client.get(site.url("/loop"))

    assert len(site.asked) == 6


async def test_no_cookie_is_kept_from_hop_to_hop(site: WebServer) -> None:
    site.redirect("/set", "/secret", **{"Set-Cookie": "a=b; Path=/"})

    async with OutgoingGuard([site.host]).client() as client:
        await client.get(site.url("/set"))

    assert [("cookie" in asked.headers) for asked in site.asked] == [False, False]


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    site: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1/")

    async with OutgoingGuard([site.host]).client() as client:
        answer = await client.get(site.url("/secret"))

    assert answer.text == "the secret"
    assert site.asked[0].headers["user-agent"].startswith("perdure/")


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254", "[fd00:ec2::254]", "x.test"])
async def test_metadata_is_refused_even_where_private_hosts_are_allowed(host: str) -> None:
    guard = OutgoingGuard([host], resolve=Names(x_test=[["169.254.169.254"]]))
    bare = host.strip("[]")

    with pytest.raises(AddressRefused):
        await guard.check(f"http://[{bare}]/" if ":" in bare else f"http://{bare}/")
