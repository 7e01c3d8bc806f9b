"""The IP address of a client, and the network that counts as one client for rate limits."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

ADDRESS_WITH_PORT = re.compile(r"^(?:\[([^\]]*)\](?::\d*)?|([\d.]+):\d+)$")


def get_client_ip(request: HttpRequest) -> str:
    """Return the client's IP address: the X-Forwarded-For entry of the outermost trusted proxy, or the peer address.

    Entries further left are set by the client and cannot be trusted.
    """
    hops = settings.TRUSTED_PROXY_HOPS
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if hops and len(forwarded) >= hops and forwarded[-hops]:
        return str(forwarded[-hops][:45])  # maximum length of an IPv6 address
    return str(request.META.get("REMOTE_ADDR", ""))


def get_client_network(request: HttpRequest) -> str:
    """Return the network whose requests share a rate limit: the IPv4 address, or the IPv6 /64 prefix.

    A household or server usually has a whole /64. A port, as some proxies append it, is ignored.
    """
    client_ip = get_client_ip(request)
    try:
        address = ip_address(ADDRESS_WITH_PORT.sub(r"\1\2", client_ip))
    except ValueError:
        return client_ip
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
