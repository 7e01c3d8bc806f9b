"""The real local model, loaded once for the whole file, since that takes about a second."""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from memories.providers.embeddings import ProviderRejected
from memories.providers.embeddings_local import (
    VOCABULARY,
    VOCABULARY_SHA256,
    LocalEmbeddings,
    _load_tokenizer,
)
from memories.providers.local_models import verify_checksum
from tests.processes import PROJECT


@pytest.fixture(scope="module")
def local() -> LocalEmbeddings:
    return LocalEmbeddings()


def embed_all(local: LocalEmbeddings, texts: Sequence[str]) -> list[list[float]]:
    return [vector for vector in local.embed_documents(texts) if vector is not None]


def embed(local: LocalEmbeddings, text: str) -> list[float]:
    vector = local.embed_query(text)
    assert vector is not None
    return vector


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def test_vectors_are_384_floats_of_unit_length(local: LocalEmbeddings) -> None:
    vector = embed(local, "Ada plays the cello")
    assert len(vector) == local.dimensions == 384
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_similar_meaning_scores_higher_than_shared_words(local: LocalEmbeddings) -> None:
    dog, puppy, law = embed_all(local, ["a dog barks", "the puppy is loud", "tax law"])
    assert cosine(dog, puppy) > cosine(dog, law) + 0.2


def test_batch_preserves_order_and_vectors(local: LocalEmbeddings) -> None:
    texts = [f"{'very ' * (at * 7 % 40)}short note number {at}" for at in range(40)]
    for text, vector in zip(texts, embed_all(local, texts), strict=True):
        # int8: the batch's value ranges change vectors slightly
        assert cosine(vector, embed(local, text)) > 0.98


@pytest.mark.parametrize(
    "text", ["x", "4711", "$ 5", "z\u00fcrich \U0001f600", "\u6771\u4eac trip", "long text " * 2_000]
)
def test_text_in_latin_letters_or_digits_has_a_vector(local: LocalEmbeddings, text: str) -> None:
    assert math.hypot(*embed(local, text)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\0", "!!!", "\U0001f600\U0001f382", "\u2192 \u2665", "x" * 5_000),
        *("สุนัขของฉันชื่อบรูโน", "ລາວ", "ខ្មែរ", "ဗမာ", "తెలుగు", "සිංහල"),
        *(
            "Мою собаку зовут Бруно.",
            "كلبي اسمه برونو",
            "मेरे कुत्ते का नाम ब्रूनो है",
            "我的狗叫布鲁诺。",
            "개 이름은 브루노",
        ),
    ],
)
def test_text_that_is_mostly_unknown_has_no_vector(local: LocalEmbeddings, text: str) -> None:
    assert local.embed_query(text) is None
    assert local.embed_documents(["a dog", text])[1] is None


def test_modified_model_or_vocabulary_is_rejected(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not the model")
    for provider in (LocalEmbeddings(model=other), LocalEmbeddings(vocabulary=other)):
        with pytest.raises(ProviderRejected, match="does not match its pinned SHA-256") as error_info:
            provider.embed_query("a")
        assert error_info.value.code == "wrong_file"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Ada's café", ["ada", "'", "s", "cafe"]),
        ("東京 \U0001f600\x00\u200b!", ["東", "京", "[UNK]", "!"]),
        ("unaffable", ["una", "##ffa", "##ble"]),
        ("x" * 101, ["[UNK]"]),
        ("[SEP]", ["[", "sep", "]"]),
    ],
)
def test_texts_become_bert_word_pieces(text: str, pieces: list[str]) -> None:
    tokenizer = _load_tokenizer(verify_checksum(VOCABULARY, VOCABULARY_SHA256))
    assert tokenizer.encode(text).tokens == ["[CLS]", *pieces, "[SEP]"]


def test_long_text_is_truncated_to_model_input() -> None:
    pieces = _load_tokenizer(verify_checksum(VOCABULARY, VOCABULARY_SHA256)).encode("word " * 1_000).tokens
    assert (len(pieces), pieces[-1]) == (256, "[SEP]")


def test_runtime_sends_no_telemetry(tmp_path: Path) -> None:
    script = "from memories.providers.embeddings_local import LocalEmbeddings as Local; Local().embed_query('a dog')"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "picard.settings", "TMPDIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []  # telemetry would create a file with a session id here
