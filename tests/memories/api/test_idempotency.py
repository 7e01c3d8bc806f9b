"""A request with an Idempotency-Key takes effect only once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from memories import scopes
from memories.jobs.retention import purge_memories
from memories.models import AuditAction, AuditEvent, Memory, StoredAnswer
from memories.services import idempotency, writes
from tests.factories import make_person, remember, session
from tests.memories.api.callers import Answer, Caller, app_of, session_of

THREADS = 20


@pytest.fixture
def api(ada: User) -> Caller:
    return app_of(ada)


@pytest.mark.django_db
def test_repeated_request_returns_the_first_response(api: Caller, ada: User) -> None:
    first = api("post", "/memories/", {"text": "Once.", "tags": ["a"]}, Idempotency_Key="k1")
    again = api("post", "/memories/", {"tags": ["a"], "text": "Once."}, Idempotency_Key="k1")
    assert (first.status, again.status) == (201, 201)
    assert again.content == first.content
    assert [again.headers[name] for name in ("ETag", "Location")] == [
        first.headers[n] for n in ("ETag", "Location")
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Memory.objects.count() == 1
    assert AuditEvent.objects.filter(action=AuditAction.MEMORY_CREATE).count() == 1


@pytest.mark.django_db
def test_key_is_bound_to_request_app_and_user(api: Caller, ada: User, bob: User) -> None:
    api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1")
    other_body = api("post", "/memories/", {"text": "Twice."}, Idempotency_Key="k1")
    other_path = api(
        "post", "/memories/bulk/", {"operations": [{"op": "create", "text": "x"}]}, Idempotency_Key="k1"
    )
    assert {(answer.status, answer.code) for answer in (other_body, other_path)} == {(422, "key_reused")}
    assert app_of(ada)("post", "/memories/", {"text": "Twice."}, Idempotency_Key="k1").status == 201
    assert app_of(bob)("post", "/memories/", {"text": "Bob's."}, Idempotency_Key="k1").status == 201
    assert session_of(ada)("post", "/memories/", {"text": "Ada's."}, Idempotency_Key="k1").status == 201


@pytest.mark.django_db
def test_key_of_rejected_request_can_be_reused(api: Caller) -> None:
    assert api("post", "/memories/", {"text": ""}, Idempotency_Key="k1").status == 400
    assert api("post", "/memories/", {"text": "Now."}, Idempotency_Key="k1").status == 201


@pytest.mark.django_db
def test_key_expires_after_a_day(api: Caller) -> None:
    api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1")
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert api("post", "/memories/", {"text": "Other."}, Idempotency_Key="k1").status == 201
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.purge_stored_answers() == 1


@pytest.mark.django_db
def test_stored_responses_of_a_user_take_a_bounded_room(
    ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that changes nothing is answered with whole texts, as often as an app asks."""
    monkeypatch.setattr(idempotency, "MAX_BYTES", 500_000)
    api = session_of(ada)
    ids = [str(remember(ada, f"{number} {'x' * 7_000}").pk) for number in range(20)]
    others = {"operations": [{"op": "create", "text": "of another user"}]}
    app_of(bob)("post", "/memories/bulk/", others, Idempotency_Key="of bob")
    operations = [{"op": "update", "id": each, "visibility": "private"} for each in ids]
    for number in range(8):
        stored = api("post", "/memories/bulk/", {"operations": operations}, Idempotency_Key=f"key {number}")
        assert stored.status == 200
    kept = StoredAnswer.objects.filter(owner=ada)
    with connection.cursor() as cursor:
        cursor.execute(
            "select sum(octet_length(answer)) from memories_storedanswer where owner_id = %s", [ada.pk]
        )
        assert cursor.fetchone()[0] <= 500_000
    assert kept.count() >= 2
    last = api("post", "/memories/bulk/", {"operations": operations}, Idempotency_Key="key 7")
    assert last.headers["Idempotency-Replayed"] == "true"
    assert StoredAnswer.objects.filter(owner=bob).count() == 1


