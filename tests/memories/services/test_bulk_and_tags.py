"""Similar memories, bulk changes and tags: what the owner can do, and nobody else."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.actor import InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import MemoryNotFound, TagNotFound
from memories.models import Memory, MemoryVector
from memories.models.visibility import Filters
from memories.search import near_duplicates
from memories.services import reads, selection, tag_admin, writes
from memories.services.selection import Selection
from tests.factories import app, remember, session

Index = Callable[[], int]


@pytest.fixture(autouse=True)
def _provider(settings: object) -> None:
    settings.EMBEDDING_PROVIDER = "tests.providers.WordHashes"  # type: ignore[attr-defined]


def get_tag_names(user: User, memory: Memory) -> list[str]:
    return sorted(tag.name for tag in reads.get_memory(session(user), memory.pk).tags.all())


def list_texts(user: User) -> list[str]:
    return [memory.text for memory in reads.list_memories(session(user)).memories]


def get_tag_id(user: User, name: str) -> UUID:
    return next(tag.pk for tag in reads.list_tags(session(user)).tags if tag.name == name)


# --- Similar memories -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "visibilities", [("private", "private"), ("private", "public"), ("public", "private")]
)
def test_duplicates_are_detected_once_embedded(
    ada: User, index: Index, visibilities: tuple[str, str]
) -> None:
    older = remember(ada, "My dog drinks coffee.", visibility=visibilities[0])
    newer = remember(ada, "My puppy drinks espresso.", visibility=visibilities[1])
    remember(ada, "The train leaves at nine.")
    assert near_duplicates.find_similar(session(ada), newer.pk) == []
    index()
    for one, other in ((older, newer), (newer, older)):
        [found] = near_duplicates.find_similar(session(ada), one.pk)
        assert (found.memory.pk, found.is_same) == (other.pk, True)
        assert found.cosine > 0.99


def test_older_memory_gets_newer_text_and_keeps_history(ada: User, index: Index) -> None:
    older = remember(ada, "My dog drinks coffee.", tags=["dog"])
    newer = remember(ada, "My puppy drinks espresso.", tags=["coffee"])
    index()
    merged = near_duplicates.merge_memories(session(ada), newer.pk, older.pk)
    assert merged.pk == older.pk
    assert list_texts(ada) == ["My puppy drinks espresso."]
    assert get_tag_names(ada, older) == ["coffee", "dog"]
    assert [each.text for each in reads.get_history(session(ada), older.pk).revisions] == [
        "My dog drinks coffee."
    ]
    assert [each.pk for each in reads.list_trash(session(ada)).memories] == [newer.pk]


def test_merged_memory_has_both_texts(ada: User) -> None:
    older, newer = remember(ada, "One."), remember(ada, "Two.")
    assert near_duplicates.merge_memories(session(ada), older.pk, newer.pk, merge=True).text == "One.\n\nTwo."


def test_merge_never_publishes_private_text(ada: User) -> None:
    older, newer = remember(ada, "Open.", visibility="public"), remember(ada, "Secret.")
    assert near_duplicates.merge_memories(session(ada), older.pk, newer.pk).visibility == "private"


def test_dismissed_duplicates_are_not_asked_again(ada: User, index: Index) -> None:
    older, newer = remember(ada, "My dog runs."), remember(ada, "My puppy runs.")
    index()
    near_duplicates.dismiss_duplicate(session(ada), newer.pk, older.pk)
    for memory in (older, newer):
        assert not any(each.is_same for each in near_duplicates.find_similar(session(ada), memory.pk))
    assert len(near_duplicates.find_similar(session(ada), older.pk)) == 1


def test_similar_memories_exclude_other_users(ada: User, bob: User, index: Index) -> None:
    own = remember(ada, "My dog runs.")
    other = remember(bob, "My puppy runs.", visibility="public")
    index()
    assert near_duplicates.find_similar(session(ada), own.pk) == []
    for act in (near_duplicates.merge_memories, near_duplicates.dismiss_duplicate):
        with pytest.raises(MemoryNotFound):
            act(session(ada), own.pk, other.pk)
    with pytest.raises(MemoryNotFound):
        near_duplicates.find_similar(session(ada), other.pk)


def test_similar_memories_respect_tag_limits(ada: User, index: Index) -> None:
    own = remember(ada, "My dog runs.", tags=["work"])
    remember(ada, "My puppy runs.")
    index()
    limited = app(ada, only_tags=frozenset({get_tag_id(ada, "work")}))
    assert near_duplicates.find_similar(limited, own.pk) == []
    assert len(near_duplicates.find_similar(session(ada), own.pk)) == 1


# --- Bulk changes -----------------------------------------------------------------------------------------


def test_all_matching_memories_are_trashed_and_restored(ada: User) -> None:
    for n in range(3):
        remember(ada, f"Work {n}.", tags=["work"])
    remember(ada, "Home.")
    writes.trash_memory(session(ada), remember(ada, "Gone before.").pk)
    selected = Selection(filters=Filters(tags_all=frozenset({get_tag_id(ada, "work")})))
    count, moment = selection.trash_selection(session(ada), selected)
    assert (count, list_texts(ada)) == (3, ["Home."])
    assert moment is not None
    assert selection.restore_trashed_selection(session(ada), moment) == 3
    assert len(list_texts(ada)) == 4
    assert MemoryVector.objects.filter(is_trashed=True).count() == 1


def test_tag_is_added_to_and_removed_from_many(ada: User) -> None:
    one, two = remember(ada, "One.", tags=["x"]), remember(ada, "Two.")
    selected = Selection([one.pk, two.pk])
    assert selection.tag_selection(session(ada), selected, "X") == 1
    assert get_tag_names(ada, two) == ["x"]
    assert reads.get_memory(session(ada), two.pk).version == 2
    assert selection.untag_selection(session(ada), selected, "x") == 2
    assert get_tag_names(ada, one) == get_tag_names(ada, two) == []


def test_tag_limit_of_one_memory_rejects_for_all(ada: User) -> None:
    full, other = remember(ada, "Full.", tags=[f"t{n}" for n in range(20)]), remember(ada, "Other.")
    with pytest.raises(ValidationError):
        selection.tag_selection(session(ada), Selection([full.pk, other.pk]), "one more")
    assert get_tag_names(ada, other) == []


def test_many_are_published_and_get_an_expiry(ada: User) -> None:
    selected = Selection([remember(ada, "One.").pk, remember(ada, "Two.").pk])
    assert selection.set_selection_visibility(session(ada), selected, "public") == 2
    assert selection.set_selection_visibility(session(ada), selected, "public") == 0
    until = timezone.now() + timedelta(days=7)
    assert selection.set_selection_expiry(session(ada), selected, until) == 2
    assert set(MemoryVector.objects.values_list("is_public", "expires_at")) == {(True, until)}
    assert set(Memory.objects.values_list("visibility", "version")) == {("public", 3)}


def test_memories_of_other_users_cannot_be_changed(ada: User, bob: User) -> None:
    other = remember(bob, "Bob's.", visibility="public")
    selected = Selection([other.pk])
    assert selection.trash_selection(session(ada), selected) == (0, None)
    assert selection.tag_selection(session(ada), selected, "mine") == 0
    assert reads.get_memory(session(bob), other.pk).version == 1


def test_bulk_changes_need_admin_scope(ada: User) -> None:
    own = remember(ada, "One.", tags=["x"])
    with pytest.raises(InsufficientScope):
        selection.trash_selection(app(ada), Selection([own.pk]))
    with pytest.raises(InsufficientScope):
        tag_admin.rename_tag(app(ada), get_tag_id(ada, "x"), "y")


# --- Tags -------------------------------------------------------------------------------------------------


def test_renamed_tag_stays_on_its_memories(ada: User) -> None:
    own = remember(ada, "One.", tags=["wrok"])
    tag_admin.rename_tag(session(ada), get_tag_id(ada, "wrok"), " Work ")
    assert get_tag_names(ada, own) == ["Work"]
    assert reads.get_memory(session(ada), own.pk).version == 2
    tag_admin.rename_tag(session(ada), get_tag_id(ada, "Work"), "work")
    assert get_tag_names(ada, own) == ["work"]


def test_rename_to_existing_name_merges_tags(ada: User) -> None:
    one, both = remember(ada, "One.", tags=["job"]), remember(ada, "Both.", tags=["job", "work"])
    tag_admin.rename_tag(session(ada), get_tag_id(ada, "job"), "WORK", may_merge=True)
    assert get_tag_names(ada, one) == get_tag_names(ada, both) == ["work"]


def test_deleting_tag_keeps_memories(ada: User) -> None:
    own = remember(ada, "One.", tags=["x", "y"])
    assert tag_admin.remove_tag(session(ada), get_tag_id(ada, "x")) == 1
    assert get_tag_names(ada, own) == ["y"]


@pytest.mark.parametrize("name", ["", "  ", "a,b", "t" * 51, "a\0b"])
def test_invalid_tag_name_is_rejected(ada: User, name: str) -> None:
    remember(ada, "One.", tags=["x"])
    with pytest.raises(ValidationError):
        tag_admin.rename_tag(session(ada), get_tag_id(ada, "x"), name)


def test_tags_of_others_and_beyond_tag_limits_are_not_found(ada: User, bob: User) -> None:
    remember(bob, "Bob's.", tags=["x"])
    remember(ada, "Ada's.", tags=["x"])
    with pytest.raises(TagNotFound):
        tag_admin.remove_tag(session(ada), get_tag_id(bob, "x"))
    own = get_tag_id(ada, "x")
    limited = app(ada, scopes.READ, scopes.WRITE, scopes.ADMIN, only_tags=frozenset({own}))
    with pytest.raises(TagNotFound):
        tag_admin.rename_tag(limited, own, "y")
