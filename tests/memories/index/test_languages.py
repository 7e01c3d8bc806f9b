"""The words of other languages than English: stems, stop words, names and dates, and texts in several."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import languages
from memories.index import date_words, names
from memories.index.date_words import find_day_words, get_day_words
from memories.index.keywords import extract_words, guess_language, list_other_stems
from memories.index.languages import get_language

ENGLISH, SEVERAL = get_language("en"), get_language("several")


@pytest.mark.parametrize(
    ("code", "text", "stems"),
    [
        ("de", "Die Häuser; das Haus", ["haus"]),
        ("fr", "l'amour, à l’école, qu'est-ce que c'est", ["amour", "ecol"]),
        ("it", "Dov'è la chiave dell'armadio?", ["chiav", "armad"]),
        ("ca", "l'escola d'en Pere", ["esc", "per"]),
        ("es", "¿Dónde está el té? Donde esta el te?", ["te"]),
        ("ru", "Где мои ключи от дома?", ["ключ", "дом"]),
        ("ar", "أين الكُتُب؟ كتب", ["كتب"]),
        ("tr", "İstanbul'da nerede", ["istanbul"]),
        ("tr", "Işık, ışık, IŞIK, isik", ["isik"]),
        ("he", "שָׁלוֹם שלום", ["שלום"]),
        ("ur", "إسلام اسلام", ["اسلام"]),
        ("uk", "де мій паспорт", ["паспорт"]),
        ("ja", "東京に", ["東", "東京", "京", "京に"]),
        ("several", "Wo sind die Häuser?", ["haus"]),
        ("several", "Where are the houses?", ["hous"]),
    ],
)
def test_words_are_stemmed_and_function_words_left_out(code: str, text: str, stems: list[str]) -> None:
    assert extract_words(text, get_language(code)) == stems


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("de", "Wer bin ich, und was habe ich?"),
        ("fr", "Qui suis-je et qu'est-ce que j'ai ?"),
        ("es", "¿Quién soy y qué tengo?"),
        ("ru", "Кто я и что у меня есть?"),
        ("pl", "Kim jestem?"),
        ("several", "Wer bin ich, und was habe ich?"),
    ],
)
def test_question_of_function_words_has_no_words(code: str, question: str) -> None:
    assert extract_words(question, get_language(code)) == []


def test_every_language_with_a_stemmer_has_function_words() -> None:
    missing = [code for code in languages.STEMMERS if len(get_language(code).stop_words) < 60]
    assert missing == []


@pytest.mark.parametrize("code", languages.NAMES)
def test_no_name_of_a_month_or_weekday_is_a_function_word(code: str) -> None:
    language = get_language(code)
    written = {form for form, _ in date_words._iter_names(code) if not date_words._is_phrase(form)}
    assert {form for form in written if not extract_words(form, language)} == set()


@pytest.mark.parametrize(
    ("code", "query", "tokens"),
    [
        ("en", "in May 2023 on a Sunday", {"m5", "2023", "w6"}),
        ("de", "im Mai 2023 am Sonntag", {"m5", "2023", "w6"}),
        ("de", "im Jänner", {"m1"}),
        ("fr", "en août", {"m8"}),
        ("es", "el domingo de mayo", {"m5", "w6"}),
        ("pt", "na segunda-feira", {"w0"}),
        ("ru", "в мае, в воскресенье", {"m5", "w6"}),
        ("ru", "7 мая 2023 года", {"m5", "2023"}),
        ("uk", "у травні", {"m5"}),
        ("pl", "w maju", {"m5"}),
        ("cs", "v květnu", {"m5"}),
        ("fi", "toukokuussa", {"m5"}),
        ("tr", "Mayıs'ta", {"m5"}),
        ("he", "במאי", {"m5"}),
        ("ar", "في مايو", {"m5"}),
        ("hi", "मई में", {"m5"}),
        ("th", "เดือนพฤษภาคม", {"m5"}),
        ("vi", "tháng 5 năm 2023", {"m5", "2023"}),
        ("zh", "2023年5月星期天", {"m5", "2023", "w6"}),
        ("zh", "十一月", {"m11"}),
        ("ja", "12月の日曜日", {"m12", "w6"}),
        ("ko", "5월 일요일", {"m5", "w6"}),
        ("several", "im Mai", {"m5"}),
        ("several", "в мае", {"m5"}),
        ("several", "2023年5月", {"m5", "2023"}),
        ("de", "der Maibaum", set()),
        ("fr", "Marie", set()),
        ("el", "τον Μάιο", {"m5"}),
    ],
)
def test_names_of_months_and_weekdays_stand_for_the_day_of_a_memory(
    code: str, query: str, tokens: set[str]
) -> None:
    found = set().union(*find_day_words(query, get_language(code)).values())
    assert found == {f"day:{token}" for token in tokens}


def test_day_has_tokens_of_its_month_year_and_weekday() -> None:
    assert get_day_words(date(2023, 5, 7)) == ["day:m5", "day:2023", "day:w6"]


@pytest.mark.parametrize(
    ("code", "question", "found"),
    [
        ("de", "Wo schläft das Zebra?", set()),
        ("fr", "Où habite Marie ?", {"mar"}),
        ("ru", "Где живёт Маша?", {"маш"}),
        ("es", "¿Qué hizo Ana en mayo?", {"ana"}),
        ("es", "¿Trabaja Ana aquí? ¡Claro!", {"ana"}),
        ("fr", "Où habite l'ami d'Anna ?", {"anna"}),
        ("fr", "«Marie» aime Paul ?", {"paul"}),
        ("en", "Is it? Where does Dr. O'Brien live?", {"dr", "obrien"}),
        ("it", "Dov'è la chiave dell'Audi?", {"aud"}),
        ("several", "Wo ist die Katze von Anna?", set()),
        ("several", "Where does Anna live?", {"anna"}),
        ("several", "Kaffee Anna", set()),  # perhaps German
    ],
)
def test_names_are_recognized_where_only_they_have_capitals(
    code: str, question: str, found: set[str]
) -> None:
    assert names.extract_names(question, get_language(code)) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Der Schlüssel liegt unter der Matte.", "de"),
        ("The key is under the mat.", "en"),
        ("La llave está debajo de la alfombra.", "es"),
        ("Ключ лежит под ковриком, и он мой.", "ru"),
        ("Passport 4711", ""),
        ("MIT", ""),  # a function word in German
        ("", ""),
    ],
)
def test_language_of_a_text_is_guessed_by_its_function_words(text: str, code: str) -> None:
    assert guess_language(text, SEVERAL).code == code
    assert guess_language(text, ENGLISH) is ENGLISH


WORDS = st.from_regex(r"[a-zäößéèçñøå]{3,12}|[а-яё]{3,12}|[α-ω]{3,12}", fullmatch=True)
SENTENCES = st.sampled_from(
    [
        "Der {} liegt hier, und er ist mein.",
        "The {} is mine.",
        "Où est la {} de mon père ?",
        "{}",
        "Где мой {}?",
    ]
)


@given(WORDS, SENTENCES)
def test_word_of_a_text_in_any_language_is_found_by_itself(word: str, sentence: str) -> None:
    stored = extract_words(sentence.format(word), SEVERAL)
    query = extract_words(word, SEVERAL)
    found = {*query, *(stem for _, stem in list_other_stems(word, query, SEVERAL, []))}
    is_function_word = word in guess_language(sentence.format(word), SEVERAL).stop_words
    assert is_function_word or found.intersection(stored)