@pytest.mark.django_db
def test_stored_response_is_not_replayed_with_different_permissions(ada: User) -> None:
    memory = remember(ada, "Once.")
    writes.update_memory(session(ada), memory.pk, text="Twice.")
    from accounts.actor import InsufficientScope
    from memories.errors import IdempotencyKeyReused
    from tests.factories import app

    unlimited, limited = app(ada), app(ada, scopes.WRITE)
    idempotency.run_once(unlimited, "k1", b"request", lambda: "answer")
    with pytest.raises((IdempotencyKeyReused, InsufficientScope)):
        idempotency.run_once(limited, "k1", b"request", lambda: "answer")


def create_once(api: Caller) -> Answer:
    return api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1")


@pytest.mark.django_db
def test_each_repetition_of_a_response_is_a_read(api: Caller, ada: User) -> None:
    memory_id = create_once(api).json["id"]
    for _ in range(2):
        assert create_once(api).headers["Idempotency-Replayed"] == "true"
    reads = AuditEvent.objects.filter(action=AuditAction.MEMORY_READ)
    assert [[str(pk) for pk in event.memory_ids] for event in reads] == [[memory_id]] * 2


@pytest.mark.django_db
def test_response_is_not_repeated_while_its_memory_is_gone(api: Caller, ada: User) -> None:
    memory_id = create_once(api).json["id"]
    writes.trash_memory(session(ada), memory_id)
    assert create_once(api).status == 404
    writes.restore_memory(session(ada), memory_id)
    assert create_once(api).status == 201
    assert Memory.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["delete", "empty", "purge"])
def test_text_of_a_deleted_memory_is_in_no_stored_response(
    api: Caller, ada: User, way: str, settings: Settings
) -> None:
    memory_id = create_once(api).json["id"]
    writes.trash_memory(session(ada), memory_id)
    if way == "delete":
        writes.delete_memory(session(ada), memory_id)
    elif way == "empty":
        writes.empty_trash(session(ada))
    else:
        settings.TRASH_DAYS = 0
        purge_memories()
    assert "Once." not in StoredAnswer.objects.get().answer
    assert create_once(api).status == 404
    assert Memory.objects.count() == 0


@pytest.mark.django_db
def test_response_stored_by_an_earlier_version_is_not_repeated(api: Caller) -> None:
    create_once(api)
    StoredAnswer.objects.update(memory_ids=None)
    assert (create_once(api).status, create_once(api).code) == (422, "key_reused")


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ü", "a\tb"])
def test_invalid_key_is_rejected(api: Caller, key: str) -> None:
    answer = api("post", "/memories/", {"text": "x"}, Idempotency_Key=key)
    assert answer.status == 400
    assert answer.json["errors"][0]["pointer"] == "header:Idempotency-Key"


@pytest.mark.django_db
def test_stored_response_is_encrypted(api: Caller) -> None:
    api("post", "/memories/", {"text": "The zebra canary."}, Idempotency_Key="canary-key")
    with connection.cursor() as cursor:
        cursor.execute("select stored::text, encode(answer, 'escape') from memories_storedanswer stored")
        [row] = cursor.fetchall()
    assert "canary" not in "".join(row)


@pytest.fixture
def committed(transactional_db: None) -> User:
    return make_person("ada")


@pytest.mark.slow
def test_concurrent_requests_with_same_key_create_one_memory(committed: User) -> None:
    api, barrier = app_of(committed), Barrier(THREADS)

    def send(_number: int) -> Answer:
        barrier.wait()
        try:
            return api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1")
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(send, range(THREADS)))
    statuses = {answer.status for answer in answers}
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert len({answer.content for answer in answers if answer.status == 201}) == 1
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status == 409)
    assert Memory.objects.count() == 1
    assert api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1").status == 201
    assert Memory.objects.count() == 1


def test_failed_request_stores_no_response(committed: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    api = app_of(committed)
    with monkeypatch.context() as patch:
        patch.setattr("memories.services.tags.redact_tags", fail)
        assert api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1").status == 500
    assert Memory.objects.count() == StoredAnswer.objects.count() == 0
    assert api("post", "/memories/", {"text": "Once."}, Idempotency_Key="k1").status == 201
