"""Hosts that the code knows by name."""

OPENAI_HOST = "api.openai.com"

# This machine itself: as URLs and Host headers write it, and as `urlsplit(...).hostname` returns it.
LOOPBACK_HOSTS_IN_URLS = ("127.0.0.1", "localhost", "[::1]")
LOOPBACK_HOSTS = frozenset(host.strip("[]") for host in LOOPBACK_HOSTS_IN_URLS)
