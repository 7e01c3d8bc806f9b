"""An owner's language decides how their memories are indexed. A change of it takes nothing away from the search."""

from collections.abc import Callable
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.profile.service import update_profile
from memories.fields import SealedBytes
from memories.index import moves, spaces, work_queue
from memories.index.languages import get_language
from memories.jobs import claims, embedder, indexer, retention
from memories.models import EmbeddingSpace, Memory, MemoryVector
from memories.providers.embeddings import CheckedProvider, ProviderRejected
from memories.search.exact_duplicates import find_exact_duplicate
from memories.search.near_duplicates import find_similar
from memories.search.query import Hit, search_memories
from memories.services import writes
from tests.factories import remember, session
from tests.providers import WordHashes

pytestmark = pytest.mark.django_db
Index = Callable[[], int]
MODULES = ("memories.index.spaces", "memories.jobs.embedder", "memories.search.question")


class Multilingual(WordHashes):
    """Another encoder, whose vectors cannot be compared with those of WordHashes."""

    identity = "test:multilingual"

    def embed_query(self, text: str) -> list[float]:
        return [-component for component in reversed(super().embed_query(text))]


@pytest.fixture(autouse=True)
def _encoder_by_language(monkeypatch: pytest.MonkeyPatch) -> None:
    english, other = CheckedProvider(WordHashes()), CheckedProvider(Multilingual())
    for module in MODULES:
        monkeypatch.setattr(f"{module}.get_provider", lambda code: english if code == "en" else other)


def choose(user: User, language: str) -> None:
    update_profile(session(user), language=language)
    user.refresh_from_db()


def find(user: User, query: str) -> dict[str, Hit]:
    return {hit.memory.text: hit for hit in search_memories(session(user), query, only_related=True).hits}


def count_by_encoder(user: User) -> dict[str, int]:
    rows = MemoryVector.objects.filter(owner=user, embedding__isnull=False)
    encoders = list(rows.values_list("space__encoder", flat=True))
    return {str(encoder).split("|")[0]: encoders.count(encoder) for encoder in encoders}


def test_each_owner_is_indexed_by_their_own_encoder(ada: User, bob: User, index: Index) -> None:
    choose(bob, "de")
    for user in (ada, bob):
        remember(user, "The puppy sleeps.")
    index()
    assert count_by_encoder(ada) == {"test:word-hashes": 1}
    assert count_by_encoder(bob) == {"test:multilingual": 1}
    assert all(find(user, "hound")["The puppy sleeps."].cosine > 0.3 for user in (ada, bob))  # type: ignore[operator]


def test_every_memory_is_found_by_meaning_and_by_words_at_every_moment(ada: User, index: Index) -> None:
    texts = {f"The puppy sleeps in house {number}." for number in range(5)}
    for text in texts:
        remember(ada, text)
    index()
    choose(ada, "de")
    for moved in range(6):
        assert set(find(ada, "hound")) == texts
        assert all((hit.cosine or 0) > 0.3 for hit in find(ada, "hound sleeping").values())
        assert all(hit.matched for hit in find(ada, "sleeping houses").values())
        assert len(search_memories(session(ada), "who am I").hits) == 5  # without words
        assert sum(count_by_encoder(ada).values()) == 5
        assert count_by_encoder(ada).get("test:multilingual", 0) == moved
        indexer.process_batch(worker=0, limit=1)
    ada.refresh_from_db()
    assert (ada.language, ada.former_languages) == ("de", "")
    assert count_by_encoder(ada) == {"test:multilingual": 5}


def test_words_are_found_by_the_stems_of_the_former_language(ada: User, index: Index) -> None:
    remember(ada, "Running shoes are in the hallway.")
    index()
    choose(ada, "fr")
    assert find(ada, "runs")["Running shoes are in the hallway."].matched
    index()
    ada.refresh_from_db()
    assert not any(hit.matched for hit in find(ada, "runs").values())


