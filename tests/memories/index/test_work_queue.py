"""The indexing queue: the row is the job. Nothing is lost or stored stale, and permanent failures are visible."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils import timezone

from accounts import keys
from accounts.models import User
from core.db.locks import DatabaseLock
from memories.index import moves, spaces, vectors, work_queue
from memories.index.languages import get_language
from memories.jobs import claims, embedder, indexer, retention
from memories.models import EmbeddingSpace, Memory, MemoryVector
from memories.providers.embeddings import ProviderRejected, ProviderUnavailable, reset_provider
from memories.services import writes
from tests.factories import remember, session
from tests.providers import WordHashes

pytestmark = pytest.mark.django_db


class Scripted(WordHashes):
    """A provider that runs a function of the test on each call."""

    def __init__(self, act: Callable[[Sequence[str]], None]) -> None:
        self.act = act

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.act(texts)
        return super().embed_documents(texts)


@pytest.fixture
def script_provider(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Sequence[str]], None]], None]:
    def use(act: Callable[[Sequence[str]], None]) -> None:
        monkeypatch.setattr(embedder, "get_provider", lambda _code: Scripted(act))

    return use


def get_index_state(memory: Memory) -> tuple[str, int, str]:
    memory.refresh_from_db(fields=["index_state", "index_attempts", "index_error", "index_due_at"])
    return memory.index_state, memory.index_attempts, memory.index_error


def test_saved_memory_is_due_until_indexed(ada: User, index: Callable[[], int]) -> None:
    memory = remember(ada, "one")
    assert get_index_state(memory) == ("pending", 0, "")
    assert index() == 1
    assert get_index_state(memory) == ("ready", 0, "")
    assert index() == 0


def test_vector_of_concurrently_edited_text_is_discarded(ada: User, script_provider: Any) -> None:
    memory = remember(ada, "before")
    edits = iter([lambda: writes.update_memory(session(ada), memory.pk, text="after")])
    script_provider(lambda texts: next(edits, lambda: None)())
    assert indexer.process_batch(worker=0) == 1
    assert get_index_state(memory)[0] == "pending"
    assert not MemoryVector.objects.filter(embedding__isnull=False).exists()
    assert indexer.process_batch(worker=0) == 1
    assert get_index_state(memory)[0] == "ready"
    [stored] = MemoryVector.objects.all()
    expected = vectors.rotate_vectors(
        [WordHashes().embed_query("after")], keys.get_person_key(ada.pk).vector_rotation_key
    )[0]
    assert stored.embedding == pytest.approx(expected, abs=1e-3)


def test_concurrent_trash_or_publish_is_reflected_in_index(ada: User, script_provider: Any) -> None:
    memory = remember(ada, "one")
    acts = iter([lambda: writes.set_visibility(session(ada), memory.pk, "public")])
    script_provider(lambda texts: next(acts, lambda: None)())
    indexer.process_batch(worker=0)
    assert get_index_state(memory)[0] == "pending"
    indexer.process_batch(worker=0)
    [stored] = MemoryVector.objects.all()
    assert stored.is_public
    assert stored.embedding == pytest.approx(WordHashes().embed_query("one"), abs=1e-3)


def test_unavailable_provider_delays_memories_and_loses_none(ada: User, script_provider: Any) -> None:
    memory = remember(ada, "one")

    def down(texts: Sequence[str]) -> None:
        raise ProviderUnavailable("timeout", retry_after_s=120)

    script_provider(down)
    assert indexer.process_batch(worker=0) == 1
    assert get_index_state(memory) == ("pending", 1, "timeout")
    assert 100 < (memory.index_due_at - timezone.now()).total_seconds() < 180
    assert indexer.process_batch(worker=0) == 0


def test_memory_is_marked_failed_after_max_attempts(ada: User, script_provider: Any, settings: Any) -> None:
    memory = remember(ada, "one")
    settings.INDEXING_MAX_ATTEMPTS = 3
    script_provider(_raise(ProviderUnavailable("unreachable")))
    for _ in range(3):
        Memory.objects.update(index_due_at=timezone.now())
        indexer.process_batch(worker=0)
    assert get_index_state(memory) == ("failed", 3, "unreachable")
    assert work_queue.get_backlog() == work_queue.Backlog(pending=0, failed=1)


def test_owner_can_retry_indexing(ada: User, index: Callable[[], int]) -> None:
    memory = remember(ada, "one")
    Memory.objects.update(index_state="failed", index_error="unreachable")
    writes.retry_indexing(session(ada), memory.pk)
    assert index() == 1
    assert get_index_state(memory) == ("ready", 0, "")


def test_rejected_text_fails_alone(ada: User, script_provider: Any) -> None:
    good, bad, also_good = (remember(ada, text) for text in ("good", "bad", "also good"))

    def reject_bad(texts: Sequence[str]) -> None:
        if "bad" in texts:
            raise ProviderRejected("rejected")

    script_provider(reject_bad)
    indexer.process_batch(worker=0)
    assert [get_index_state(memory)[0] for memory in (good, bad, also_good)] == ["ready", "failed", "ready"]
    assert bad.index_error == "rejected"


def test_undecryptable_text_fails_alone(ada: User, bob: User, index: Callable[[], int]) -> None:
    unreadable, fine = remember(ada, "one"), remember(bob, "two")
    keys.delete_person_key(ada.pk)
    index()
    assert get_index_state(unreadable) == ("failed", 1, "unreadable")
    assert get_index_state(fine)[0] == "ready"


def test_only_leases_of_dead_workers_are_taken_over(ada: User) -> None:
    memory = remember(ada, "one")
    lease = indexer.WorkerLease()
    try:
        Memory.objects.filter(pk=memory.pk).update(index_leased_by=lease.worker)
        assert claims.claim_memories(worker=0, limit=10) == []
    finally:
        lease.close()
    assert [row.pk for row in claims.claim_memories(worker=0, limit=10)] == [memory.pk]


def test_model_change_requeues_everything_and_keeps_keyword_search(
    ada: User, index: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from memories.search import query as search_query

    memory = remember(ada, "The zebra.")
    index()
    monkeypatch.setattr(WordHashes, "identity", "test:another-model")
    reset_provider()
    assert [hit.cosine for hit in search_query.search_memories(session(ada), "zebra").hits] == [None]
    assert moves.start_outdated_moves() == 1
    assert index() == 1
    assert search_query.search_memories(session(ada), "zebra").hits[0].cosine is not None
    assert get_index_state(memory)[0] == "ready"
    retention.run_steps()
    assert [space.identity for space in EmbeddingSpace.objects.all()] == [
        spaces.get_identity(get_language("en"))
    ]


def test_failed_memories_are_requeued_on_worker_start(ada: User) -> None:
    remember(ada, "one")
    Memory.objects.update(index_state="failed")
    retention.requeue_on_start()
    assert work_queue.get_backlog() == work_queue.Backlog(pending=1, failed=0)


def test_only_one_worker_runs_retention_at_a_time(ada: User) -> None:
    lease = indexer.WorkerLease()
    try:
        lease.connection.execute("select pg_advisory_lock(%s)", [DatabaseLock.RETENTION])
        assert retention.run_steps() == {}
    finally:
        lease.close()
    assert retention.run_steps() != {}


def test_backoff_doubles_is_bounded_and_honors_retry_after() -> None:
    assert 0.5 <= indexer._compute_backoff(1, None) <= 1.5
    assert 4 <= indexer._compute_backoff(4, None) <= 12
    assert indexer._compute_backoff(60, None) <= 1.5 * indexer.MAX_BACKOFF_S
    assert indexer._compute_backoff(1, 90) == 90
    assert indexer._compute_backoff(1, 10_000_000) <= indexer.MAX_BACKOFF_S


@pytest.mark.django_db(transaction=True)
def test_commit_wakes_idle_worker() -> None:
    from tests.factories import make_person

    ada = make_person("ada")
    lease = indexer.WorkerLease()
    try:
        remember(ada, "one")
        [notice] = list(lease.connection.notifies(timeout=5, stop_after=1))
        assert notice.channel == work_queue.CHANNEL
    finally:
        lease.close()


def _raise(error: Exception) -> Callable[[Sequence[str]], None]:
    def act(_: Sequence[str]) -> None:
        raise error

    return act


@pytest.mark.plain(reason="owners are claimed one at a time on a cluster")
def test_nobody_waits_behind_the_import_of_another(ada: User, bob: User) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"Note {n}.") for n in range(30)])
    own = remember(bob, "I keep bees.")
    more = remember(bob, "I keep ants.")
    claimed = [memory.pk for memory in claims.claim_memories(0, 10)]
    assert {own.pk, more.pk} < set(claimed)
    assert len(claimed) == 10


def test_owners_take_turns_if_there_are_more_than_a_batch_has(ada: User, bob: User, carol: User) -> None:
    for user in (ada, bob, carol):
        writes.create_memories(session(user), [writes.NewMemory(f"Note {n}.") for n in range(4)])
    turns = claims.OwnerTurns()
    claimed = [[each.owner_id for each in claims.claim_memories(1, 2, turns)] for _ in range(3)]
    assert sorted(owner for batch in claimed for owner in batch) == sorted([ada.pk, bob.pk, carol.pk] * 2)
    assert all(len(set(batch)) == 2 for batch in claimed)


def test_claims_of_an_empty_queue_are_empty(db: None) -> None:
    assert claims.claim_memories(0, 10) == []
