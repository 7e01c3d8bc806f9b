"""Names of loopback hosts."""

from urllib.parse import urlsplit

import pytest

from core.hosts import LOOPBACK_HOSTS, LOOPBACK_HOSTS_IN_URLS, is_loopback_host


@pytest.mark.parametrize("host", LOOPBACK_HOSTS_IN_URLS)
def test_loopback_url_is_recognised(host: str) -> None:
    assert urlsplit(f"http://{host}:8000/path").hostname in LOOPBACK_HOSTS


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1.example.org", "http://[::2]", "mailto:x"]
)
def test_other_hosts_are_not_loopback(url: str) -> None:
    assert urlsplit(url).hostname not in LOOPBACK_HOSTS


@pytest.mark.parametrize(
    "host", [*sorted(LOOPBACK_HOSTS), "127.8.9.1", "LOCALHOST", "localhost.", "::ffff:127.0.0.1", "[::1]"]
)
def test_every_name_and_address_of_this_machine_is_recognised(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.org",
        "localhost.example.org",
        "128.0.0.1",
        "::2",
        "::ffff:10.0.0.1",
        "10.0.0.1",
    ],
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback_host(host)
