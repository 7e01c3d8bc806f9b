"""Names of well-known hosts."""

OPENAI_HOST = "api.openai.com"

# This machine, as written in URLs and Host headers, and as returned by `urlsplit(...).hostname`.
LOOPBACK_HOSTS_IN_URLS = ("127.0.0.1", "localhost", "[::1]")
LOOPBACK_HOSTS = frozenset(host.strip("[]") for host in LOOPBACK_HOSTS_IN_URLS)
