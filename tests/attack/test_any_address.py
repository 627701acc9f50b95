"""Whatever is written as a URL is refused or leads to the public internet, and nothing else happens."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from perdure.agents.web.addresses import is_metadata, is_public
from perdure.agents.web.guard import AddressRefused, OutgoingGuard

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.one_of(
    st.integers(0, 2**128 - 1),
    st.builds(
        lambda prefix, v4: int(IPv6Address(prefix)) | int(v4),
        st.sampled_from(
            ["::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "2002::", "fe80::5efe:0:0", "2001::"]
        ),
        V4,
    ),
    st.builds(lambda v4: (0x2002 << 112) | (int(v4) << 80), V4),
).map(IPv6Address)
NAT64 = IPv6Address("64:ff9b::")

SPELLINGS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:/", "//", "", "ftp://", "http:\\\\"]),
    st.sampled_from(["", "user@", "a:b@", "8.8.8.8@", "\\@", "%40"]),
    st.one_of(
        V4.map(str),
        V6.map(lambda address: f"[{address}]"),
        V4.map(lambda address: str(int(address))),
        V4.map(lambda address: hex(int(address))),
        st.sampled_from(["localhost", "127.1", "0177.0.0.1", "127.0.0.1.", "①27.0.0.1", "xn--", "a..b", ""]),
        st.text(max_size=20),
    ),
    st.sampled_from(["", ":80", ":0", ":443", ":8080", ":99999", ":x", ":22"]),
    st.one_of(st.sampled_from(["", "/", "/x?y#z", "#@127.0.0.1/", "?@127.0.0.1"]), st.text(max_size=10)),
)


@given(V4)
def test_an_address_is_public_only_if_the_standard_library_thinks_so_too(address: IPv4Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(V6)
def test_an_ipv6_address_is_public_only_if_what_it_carries_is(address: IPv6Address) -> None:
    if not is_public(address):
        return
    assert not is_metadata(address)
    assert address.sixtofour is None
    assert address.ipv4_mapped is None
    assert address.teredo is None
    if int(address) >> 32 == int(NAT64) >> 32:
        assert is_public(IPv4Address(address.packed[12:]))
    else:
        assert address.is_global


@given(SPELLINGS)
async def test_any_spelling_is_refused_or_public(url: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    try:
        target = await OutgoingGuard(resolve=resolve).check(url)
    except AddressRefused:
        return
    assert target.port in {80, 443, 8080, 8443}
    assert target.addresses
    assert all(is_public(ip_address(address)) for address in target.addresses)
