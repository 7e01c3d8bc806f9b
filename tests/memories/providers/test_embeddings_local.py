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


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def test_vectors_are_384_floats_of_unit_length(local: LocalEmbeddings) -> None:
    vector = local.embed_query("Ada plays the cello")
    assert len(vector) == local.dimensions == 384
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_similar_meaning_scores_higher_than_shared_words(local: LocalEmbeddings) -> None:
    dog = local.embed_query("a dog barks")
    puppy, law = local.embed_documents(["the puppy is loud", "tax law"])
    assert cosine(dog, puppy) > cosine(dog, law) + 0.2


def test_batch_preserves_order_and_vectors(local: LocalEmbeddings) -> None:
    texts = [f"{'very ' * (at * 7 % 40)}short note number {at}" for at in range(40)]
    for text, vector in zip(texts, local.embed_documents(texts), strict=True):
        assert (
            cosine(vector, local.embed_query(text)) > 0.98
        )  # int8: the batch's value ranges change vectors slightly


@pytest.mark.parametrize("text", ["", " ", "\0", "\U0001f600", "x" * 5_000, "long text " * 2_000])
def test_every_text_has_a_vector(local: LocalEmbeddings, text: str) -> None:
    assert math.hypot(*local.embed_query(text)) == pytest.approx(1, abs=1e-5)


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
