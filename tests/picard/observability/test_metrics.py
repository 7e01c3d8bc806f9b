"""/metrics: requires the token and contains only numbers. Also security.txt."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pytest_django import Settings

from accounts.models import User
from tests.factories import remember
from tests.processes import serving, wait_until

TOKEN = "t" * 40
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def parse_samples(text: str) -> dict[str, float]:
    """Return the value of each sample by its name and the values of its labels."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {_get_key(sample): sample.value for sample in samples}


def _get_key(sample: Sample) -> str:
    return " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))])


def scrape(client: Client) -> dict[str, float]:
    return parse_samples(client.get("/metrics", headers=HEADERS).content.decode())


def test_page_is_404_if_no_token_is_configured() -> None:
    assert Client().get("/metrics").status_code == 404


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_wrong_token_is_401_without_a_query(settings: Settings, authorization: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    # Without the db fixture, a query fails.
    response = Client().get("/metrics", headers={"Authorization": authorization})
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.django_db
def test_metrics_contain_counts_and_no_personal_data(settings: Settings, ada: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    remember(ada, "I am allergic to peanuts")
    response = Client().get("/metrics", headers=HEADERS)
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert {
        "picard_people": 1,
        "picard_memories": 1,
        "picard_pending": 1,
        "picard_failed": 0,
        "picard_workers": 0,
    }.items() <= parse_samples(response.content.decode()).items()
    assert parse_samples(response.content.decode())["process_resident_memory_bytes"] > 0
    assert not any(word in response.content.decode() for word in ("ada", "peanuts", str(ada.pk)))


@pytest.mark.django_db
def test_names_and_types_follow_prometheus_conventions(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    text = Client().get("/metrics", headers=HEADERS).content.decode()
    families = [*text_string_to_metric_families(text)]
    assert {"http_requests", "http_request_duration_seconds", "process_cpu_seconds"} <= {
        family.name for family in families
    }
    for family in families:
        assert re.match(r"(picard|http|process|python)_[a-z_]+$", family.name)
        assert not re.search(r"_(s|ms|kb|mb)$", family.name), "Spell out the unit."
        assert family.documentation
        assert family.type != "counter" or all(
            sample.name.endswith(("_total", "_created")) for sample in family.samples
        )


@pytest.mark.django_db
def test_requests_are_counted_by_route_without_personal_labels(settings: Settings, ada: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    memory = remember(ada, "I am allergic to peanuts")
    client = Client()
    before = scrape(client)
    client.get("/")
    client.get("/", {"q": "peanuts"})
    client.get(f"/api/v1/memories/{memory.pk}/")
    client.get(f"/@{ada.handle}")
    client.get("/no/such/ada")
    client.get("/static/none.css")
    client.generic("PEANUTS", "/help/")
    after = scrape(client)
    added = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key)}
    assert added["http_requests_total GET 200 landing"] == 2
    assert added["http_request_duration_seconds_count GET landing"] == 2
    assert added["http_request_duration_seconds_bucket +Inf GET landing"] == 2
    assert added["http_requests_total GET 404 unmatched"] == 1
    assert added["http_requests_total GET 404 static"] == 1
    assert added["http_requests_total other 405 help"] == 1
    text = "\n".join(after)
    assert not any(word in text for word in ("ada", "peanuts", "PEANUTS", str(memory.pk), str(ada.handle)))


def test_nothing_is_counted_if_no_token_is_configured(settings: Settings) -> None:
    client = Client()
    settings.METRICS_TOKEN = TOKEN
    counted = client.get("/healthz", headers=HEADERS)  # so that there are samples
    settings.METRICS_TOKEN = ""
    before = _collect_samples()
    client.get("/healthz")
    assert (counted.status_code, _collect_samples()) == (200, before)


def _collect_samples() -> list[Sample]:
    from picard.observability.http_metrics import IN_THIS_PROCESS

    return [sample for family in IN_THIS_PROCESS.collect() for sample in family.samples]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_counts_of_two_workers_add_up_and_survive_a_restart() -> None:
    with serving(WEB_WORKERS="2", METRICS_TOKEN=TOKEN, MAX_BODY_BYTES="1000") as url:
        sent = _send_until_both_workers_have_counted(url)
        folder = next(iter(_list_worker_files())).parent
        assert _count_landing_requests(url) == sent
        assert httpx.get(f"{url}/metrics").status_code == 401
        killed = _workers()[0]
        killed.kill()
        wait_until(lambda: len(_workers()) == 2 and killed not in _workers())
        assert _count_landing_requests(url) == sent
        sent += _send_until_both_workers_have_counted(url)
        assert _count_landing_requests(url) == sent
        assert len([*folder.glob("counter_*.db")]) == 2, (
            "The new worker should have reused the file of the killed one."
        )
        assert httpx.post(f"{url}/", content=bytes(1001)).status_code == 413
        assert _scrape_url(url)["http_requests_total POST 413 gateway"] == 1
        assert _scrape_url(url)["picard_web_processes"] == 3
        assert httpx.get(f"{url}/healthz").is_success
        native = "http_requests_total GET 200 picard.observability.health.liveness_view"
        assert _scrape_url(url)[native] == 1
    assert not folder.exists()


def _send_until_both_workers_have_counted(url: str) -> int:
    """Send requests, each on a new connection; return their number."""
    sent = 0
    with ThreadPoolExecutor(8) as threads:
        while not sent or len({*_list_worker_files()}) < 2:
            assert all(threads.map(lambda _: httpx.get(f"{url}/").is_success, range(16)))
            sent += 16
            assert sent < 1_000
    return sent


def _workers() -> list[psutil.Process]:
    """Return gunicorn's workers of the server started by this test."""
    processes = psutil.Process().children(recursive=True)
    return [each for each in processes if _is_gunicorn(each) and _is_gunicorn(each.parent())]


def _is_gunicorn(process: psutil.Process | None) -> bool:
    with suppress(psutil.Error):
        return process is not None and "gunicorn" in " ".join(process.cmdline())
    return False


def _list_worker_files() -> Iterator[Path]:
    for worker in _workers():
        with suppress(psutil.Error):
            maps = (Path(each.path) for each in worker.memory_maps())
            yield from (path for path in maps if path.name.startswith("counter_"))


def _scrape_url(url: str) -> dict[str, float]:
    return parse_samples(httpx.get(f"{url}/metrics", headers=HEADERS).text)


def _count_landing_requests(url: str) -> float:
    samples = _scrape_url(url)
    count = samples["http_requests_total GET 200 landing"]
    assert samples["http_request_duration_seconds_count GET landing"] == count
    assert samples["http_request_duration_seconds_bucket +Inf GET landing"] == count
    return count


@pytest.mark.django_db
def test_internal_monitoring_is_not_redirected_to_https(settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = TOKEN, True
    client = Client()
    assert client.get("/metrics", headers=HEADERS).status_code == 200
    assert [client.get(path).status_code for path in ("/healthz", "/metrics/x", "/")] == [200, 301, 301]


def test_security_txt_has_the_contact_and_an_expiry(settings: Settings) -> None:
    assert Client().get("/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = "mailto:security@example.org"
    response = Client().get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == f"{settings.PUBLIC_URL}/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=170) < left < timedelta(days=365)
