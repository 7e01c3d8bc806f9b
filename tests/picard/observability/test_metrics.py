"""/metrics is for whoever shows the token, and says numbers alone; security.txt is for everybody."""

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
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


def samples_of(text: str) -> dict[str, float]:
    """Each sample's value, by its name and the values of its labels."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {_key(sample): sample.value for sample in found}


def _key(sample: Sample) -> str:
    return " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))])


def scraped(client: Client) -> dict[str, float]:
    return samples_of(client.get("/metrics", headers=SHOWN).content.decode())


def test_without_a_token_there_is_no_such_page() -> None:
    assert Client().get("/metrics").status_code == 404


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_who_does_not_show_the_token_is_told_nothing(settings: Settings, shown: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get(
        "/metrics", headers={"Authorization": shown}
    )  # without the db fixture a query fails
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.django_db
def test_the_figures_are_counted_and_nobody_is_named(settings: Settings, ada: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    remember(ada, "I am allergic to peanuts")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert {
        "picard_people": 1,
        "picard_memories": 1,
        "picard_pending": 1,
        "picard_failed": 0,
        "picard_workers": 0,
    }.items() <= samples_of(answer.content.decode()).items()
    assert samples_of(answer.content.decode())["process_resident_memory_bytes"] > 0
    assert not any(word in answer.content.decode() for word in ("ada", "peanuts", str(ada.pk)))


@pytest.mark.django_db
def test_names_and_types_are_as_prometheus_wants_them(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    text = Client().get("/metrics", headers=SHOWN).content.decode()
    families = [*text_string_to_metric_families(text)]
    assert {"http_requests", "http_request_duration_seconds", "process_cpu_seconds"} <= {
        family.name for family in families
    }
    for family in families:
        assert re.match(r"(picard|http|process|python)_[a-z_]+$", family.name)
        assert not re.search(r"_(s|ms|kb|mb)$", family.name), "a unit is not written out"
        assert family.documentation
        assert family.type != "counter" or all(
            sample.name.endswith(("_total", "_created")) for sample in family.samples
        )


@pytest.mark.django_db
def test_requests_are_counted_by_route_and_no_label_says_whose(settings: Settings, ada: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    memory = remember(ada, "I am allergic to peanuts")
    client = Client()
    before = scraped(client)
    client.get("/")
    client.get("/", {"q": "peanuts"})
    client.get(f"/api/v1/memories/{memory.pk}/")
    client.get(f"/@{ada.handle}")
    client.get("/no/such/ada")
    client.get("/static/none.css")
    client.generic("PEANUTS", "/help/")
    after = scraped(client)
    added = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key)}
    assert added["http_requests_total GET 200 landing"] == 2
    assert added["http_request_duration_seconds_count GET landing"] == 2
    assert added["http_request_duration_seconds_bucket +Inf GET landing"] == 2
    assert added["http_requests_total GET 404 unmatched"] == 1
    assert added["http_requests_total GET 404 static"] == 1
    assert added["http_requests_total other 405 help"] == 1
    text = "\n".join(after)
    assert not any(word in text for word in ("ada", "peanuts", "PEANUTS", str(memory.pk), str(ada.handle)))


def test_without_a_token_nothing_is_counted(settings: Settings) -> None:
    client = Client()
    settings.METRICS_TOKEN = TOKEN
    counted = client.get("/healthz", headers=SHOWN)  # whatever was counted before
    settings.METRICS_TOKEN = ""
    before = _counted_here()
    client.get("/healthz")
    assert (counted.status_code, _counted_here()) == (200, before)


def _counted_here() -> list[Sample]:
    from picard.observability.http_metrics import IN_THIS_PROCESS

    return [sample for family in IN_THIS_PROCESS.collect() for sample in family.samples]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_two_workers_count_adds_up_and_outlives_each_of_them() -> None:
    with serving(WEB_WORKERS="2", METRICS_TOKEN=TOKEN, MAX_BODY_BYTES="1000") as address:
        sent = _ask_until_both_have_counted(address)
        folder = next(iter(_files_of_workers())).parent
        assert _landings(address) == sent
        assert httpx.get(f"{address}/metrics").status_code == 401
        killed = _workers()[0]
        killed.kill()
        wait_until(lambda: len(_workers()) == 2 and killed not in _workers())
        assert _landings(address) == sent
        sent += _ask_until_both_have_counted(address)
        assert _landings(address) == sent
        assert len([*folder.glob("counter_*.db")]) == 2, (
            "the one that came took over the file of the one that went"
        )
        assert httpx.post(f"{address}/", content=bytes(1001)).status_code == 413
        assert _scraped(address)["http_requests_total POST 413 gateway"] == 1
        assert _scraped(address)["picard_web_processes"] == 3
        assert httpx.get(f"{address}/healthz").is_success
        native = "http_requests_total GET 200 picard.observability.health.liveness_view"
        assert _scraped(address)[native] == 1
    assert not folder.exists()


def _ask_until_both_have_counted(address: str) -> int:
    """Each request over a connection of its own; how many there were."""
    sent = 0
    with ThreadPoolExecutor(8) as threads:
        while not sent or len({*_files_of_workers()}) < 2:
            assert all(threads.map(lambda _: httpx.get(f"{address}/").is_success, range(16)))
            sent += 16
            assert sent < 1_000
    return sent


def _workers() -> list[psutil.Process]:
    """gunicorn's, of the server that this test started."""
    programs = psutil.Process().children(recursive=True)
    return [each for each in programs if _runs_gunicorn(each) and _runs_gunicorn(each.parent())]


def _runs_gunicorn(process: psutil.Process | None) -> bool:
    with suppress(psutil.Error):
        return process is not None and "gunicorn" in " ".join(process.cmdline())
    return False


def _files_of_workers() -> Iterator[Path]:
    for worker in _workers():
        with suppress(psutil.Error):
            maps = (Path(each.path) for each in worker.memory_maps())
            yield from (path for path in maps if path.name.startswith("counter_"))


def _scraped(address: str) -> dict[str, float]:
    return samples_of(httpx.get(f"{address}/metrics", headers=SHOWN).text)


def _landings(address: str) -> float:
    found = _scraped(address)
    counted = found["http_requests_total GET 200 landing"]
    assert found["http_request_duration_seconds_count GET landing"] == counted
    assert found["http_request_duration_seconds_bucket +Inf GET landing"] == counted
    return counted


@pytest.mark.django_db
def test_who_watches_from_within_is_not_sent_to_https(settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = TOKEN, True
    asked = Client()
    assert asked.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert [asked.get(path).status_code for path in ("/healthz", "/metrics/x", "/")] == [200, 301, 301]


def test_security_txt_names_the_operators_contact_and_expires(settings: Settings) -> None:
    assert Client().get("/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = "mailto:security@example.org"
    answer = Client().get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == f"{settings.PUBLIC_URL}/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=170) < left < timedelta(days=365)
