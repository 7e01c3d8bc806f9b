"""Which client a request counts for."""

import pytest

from picard.server.clients import ClientDirectory
from picard.server.wsgi import Scope


def _build_scope(path: str, ip: str) -> Scope:
    return {"path": path, "headers": [], "client": (ip, 50_000)}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_flood_of_health_checks_delays_no_monitoring_from_elsewhere(path: str) -> None:
    directory = ClientDirectory(lambda _: None)
    flood, credential = directory.find(_build_scope(path, "192.0.2.7"))
    assert credential is None
    assert directory.find(_build_scope(path, "10.0.0.2"))[0] != flood


def test_monitoring_does_not_wait_for_pages_of_its_network() -> None:
    directory = ClientDirectory(lambda _: None)
    assert (
        directory.find(_build_scope("/readyz", "10.0.0.2"))[0]
        != directory.find(_build_scope("/", "10.0.0.2"))[0]
    )
