"""Why a result matched: words that the person sees in the text, whatever the script."""

import pytest

from accounts.models import User
from memories.index import keywords
from memories.index.joined_words import extract_index_words
from memories.index.languages import get_language
from memories.index.matched_words import find_matched_words
from memories.search.query import search_memories
from tests.factories import remember, session


def find(query: str, text: str, code: str = "en", *, tags: tuple[str, ...] = ()) -> list[str]:
    """Return the words that explain a match of this text, by the stems that both have."""
    language = get_language(code)
    stems = extract_index_words("\n".join((text, *tags)), language, limit=100)
    matched = [stem for stem in keywords.extract_words(query, language) if stem in stems]
    return find_matched_words(query, text, matched=matched, tags=tags, language=language)


@pytest.mark.parametrize(
    ("code", "query", "text", "words"),
    [
        ("en", "running shoe", "I ran. My running shoes are blue.", ["running", "shoes"]),
        ("en", "tea Tea TEAS", "Tea on Sundays, tea on Mondays.", ["Tea"]),
        ("en", "cafe", "The café on the corner.", ["café"]),
        ("de", "haus", "Zwei Häuser am See.", ["Häuser"]),
        ("fr", "chevaux", "J'ai vu un CHEVAL et des chevaux.", ["chevaux"]),
        ("ru", "кошка", "У меня две кошки.", ["кошки"]),
        ("ar", "كتاب", "قرأت كِتَابًا عن البحر.", ["كِتَابًا"]),
        ("hi", "किताबें", "मेरी किताब मेज़ पर है।", ["किताब"]),
        ("zh", "绿茶", "我每天早上喝绿茶。", ["绿茶"]),
        ("zh", "绿茶", "红茶不好，绿茶好。", ["绿茶"]),
        ("zh", "我喜欢绿茶", "他不喜欢绿茶", ["喜欢绿茶"]),
        ("ja", "緑茶", "毎朝緑茶を飲みます。", ["緑茶"]),
        ("ja", "ｺｰﾋｰ", "コーヒーが好きです。", ["コーヒー"]),
        ("ko", "녹차는", "나는 녹차를 마신다.", ["녹차"]),
        ("th", "ชาเขียว", "ฉันดื่มชาเขียวทุกเช้า", ["ชาเขียว"]),
        ("en", "LH454", "The flight is LH 454.", ["LH 454"]),
        ("en", "🎂 party", "🎂 on Friday", ["🎂"]),
    ],
)
def test_words_are_shown_as_the_text_writes_them(code: str, query: str, text: str, words: list[str]) -> None:
    assert find(query, text, code) == words


def test_word_of_a_tag_is_shown_as_the_tag() -> None:
    assert find("recipe", "Flour, eggs and milk.", tags=("Recipes", "home")) == ["Recipes"]


def test_unreadable_text_is_explained_by_the_query() -> None:
    english = get_language("en")
    assert find_matched_words("running", "", matched=["run"], tags=(), language=english) == ["running"]


def test_only_a_few_words_are_shown() -> None:
    text = "one two three four five six seven eight apples pears plums figs dates nuts kiwis"
    assert len(find(text, text)) == 5


def test_hit_shows_its_words_in_every_language_of_its_owner(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(language="several")
    ada.refresh_from_db()
    remember(ada, "Ich habe zwei Häuser am See gesehen.")
    [hit] = search_memories(session(ada), "haus am see").hits
    assert set(hit.matched_words) >= {"Häuser", "See"}


def test_number_written_apart_in_the_query_is_shown_as_in_the_text(ada: User) -> None:
    remember(ada, "My flight is LH454.")
    [hit] = search_memories(session(ada), "LH 454").hits
    assert hit.matched_words == ["LH454"]