def test_new_memory_is_found_by_its_words_before_it_is_indexed_in_either_language(ada: User) -> None:
    remember(ada, "Running shoes")
    choose(ada, "de")
    remember(ada, "Drei Häuser")
    assert find(ada, "runs")["Running shoes"].matched
    assert find(ada, "Haus")["Drei Häuser"].matched


def test_changing_back_midway_loses_nothing(ada: User, index: Index) -> None:
    for number in range(4):
        remember(ada, f"The puppy {number}")
    index()
    choose(ada, "de")
    indexer.process_batch(worker=0, limit=2)
    choose(ada, "ru")
    choose(ada, "en")
    assert len(find(ada, "hound")) == 4
    index()
    ada.refresh_from_db()
    assert ada.former_languages == ""
    assert count_by_encoder(ada) == {"test:word-hashes": 4}


def test_change_during_a_batch_discards_its_vectors(ada: User, index: Index) -> None:
    memory = remember(ada, "The puppy")
    claimed = claims.claim_memories(worker=0, limit=1)
    embedded = embedder.embed_memories(claimed)
    choose(ada, "de")
    indexer.store_results(0, embedded)
    memory.refresh_from_db()
    assert memory.index_state == "pending"
    index()
    assert count_by_encoder(ada) == {"test:multilingual": 1}


def test_progress_counts_memories_of_the_former_language(ada: User, ada_client: Client, index: Index) -> None:
    assert moves.get_progress(ada) is None
    for number in range(3):
        remember(ada, f"The puppy {number}")
    index()
    choose(ada, "de")
    indexer.process_batch(worker=0, limit=1)
    assert moves.get_progress(ada) == moves.MoveProgress(done=1, total=3)
    for page in ("/accounts/profile/", "/memories/insights/"):
        assert "1 of 3 are done" in ada_client.get(page).content.decode()
    index()
    ada.refresh_from_db()
    assert moves.get_progress(ada) is None


def test_user_without_memories_has_nothing_to_move(ada: User) -> None:
    choose(ada, "de")
    assert ada.former_languages == ""


def test_move_ends_without_texts_that_can_never_be_indexed(ada: User, index: Index) -> None:
    unreadable = remember(ada, "The puppy sleeps")
    remember(ada, "The puppy barks")
    index()
    Memory.objects.filter(pk=unreadable.pk).update(text=SealedBytes(b"no ciphertext"))
    choose(ada, "de")
    index()
    ada.refresh_from_db()
    unreadable.refresh_from_db(fields=["index_error"])
    assert (unreadable.index_error, ada.former_languages) == (work_queue.UNREADABLE, "")


def test_move_ends_when_its_last_memories_are_deleted(ada: User, index: Index) -> None:
    memory = remember(ada, "The puppy sleeps")
    index()
    choose(ada, "de")
    memory.delete()
    retention.run_steps()
    ada.refresh_from_db()
    assert ada.former_languages == ""


def test_duplicates_are_found_while_memories_move(ada: User, index: Index) -> None:
    for text in ("The puppy sleeps", "The puppies sleep"):
        remember(ada, text)
    index()
    choose(ada, "de")
    for similar in (1, 0, 1):  # the vectors of two encoders cannot be compared
        duplicate = find_exact_duplicate(session(ada), "The puppy sleeps")
        assert duplicate is not None
        assert len(find_similar(session(ada), duplicate.pk)) == similar
        indexer.process_batch(worker=0, limit=1)


def test_changed_setting_moves_only_those_who_have_not_chosen(
    ada: User, bob: User, index: Index, settings: Settings
) -> None:
    choose(bob, "en")
    for user in (ada, bob):
        remember(user, "The running puppy")
    index()
    settings.SEARCH_LANGUAGE = "german"
    assert moves.start_outdated_moves() == 1
    for user in (ada, bob):
        user.refresh_from_db()
        assert set(find(user, "runs hound")) == {"The running puppy"}
    assert (ada.former_languages, bob.former_languages) == ("en", "")
    index()
    assert (count_by_encoder(ada), count_by_encoder(bob)) == (
        {"test:multilingual": 1},
        {"test:word-hashes": 1},
    )


