"""Which network addresses belong to the public internet.

IPv6 is listed by what is allowed, since most of it is unused; IPv4 by what is not. An IPv6 address that
carries an IPv4 address is judged by both.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4_NOT_PUBLIC = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_V6_PUBLIC = IPv6Network("2000::/3")
_V6_NOT_PUBLIC = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP_MARKS = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure; a public address
        "192.0.0.192",  # Oracle
        "fd00:42::42",  # Scaleway
        "fd00:ec2::23",  # AWS
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)
_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the public internet's, and no cloud's metadata service."""
    if is_metadata(address):
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _V4_NOT_PUBLIC)
    carried = _carried(address)
    if carried is not None and not is_public(carried):
        return False
    if address in _NAT64:
        return True
    return address in _V6_PUBLIC and not any(address in network for network in _V6_NOT_PUBLIC)


def is_metadata(address: IPv4Address | IPv6Address) -> bool:
    """Whether a cloud may hand out credentials there: never for a request on someone's behalf."""
    if isinstance(address, IPv6Address) and (carried := _carried(address)) is not None:
        return is_metadata(carried)
    return address in _METADATA or any(address in network for network in _LINK_LOCAL)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this address may end up at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    last = IPv4Address(address.packed[12:])
    if address in _NAT64 or address.packed[8:12] in _ISATAP_MARKS:
        return last
    return last if not any(address.packed[:12]) and int(last) > 1 else None
