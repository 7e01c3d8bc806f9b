"""Names of loopback hosts."""

from urllib.parse import urlsplit

import pytest

from core.hosts import LOOPBACK_HOSTS, LOOPBACK_HOSTS_IN_URLS


@pytest.mark.parametrize("host", LOOPBACK_HOSTS_IN_URLS)
def test_loopback_url_is_recognised(host: str) -> None:
    assert urlsplit(f"http://{host}:8000/path").hostname in LOOPBACK_HOSTS


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1.example.org", "http://[::2]", "mailto:x"]
)
def test_other_hosts_are_not_loopback(url: str) -> None:
    assert urlsplit(url).hostname not in LOOPBACK_HOSTS