def test_upgrade_of_a_server_in_another_language_takes_no_meaning_away(
    ada: User, index: Index, settings: Settings
) -> None:
    """Before each language had its encoder, the same one embedded all, and spaces named the stemmer."""
    memory = remember(ada, "Running puppies")
    index()
    identity = "test:word-hashes|384|words-1|german"
    EmbeddingSpace.objects.update(identity=identity, encoder="", language="")
    EmbeddingSpace.objects.create(identity=f"withheld|{identity}")
    import_module("memories.migrations.0019_space_parts").fill_parts(apps, None)
    parts = EmbeddingSpace.objects.order_by("id").values_list("encoder", "language")
    assert list(parts) == [("test:word-hashes|384", "de"), ("", "de")]
    settings.SEARCH_LANGUAGE = "german"
    assert moves.start_outdated_moves() == 1
    ada.refresh_from_db()
    assert find(ada, "hound")[memory.text].cosine
    index()
    assert find(ada, "Running puppies")[memory.text].cosine
    assert count_by_encoder(ada) == {"test:multilingual": 1}


def test_new_keyword_scheme_takes_no_meaning_away(
    ada: User, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(ada, "The puppy sleeps.")
    index()
    monkeypatch.setattr(spaces, "KEYWORD_SCHEME", "words-99")
    assert find(ada, "hound")["The puppy sleeps."].cosine
    assert moves.start_outdated_moves() == 1
    assert find(ada, "hound")["The puppy sleeps."].cosine
    index()
    retention.run_steps()
    assert [space.identity for space in EmbeddingSpace.objects.all()] == [
        spaces.get_identity(get_language("en"))
    ]


def test_public_and_private_memories_stay_found_when_published_while_moving(ada: User, index: Index) -> None:
    memory = remember(ada, "The puppy sleeps.")
    index()
    choose(ada, "de")
    writes.set_visibility(session(ada), memory.pk, "public")
    assert find(ada, "hound")["The puppy sleeps."].cosine
    index()
    assert find(ada, "hound")["The puppy sleeps."].cosine


def test_reembed_moves_one_user_or_all(ada: User, bob: User, index: Index, settings: Settings) -> None:
    for user in (ada, bob):
        remember(user, "The running puppy")
    index()
    settings.SEARCH_LANGUAGE = "german"
    output = StringIO()
    call_command("reembed", "--user", ada.email, "--no-wait", stdout=output)
    call_command("reembed", "--no-wait", stdout=output)
    call_command("reembed", "--no-wait", stdout=output)
    call_command("reembed", "--all", "--user", bob.email, "--no-wait", stdout=output)
    assert output.getvalue().splitlines() == [f"queued {count} memories" for count in (1, 1, 0, 1)]


def test_misconfigured_provider_of_one_language_fails_only_its_memories(
    ada: User, bob: User, ada_client: Client, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = CheckedProvider(WordHashes())

    def get_provider(code: str) -> CheckedProvider:
        if code != "en":
            raise ProviderRejected("wrong_dimensions")
        return english

    remember(ada, "Running puppies")
    index()
    for module in MODULES:
        monkeypatch.setattr(f"{module}.get_provider", get_provider)
    choose(ada, "de")
    remember(bob, "The puppy sleeps.")
    index()
    assert count_by_encoder(bob) == {"test:word-hashes": 1}
    assert list(Memory.objects.values_list("index_error", flat=True).order_by("index_error")) == [
        "",
        "wrong_dimensions",
    ]
    assert find(ada, "running")["Running puppies"].matched
    assert ada_client.get("/accounts/profile/").status_code == 200
