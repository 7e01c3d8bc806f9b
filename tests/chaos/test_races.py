"""Processes that start at the same moment, on a machine where nothing is there yet."""

from tests.chaos.product import fresh_product
from tests.chaos.report import record


def test_two_migrates_at_once_on_an_empty_database_one_waits_and_both_succeed() -> None:
    with fresh_product() as product:
        racers = [product.popen("manage.py", "migrate") for _ in range(2)]
        said = [racer.communicate(timeout=300)[0] for racer in racers]
    failed = sum(racer.returncode != 0 for racer in racers)
    record("two migrates at once", tries=len(racers), lost=failed, what="migrations failed")
    assert failed == 0, said
    assert sorted("No migrations to apply" in text for text in said) == [False, True], said
