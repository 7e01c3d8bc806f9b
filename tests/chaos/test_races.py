"""Processes that start at the same time, on a machine without any data."""

from tests.chaos.product import fresh_product
from tests.chaos.report import record


def test_concurrent_first_migrations_both_succeed() -> None:
    with fresh_product() as product:
        racers = [product.popen("manage.py", "migrate") for _ in range(2)]
        outputs = [racer.communicate(timeout=300)[0] for racer in racers]
    failed = sum(racer.returncode != 0 for racer in racers)
    record("two migrates at once", tries=len(racers), lost=failed, what="migrations failed")
    assert failed == 0, outputs
    assert sorted("No migrations to apply" in text for text in outputs) == [False, True], outputs
