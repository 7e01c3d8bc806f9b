"""The proxy for requests to a provider, from the environment.

It is used for https only, which it cannot read (it is asked for a tunnel, RFC 9110 9.3.6), and never for this machine:
HTTPS_PROXY, else ALL_PROXY, except for the hosts in NO_PROXY. HTTP_PROXY is ignored: that proxy would read the texts.
"""

import os
from importlib.util import find_spec
from ipaddress import ip_address, ip_network

import httpx2

from core.hosts import Origin, is_loopback_host
from memories.providers.embeddings import ProviderRejected

PROXY_VARIABLES = ("HTTPS_PROXY", "ALL_PROXY")
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def find_proxy(origin: Origin) -> str | None:
    """Return the proxy for requests to this origin, None for a direct connection. Raises ProviderRejected."""
    if origin.scheme != "https" or is_loopback_host(origin.host) or _is_exempt(origin):
        return None
    for name in PROXY_VARIABLES:
        if value := read_variable(name):
            return _check_proxy(name, value)
    return None


def read_variable(name: str) -> str:
    """Return a variable, preferably in lower case, as curl reads it."""
    return (os.environ.get(name.lower()) or os.environ.get(name) or "").strip()


def _check_proxy(name: str, value: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL("")
    if parsed.scheme not in PROXY_SCHEMES or not parsed.host:
        raise ProviderRejected("misconfigured", f"{name} is not the URL of a proxy.")
    if parsed.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ProviderRejected("misconfigured", f"{name} is a SOCKS proxy, which needs the package socksio.")
    return url


def _is_exempt(origin: Origin) -> bool:
    """Return whether NO_PROXY names the host: `*`, a domain, an address, a network, each also with a port."""
    entries = read_variable("NO_PROXY").replace(",", " ").split()
    return any(_matches_entry(origin, entry.lower()) for entry in entries)


def _matches_entry(origin: Origin, entry: str) -> bool:
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2]
    host, separator, port = entry.rpartition(":")
    if separator and port.isdecimal() and (":" not in host or host.endswith("]")):
        if int(port) != origin.port:
            return False
        entry = host
    entry = entry.removeprefix("*")
    address, slash, bits = entry.partition("/")
    try:
        network = ip_network(f"{address.strip('[]')}{slash}{bits.strip(']')}", strict=False)
        return ip_address(origin.host) in network
    except ValueError:  # one of the two is a name
        domain = entry.strip("[].")
        return bool(domain) and (origin.host == domain or origin.host.endswith(f".{domain}"))
