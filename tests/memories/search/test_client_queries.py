"""Queries of AI clients: instructions to the search are left out, and "the user" is who saved the memories."""

from collections.abc import Sequence

import pytest

from accounts.models import User
from memories.index.languages import get_language
from memories.providers.embeddings import get_provider
from memories.search import query as search_query
from memories.search.client_queries import find_user_words, remove_instructions, to_first_person
from tests.factories import remember, session


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("information about favorite coffee", "favorite coffee"),
        ("user information about favorite coffee", "favorite coffee"),
        ("Find memories about the lake house", "the lake house"),
        ("please retrieve all relevant details regarding: tax", "tax"),
        ("What do you know about my sister?", "my sister?"),
        ("tell me about the dog", "the dog"),
        ("search for flight number", "flight number"),
        ("dog memories", "dog"),
        ("search party", "search party"),
        ("get married", "get married"),
        ("information", "information"),
        ("all memories", "all"),
        ("What is the data about?", "What is the data about?"),
        ("", ""),
    ],
)
def test_instructions_to_the_search_are_left_out(query: str, about: str) -> None:
    assert remove_instructions(query) == about


@pytest.mark.parametrize(
    ("query", "own"),
    [
        ("user's current job", "my current job"),
        ("the user’s pets", "my pets"),
        ("employer of the user", "employer of me"),
        ("what the user prefers", "what I prefers"),
        ("user allergies", "my allergies"),
        ("manual for user interfaces", "manual for user interfaces"),
        ("superuser password", "superuser password"),
    ],
)
def test_user_is_who_saved_the_memories(query: str, own: str) -> None:
    assert to_first_person(query, get_language("en")) == own


@pytest.mark.parametrize(
    ("code", "query", "own"),
    [
        ("de", "Haustiere des Nutzers", "meine Haustiere"),
        ("fr", "projets de l’utilisateur cet été", "mes projets cet été"),
        ("ru", "текущая работа пользователя", "мои текущая работа"),
        ("zh", "用户的宠物", "我的宠物"),
        ("ja", "ユーザーのペット", "私のペット"),
        ("de", "user's pets", "my pets"),
        ("fr", "Haustiere des Nutzers", "Haustiere des Nutzers"),
    ],
)
def test_user_is_recognized_in_the_owners_language(code: str, query: str, own: str) -> None:
    language = get_language(code)
    assert to_first_person(query, language) == own
    assert bool(find_user_words(query, language)) == (own != query)


def test_user_is_recognized_in_several_languages() -> None:
    assert to_first_person("Haustiere des Nutzers", get_language("several")) == "meine Haustiere"


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the queries that are embedded."""
    provider = get_provider()
    embed = provider.embed_queries
    queries: list[str] = []

    def record_queries(texts: Sequence[str]) -> list[list[float] | None]:
        queries.extend(texts)
        return embed(texts)

    monkeypatch.setattr(provider, "embed_queries", record_queries)
    return queries


@pytest.mark.django_db
def test_meaning_is_compared_as_the_user_would_ask(ada: User, embedded: list[str]) -> None:
    remember(ada, "I work as a nurse.")
    search_query.search_memories(session(ada), "information about the user's job")
    assert embedded == ["my job"]


@pytest.mark.django_db
def test_memories_that_say_the_user_are_asked_for_the_user(ada: User, embedded: list[str]) -> None:
    for job in ("nurse", "pilot", "cook", "farmer", "baker", "tailor"):
        remember(ada, f"The user works as a {job}.")
    search_query.search_memories(session(ada), "information about the user's job")
    assert embedded[0] == "the user's job"


@pytest.mark.django_db
def test_exact_words_of_a_query_still_match(ada: User) -> None:
    remember(ada, "We met on a road.")
    remember(ada, "The user table has 12 columns.")
    first, *_ = search_query.search_memories(session(ada), "information about the user table").hits
    assert (first.memory.text, first.matched) == ("The user table has 12 columns.", ("user", "tabl"))
