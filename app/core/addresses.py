"""Addresses of machines, as proxies write them."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Longest text that is kept of what is no address.
_MOST = 100
#: Where IPv6 holds all of IPv4: mapped, compatible, translated, and tunnelled.
_ALL_OF_IPV4 = tuple(ipaddress.IPv6Network(each) for each in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "2002::/16"))


def parsed(text: str) -> Address | None:
    """Read an address, with or without a port; one of IPv4 that is mapped into IPv6 is one of IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def plain(text: str) -> str:
    """Write an address without its port, in the one way that there is; what is none stays as it is, cut."""
    found = parsed(text)
    return str(found) if found else text.strip()[:_MOST]


def is_loopback(text: str) -> bool:
    """Say whether an address is this machine's own."""
    found = parsed(text)
    return found is not None and found.is_loopback


def network(text: str) -> Network:
    """Read a network, one of IPv4 that is mapped into IPv6 as one of IPv4; raises ValueError."""
    found = ipaddress.ip_network(text)
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= 96 and found.network_address.ipv4_mapped:
        return ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def is_nearly_everybodys(found: Network) -> bool:
    """Say whether a network is so large that it holds strangers, whoever it is meant for."""
    if isinstance(found, ipaddress.IPv4Network):
        return found.prefixlen < 8
    return found.prefixlen < 8 or any(found.overlaps(each) and found.prefixlen < 104 for each in _ALL_OF_IPV4)
