"""A full disk: writes are refused in words, reads go on, nothing is lost, and it ends when there is room again."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from picard.postgres.server import SUPERUSER
from tests.chaos.disk import full, small_disk
from tests.chaos.load import lost
from tests.chaos.people import NoAnswer, Person, persistently, signed_up
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
def test_on_a_full_disk_writes_are_refused_in_words_and_reads_go_on(
    _time: int, ada: Person, product: Product, disk: Path
) -> None:
    # A write-ahead log that needs a new file just now would stop PostgreSQL: the other test's matter.
    product.query("select pg_switch_wal()", role=SUPERUSER)
    memory_id = ada.create("The zebra was here before.")
    with full(disk):
        assert says_that_it_cannot(write_until_refused(ada))
        assert "The zebra was here before." in ada.get("/memories/").text
        assert "The zebra was here before." in ada.search("zebra")
        assert ada.get(f"/memories/{memory_id}/").status_code == 200
    persistently(lambda: ada.create("There is room again."))
    nothing_is_lost("a full disk", ada, product)


@pytest.mark.parametrize("_time", range(TIMES))
def test_a_server_killed_on_a_full_disk_comes_back_when_there_is_room(
    _time: int, ada: Person, product: Product, disk: Path
) -> None:
    ada.create("The zebra was here before.")
    [indexer] = product.find(Victim.INDEXER)
    with full(disk):
        product.kill(Victim.POSTGRES)
        answers = [answer(ada) for _ in range(3)]
    persistently(lambda: ada.create("There is room again."))
    wait_until(product.is_ready)
    for each in answers:  # where it finds room to recover in, it may well answer
        assert each is not None
        assert each.status_code == 200 or says_that_it_cannot(each)
    assert product.find(Victim.INDEXER) == [indexer]  # it has waited, not died: deaths would stop everything
    nothing_is_lost("kill -9 on a full disk", ada, product)


def nothing_is_lost(after: str, person: Person, product: Product) -> None:
    gone = lost([person], product.stored())
    record(after, tries=1, lost=len(gone), what="acknowledged writes lost")
    assert gone == []


def write_until_refused(person: Person) -> httpx.Response | None:
    """Pages that have room take a few more writes. All of these count as kept."""
    for number in range(300):
        try:
            person.create(f"Number {number}. " + "A long one. " * 500)
        except NoAnswer as refused:
            return refused.response
    pytest.fail("it was never refused")


def answer(person: Person) -> httpx.Response | None:
    try:
        return person.get("/memories/")
    except NoAnswer as refused:
        return refused.response


def says_that_it_cannot(answer: httpx.Response | None) -> bool:
    assert answer is not None
    told = (answer.status_code, answer.headers.get("Retry-After"))
    return told == (503, "5") and "may not have been saved" in answer.text
