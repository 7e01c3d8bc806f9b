"""A full disk: writes fail with an error message, reads work, nothing is lost, and writes work when there is space."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from picard.postgres.server import SUPERUSER
from tests.chaos.disk import fill_disk, small_disk
from tests.chaos.load import find_lost_writes
from tests.chaos.people import Person, ServerUnavailable, retry_until_answered, signed_up
from tests.chaos.product import Product, Victim, running_product
from tests.chaos.report import IS_LONG, record
from tests.processes import wait_until

TIMES = 5 if IS_LONG else 1
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="picard-disk-") as folder:
        Path(folder).chmod(0o711)
        with small_disk(Path(folder)) as disk:
            yield disk


@pytest.fixture(scope="module")
def product(disk: Path) -> Iterator[Product]:
    with running_product(disk, WEB_WORKERS="1") as product:
        yield product


@pytest.fixture(scope="module")
def ada(product: Product) -> Iterator[Person]:
    with signed_up(product.address, "ada") as [ada]:
        yield ada


@pytest.mark.parametrize("_time", range(TIMES))
def test_full_disk_rejects_writes_and_serves_reads(
    _time: int, ada: Person, product: Product, disk: Path
) -> None:
    # PostgreSQL would stop if its write-ahead log needed a new file now; the other test covers that.
    product.query("select pg_switch_wal()", role=SUPERUSER)
    memory_id = ada.create("The zebra was here before.")
    with fill_disk(disk):
        assert is_unavailable_page(write_until_rejected(ada))
        assert "The zebra was here before." in ada.get("/memories/").text
        assert "The zebra was here before." in ada.search("zebra")
        assert ada.get(f"/memories/{memory_id}/").status_code == 200
    retry_until_answered(lambda: ada.create("There is space again."))
    assert_nothing_lost("a full disk", ada, product)


@pytest.mark.parametrize("_time", range(TIMES))
def test_server_killed_on_a_full_disk_recovers_when_there_is_space(
    _time: int, ada: Person, product: Product, disk: Path
) -> None:
    ada.create("The zebra was here before.")
    [indexer] = product.find(Victim.INDEXER)
    with fill_disk(disk):
        product.kill(Victim.POSTGRES)
        answers = [get_list(ada) for _ in range(3)]
    retry_until_answered(lambda: ada.create("There is space again."))
    wait_until(product.is_ready)
    for each in answers:  # PostgreSQL may find enough space to recover
        assert each is not None
        assert each.status_code == 200 or is_unavailable_page(each)
    assert product.find(Victim.INDEXER) == [indexer]  # it waited: repeated deaths would stop the server
    assert_nothing_lost("kill -9 on a full disk", ada, product)


def assert_nothing_lost(after: str, person: Person, product: Product) -> None:
    lost_writes = find_lost_writes([person], product.stored())
    record(after, tries=1, lost=len(lost_writes), what="acknowledged writes lost")
    assert lost_writes == []


def write_until_rejected(person: Person) -> httpx.Response | None:
    """Create memories until one is rejected; table pages with free space accept a few. Return the 503 response."""
    for number in range(300):
        try:
            person.create(f"Number {number}." + " A long one." * 500)
        except ServerUnavailable as error:
            return error.response
    pytest.fail("no write was rejected")


def get_list(person: Person) -> httpx.Response | None:
    try:
        return person.get("/memories/")
    except ServerUnavailable as error:
        return error.response


def is_unavailable_page(response: httpx.Response | None) -> bool:
    assert response is not None
    actual = (response.status_code, response.headers.get("Retry-After"))
    return actual == (503, "5") and "may not have been saved" in response.text
