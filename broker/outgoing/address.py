"""which addresses may be connected to: the rule against requests to the daemon's own network"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

__all__ = ["Address", "Network", "is_public", "permitted_within"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

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


def permitted_within(networks: Sequence[Network]) -> Callable[[Address], bool]:
    """What says of an address whether it is public or within one of `networks`.

    An IPv6 address that holds an IPv4 address is judged by that one alone, so that `::/0` doesn't
    lead to 127.0.0.1 as ::ffff:127.0.0.1.
    Raises: ValueError, for a network of such addresses only: its IPv4 form is to be listed.
    """
    for network in networks:
        if _ipv4_within(network.network_address) is not None:
            raise ValueError(f"{network} stands for IPv4 addresses; list the IPv4 network instead")
    listed = tuple(networks)

    def permits(address: Address) -> bool:
        within = _ipv4_within(address)
        if within is not None:
            return permits(within)
        # `in` compares addresses and networks of one version only.
        return is_public(address) or any(address in network for network in listed)

    return permits


def _ipv4_within(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
