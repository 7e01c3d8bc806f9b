"""Tags as words: a memory is found by the words of its tags, by nobody but its owner."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import ANONYMOUS, Actor
from accounts.models import User
from memories import scopes
from memories.index import joined_words, passages, tag_words
from memories.index.passages import get_max_tag_words
from memories.models import Memory, MemoryVector, Tag
from memories.search.exact_duplicates import find_exact_duplicate
from memories.search.query import search_memories
from memories.services import selection, tag_admin, writes
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db


def find(actor: Actor, query: str, owner: User | None = None) -> list[str]:
    hits = search_memories(actor, query, owner=owner, only_related=True).hits
    return [hit.memory.text for hit in hits if hit.matched]


def get_tag(user: User, name: str) -> Tag:
    return next(tag for tag in Tag.objects.filter(owner=user) if tag.name == name)


@pytest.fixture
def soup(ada: User) -> Memory:
    remember(ada, "The door code is 4711.", tags=["home"])
    return remember(ada, "Boil lentils for an hour.", tags=["recipes", "Family Dinner 🍲"])


def test_memory_is_found_by_words_of_its_tags(ada: User, soup: Memory) -> None:
    for query in ("recipes", "recipe", "family", "dinners", "🍲", "RECIPES lentils", "recipees"):
        assert find(session(ada), query)[:1] == [soup.text], query


def test_tag_counts_like_a_word_of_the_text(ada: User, soup: Memory) -> None:
    remember(ada, "Recipes of aunt Olga")
    scores = [hit.score for hit in search_memories(session(ada), "recipes").hits]
    assert scores[0] == pytest.approx(scores[1])


def test_changed_tags_are_found_at_once(ada: User, soup: Memory) -> None:
    writes.update_memory(session(ada), soup.pk, tags=["family", "kitchen"])
    assert find(session(ada), "recipes") == find(session(ada), "dinner") == []
    assert find(session(ada), "kitchen") == find(session(ada), "family") == [soup.text]


def test_renamed_merged_and_removed_tags_are_found_at_once(ada: User, soup: Memory) -> None:
    actor = session(ada)
    tag_admin.rename_tag(actor, get_tag(ada, "recipes").pk, "Family cooking")
    assert (find(actor, "recipes"), find(actor, "cooking")) == ([], [soup.text])
    tag_admin.remove_tag(actor, get_tag(ada, "Family cooking").pk)
    assert find(actor, "cooking") == []
    assert find(actor, "family") == [soup.text]  # of the other tag
    tag_admin.merge_tags(actor, get_tag(ada, "Family Dinner 🍲").pk, get_tag(ada, "home").pk)
    assert find(actor, "dinner") == []
    assert sorted(find(actor, "home")) == sorted(memory.text for memory in Memory.objects.all())


def test_renamed_tag_takes_few_statements_however_memories_are_tagged(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        remember(ada, f"Memory {number}.", tags=["recipes", f"unique{number}"])
    monkeypatch.setattr(tag_words, "BATCH", 4, raising=False)
    with CaptureQueriesContext(connection) as queries:
        tag_admin.rename_tag(session(ada), get_tag(ada, "recipes").pk, "Cooking")
    updates = [each for each in queries if "update memories_memoryvector" in each["sql"]]
    assert len(updates) == 2
    assert find(session(ada), "recipes") == []
    assert len(find(session(ada), "cooking")) == 7
    assert find(session(ada), "unique3") == ["Memory 3."]


def test_tags_of_a_selection_are_found_at_once(ada: User, soup: Memory) -> None:
    actor = session(ada)
    ids = frozenset(Memory.objects.values_list("pk", flat=True))
    chosen = selection.Selection(ids=ids)
    selection.tag_selection(actor, chosen, "winter")
    assert len(find(actor, "winter")) == 2
    selection.untag_selection(actor, chosen, "winter")
    assert find(actor, "winter") == []


def test_tags_stay_words_after_every_change_of_the_memory(
    ada: User, soup: Memory, index: Callable[[], int]
) -> None:
    index()
    assert find(session(ada), "recipes") == [soup.text]
    for change in ({"visibility": "public"}, {"visibility": "private"}, {"text": "Fry the lentils."}):
        changed = writes.update_memory(session(ada), soup.pk, **change)  # type: ignore[arg-type]
        assert find(session(ada), "recipes") == [changed.text]
    index()
    assert find(session(ada), "recipes") == ["Fry the lentils."]


def test_nobody_else_finds_a_public_memory_by_its_tags(ada: User, bob: User, soup: Memory) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True, public_page_enabled=True)
    ada.refresh_from_db()
    writes.set_visibility(session(ada), soup.pk, "public")
    for actor in (session(bob), app(bob, scopes.PERSONA), ANONYMOUS):
        assert find(actor, "recipes", ada) == []
        assert find(actor, "lentils", ada) == [soup.text]
    assert find(session(ada), "recipes") == [soup.text]


def test_equal_tags_of_two_users_have_different_tokens(ada: User, bob: User) -> None:
    for user in (ada, bob):
        remember(user, "Same.", tags=["recipes"], visibility="public")
    one, other = MemoryVector.objects.values_list("tokens", flat=True)
    assert len(one) == len(other)
    assert set(one) ^ set(other)


def test_limited_app_finds_only_what_it_may_see(ada: User, soup: Memory) -> None:
    other = remember(ada, "Bread without yeast.", tags=["recipes"])
    limited = app(ada, only_tags=frozenset([get_tag(ada, "Family Dinner 🍲").pk]))
    assert find(limited, "recipes") == [soup.text]  # whose tags it may list
    assert set(find(app(ada), "recipes")) == {soup.text, other.text}


def test_duplicate_is_recognized_whatever_its_tags(ada: User) -> None:
    tags = [f"tag number {number}" for number in range(20)]
    memory = remember(ada, "🎂", tags=tags)
    assert find_exact_duplicate(session(ada), "🎂") == memory
    [row] = MemoryVector.objects.all()
    assert len(row.tokens) == 1 + 3 + min(2 + 20, get_max_tag_words())


def test_fullest_row_fits_into_its_index(ada: User, index: Callable[[], int]) -> None:
    words = [one + other for one in "bcdfghjklmnp" for other in "qrtvwxzbcdfgh"]
    text = " ".join(f"{one}-{other}" for one, other in zip(words[::2], words[1::2], strict=False))
    tags = [" ".join(f"word{tag}x{number}" for number in range(5)) for tag in range(20)]
    remember(ada, text, tags=tags)
    index()
    fullest = max(len(row.tokens) for row in MemoryVector.objects.all())
    assert fullest >= passages.MAX_KEYWORDS + joined_words.MAX_JOINED + 3 + get_max_tag_words() - 2
