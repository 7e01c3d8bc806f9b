"""Hosts by which it is told whether texts leave this machine."""

OPENAI_HOST = "api.openai.com"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
