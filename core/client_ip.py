"""The IP address of a request's client, and the network that counts as one client for rate limits."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

ADDRESS_WITH_PORT = re.compile(r"^(?:\[([^\]]*)\](?::\d*)?|([\d.]+):\d+)$")


def get_client_ip(request: HttpRequest) -> str:
    """Where a request comes from: what the trusted proxies say, counted from the right, or the connection's other end.

    Entries further left are the client's own words and are not believed.
    """
    hops = settings.TRUSTED_PROXY_HOPS
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if hops and len(forwarded) >= hops and forwarded[-hops]:
        return str(forwarded[-hops][:45])  # the longest an IPv6 address can be
    return str(request.META.get("REMOTE_ADDR", ""))


def get_client_network(request: HttpRequest) -> str:
    """Whose share of a limit a request takes: its address, of IPv6 the 64 bits that one household or server has whole.

    A port, as some proxies write it, says nothing of who asks.
    """
    given = get_client_ip(request)
    bare = ADDRESS_WITH_PORT.sub(r"\1\2", given)
    try:
        address = ip_address(bare)
    except ValueError:
        return given
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
