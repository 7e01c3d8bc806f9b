"""Memories that Picard exported as a knowledge graph are told from the entities of others, whatever form they have."""

from typing import Any
from uuid import uuid4

import pytest

from memories.portability.readers.formats import ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, SkippedEntry
from memories.portability.readers.memory_tools.picard_graph import collect_tags, read_own_node

ID, OLDER = "0198c2a4-5d00-7c3d-9b42-5f6a7b8c9d00", "0198c2a4-5d00-7c3d-9b42-5f6a7b8c9d01"


def read(node: Any, tags: dict[str, list[str]] | None = None) -> Any:
    return read_own_node(node, tags or {}, ReadContext())


def entity(*observations: Any, **fields: Any) -> dict[str, Any]:
    return {
        "type": "entity",
        "name": f"memory {ID}",
        "entityType": "memory",
        "observations": [*observations],
        **fields,
    }


@pytest.mark.parametrize(
    "node",
    [
        None, 7, "memory", [], {}, {"name": f"memory {ID}"}, entity("x", entityType="person"),
        entity("x", name="memory of Bo"), entity("x", name=7), {**entity(), "observations": "x"},
        {"relationType": "tagged", "from": "Bo", "to": "garden"}, {"relationType": "knows", "from": f"memory {ID}"},
        {"name": "garden", "entityType": "tag", "observations": ["is wet"]},
    ],
)  # fmt: skip
def test_what_somebody_else_wrote_is_not_taken(node: Any) -> None:
    assert read(node) is None


@pytest.mark.parametrize("own", [None, 7, [], "x"])
def test_fields_that_were_dropped_are_kept_as_they_are_stored(own: Any) -> None:
    [item] = read(entity("I hike.", picard=own), {f"memory {ID}": ["sport"]})
    assert (item.tags, item.keeps, str(item.id)) == (("sport",), ("expires_at", "visibility"), ID)


def test_malformed_fields_do_not_fail() -> None:
    own = {"tags": [1, "a", None], "visibility": ["public"], "created_at": {}, "updated_at": []}
    [item] = read(entity("I hike.", picard=own))
    assert (item.tags, item.visibility) == (("a",), "private")


def test_end_that_is_not_understood_keeps_the_memory_out() -> None:
    assert read(entity("I hike.", picard={"expires_at": "some day"})) == [SkippedEntry("unread_expiry")]


def test_further_observations_are_memories_and_odd_ones_are_counted() -> None:
    [first, second, odd] = read(entity("I hike.", 7, "In the Ardennes.", None))
    assert isinstance(first, ImportItem)
    assert (second.text, second.id) == ("In the Ardennes.", None)
    assert odd == SkippedEntry("not_a_memory", 2)


def test_entity_without_observations_is_counted() -> None:
    assert read(entity()) == [SkippedEntry("blank")]


def test_id_of_another_version_tells_no_time() -> None:
    name = f"memory {uuid4()}"
    [item] = read(entity("I hike.", name=name))
    assert item.created_at is None


def test_relations_are_links_and_tags() -> None:
    relation = {"from": f"memory {ID}", "to": f"memory {OLDER}", "relationType": "supersedes"}
    tagged = {"from": f"memory {ID}", "to": "garden", "relationType": "tagged"}
    assert read(relation) == [ImportLink(ID, OLDER)]
    assert read(tagged) == []
    nodes = [relation, tagged, {**tagged, "from": "Bo"}, {**tagged, "to": 7}, None]
    assert collect_tags(nodes) == {f"memory {ID}": ["garden"]}
