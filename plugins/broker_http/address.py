"""which addresses are public: the rule against requests to the daemon's own network"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

__all__ = ["Address", "is_public"]

Address = IPv4Address | IPv6Address

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


def is_public(address: Address) -> bool:
    """Whether `address`, and any IPv4 address within it, belongs to the open internet."""
    within = _ipv4_within(address)
    if within is not None:
        return is_public(within)
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )


def _ipv4_within(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
