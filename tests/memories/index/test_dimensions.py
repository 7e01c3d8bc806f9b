"""Another EMBEDDING_DIMENSIONS than the database's: nothing starts, the doctor says why, and a command changes it."""

import runpy
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from memories.index import dimensions
from memories.management.commands import resize_vectors
from memories.models import IndexState, Memory, MemoryVector
from memories.providers.embeddings import normalize_vector, reset_provider
from memories.search.query import search_memories
from picard.observability import doctor
from tests.database import owning_tables
from tests.factories import remember, session
from tests.processes import run
from tests.providers import DIMENSIONS, WordHashes

WIDE = 1_024


class Wide(WordHashes):
    """WordHashes with as many dimensions as there can be."""

    identity = "test:wide"
    dimensions = WIDE

    def embed_query(self, text: str) -> list[float]:
        return normalize_vector((super().embed_query(text) * 3)[:WIDE])

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


@pytest.fixture
def wide(settings: Settings) -> Iterator[None]:
    settings.EMBEDDING_PROVIDER, settings.EMBEDDING_DIMENSIONS = f"{__name__}.Wide", WIDE
    reset_provider()
    yield
    reset_provider()


def resize(**options: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")  # a test's transaction has deferred ones
    output = StringIO()
    with patch.object(
        resize_vectors, "acting_as_system", lambda _role: owning_tables()
    ):  # in the transaction
        call_command("resize_vectors", stdout=output, **options)
    return output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_other_dimensions_stop_the_worker_at_once() -> None:
    process = run("manage.py", "worker", EMBEDDING_DIMENSIONS="768")
    assert process.returncode == 1
    assert (
        "picard.E032: EMBEDDING_DIMENSIONS is 768, but this database stores 384 dimensions" in process.stderr
    )
    assert "manage.py resize_vectors" in process.stderr


@pytest.mark.django_db
@pytest.mark.usefixtures("wide")
def test_other_dimensions_stop_the_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.keys.refuse_wrong_master_keys", lambda: None)
    monkeypatch.setattr("django.core.wsgi.get_wsgi_application", lambda: None)
    with pytest.raises(SystemExit, match=r"picard\.E032: EMBEDDING_DIMENSIONS is 1024"):
        runpy.run_module("picard.wsgi")


@pytest.mark.django_db
@pytest.mark.usefixtures("wide")
def test_doctor_names_the_fault_and_the_command() -> None:
    state, said, hint = doctor.check_embeddings()
    assert (state, said) == (doctor.State.FAIL, f"{__name__}.Wide: picard.E032")
    assert "this database stores 384 dimensions" in hint
    assert "resize_vectors" in hint


@pytest.mark.django_db
@pytest.mark.plain(reason="acts as the owner in the test's transaction")
def test_command_changes_the_width_and_loses_no_memory(
    ada: User, index: Callable[[], int], settings: Settings, wide: None
) -> None:
    settings.EMBEDDING_PROVIDER, settings.EMBEDDING_DIMENSIONS = "tests.providers.WordHashes", DIMENSIONS
    reset_provider()
    words = " ".join(f"word{number}" for number in range(150))
    for text in ("My puppy is called Rex.", words):
        remember(ada, text)
    index()
    settings.EMBEDDING_PROVIDER, settings.EMBEDDING_DIMENSIONS = f"{__name__}.Wide", WIDE
    reset_provider()
    assert "would have 1024; 2 memories would be indexed again" in resize()
    assert dimensions.read_stored_dimensions() == DIMENSIONS
    assert "Vectors have 1024 dimensions now. 2 memories are queued" in resize(yes=True)
    assert (dimensions.read_stored_dimensions(), dimensions.find_width_fault()) == (WIDE, "")
    assert [hit.memory.text for hit in search_memories(session(ada), "puppy").hits] == [
        "My puppy is called Rex."
    ]
    assert index() == 2
    assert set(Memory.objects.values_list("index_state", flat=True)) == {IndexState.READY}
    assert not MemoryVector.objects.filter(embedding=None).exists()
    assert search_memories(session(ada), "hound").hits[0].memory.text == "My puppy is called Rex."
    assert search_memories(session(ada), "word149").hits[0].memory.text == words
    assert "already have 1024" in resize(yes=True)


@pytest.mark.django_db
def test_command_changes_nothing_while_the_provider_has_another_width(settings: Settings) -> None:
    settings.EMBEDDING_DIMENSIONS = 768
    reset_provider()
    with pytest.raises(CommandError, match="returns 384 dimensions, but EMBEDDING_DIMENSIONS is 768"):
        resize(yes=True)
    assert dimensions.read_stored_dimensions() == DIMENSIONS
