"""Upgrade from release 0.1.0: memories of its database can be read, found and changed.

release_0_1/ contains a backup made by that release for this test; its keys are used nowhere else.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.people import Person, Written
from tests.chaos.product import Product, fresh_product

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "release_0_1"


@pytest.fixture(scope="module")
def restored() -> Iterator[Product]:
    with fresh_product(WEB_WORKERS="1") as product:
        keys = FOLDER / "keys" / "picard.keys"
        file = str(FOLDER / "data" / "picard.dump")
        product.run("manage.py", "restore", file, "--keys", str(keys), "--allow-unauthenticated")
        product.run("manage.py", "migrate", "--check")  # no unapplied migrations
        product.start()
        yield product


@pytest.fixture(scope="module")
def ada(restored: Product) -> Iterator[Person]:
    person = Person(restored.address, "ada")
    person.log_in()
    yield person
    person.close()


def test_all_memories_can_be_read_and_have_fresh_vectors(restored: Product, ada: Person) -> None:
    stored = restored.stored()
    assert {memory["text"] for memory in stored} == {
        "The spare key lies under the third flower pot.",
        "I play the viola in a quartet on Thursdays.",
        "Allergic to hazelnuts.",
        "My bicycle is green.",
        "This one is in the trash.",
    }
    assert all(memory["has_fresh_vectors"] for memory in stored if not memory["is_trashed"])
    assert "I play the viola" in ada.search("quartet viola")
    assert "This one is in the trash." in ada.get("/memories/trash/").text


def test_saved_filters_and_connected_apps_still_exist(ada: Person) -> None:
    assert "At home" in ada.get("/memories/").text  # a saved filter
    assert "Desk" in ada.get("/accounts/apps/").text  # a connected app, limited to a tag


def test_old_memory_can_be_changed_and_keeps_its_history(restored: Product, ada: Person) -> None:
    [bicycle] = [memory for memory in restored.stored() if memory["text"] == "My bicycle is green."]
    ada.written[bicycle["id"]] = Written(["My bicycle is green."])
    ada.edit(bicycle["id"], "My bicycle is blue.")
    [changed] = [memory for memory in restored.stored() if memory["id"] == bicycle["id"]]
    assert (changed["text"], set(changed["earlier"])) == (
        "My bicycle is blue.",
        {"My bicycle is red.", "My bicycle is green."},
    )
