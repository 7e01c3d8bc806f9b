"""A user with canaries wherever a text can be, and callers who may see some of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.models import Memory
from memories.services import writes
from tests.chaos.report import IS_LONG
from tests.factories import app, make_person, remember, session
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import allow, make_app

UNKNOWN_ID = UUID("019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90")
UNKNOWN_WORD = "nightingale"
FOREIGN_APP = "https://foreign.example/app.json"  # the client id of an app that wrote some of the texts
QUESTION = "Where does the zebra sleep?"
TAG = "garden"


@dataclass
class World:
    """What was planted.

    memories: ids of memories by name. canaries: the memory or proposal that each word stands in. values: ids that URLs
    and tools name, by parameter; the first of each stands for all where one is enough.
    """

    ada: User
    bob: User
    root: User
    memories: dict[str, UUID]
    canaries: dict[str, UUID]
    values: dict[str, list[object]]


def plant_canaries(index: Callable[[], int]) -> World:
    """Create Ada, whose persona anybody may ask, with texts in every place that texts can have, Bob and a superuser."""
    ada = make_person("ada", persona_enabled=True, public_page_enabled=True)
    own = session(ada)
    private = remember(ada, "The zebra slept beside revisionbird.", tags=[TAG])
    writes.update_memory(own, private.pk, text="The zebra sleeps in the garden beside privatebird.")
    similar = remember(ada, "The zebra sleeps in the garden beside similarbird.", tags=[TAG])
    public = remember(ada, "The zebra sleeps under publicbird.", visibility="public")
    older = remember(ada, "The zebra slept near olderbird.", tags=[TAG])
    writes.update_memory(
        replace(app(ada), client_id=FOREIGN_APP), older.pk, text="The zebra sleeps near olderbird."
    )
    writes.update_memory(own, older.pk, text="The zebra sleeps near olderbird, alone.")
    newer = writes.create_memory(own, text="The zebra sleeps near newerbird.", supersedes=older.pk)
    foreign = writes.create_memory(
        replace(app(ada), client_id=FOREIGN_APP), text="The zebra sleeps, says foreignbird."
    )
    trashed = remember(ada, "The zebra sleeps on trashedbird.")
    writes.trash_memory(own, trashed.pk)
    expired = remember(ada, "The zebra sleeps over expiredbird.")
    index()
    Memory.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    staged = stage(own, file_of("[2025-01-01] - The zebra sleeps by stagedbird."))
    with pytest.raises(ApprovalRequired) as error:
        writes.create_memory(app(ada, asks_first=True), text="The zebra sleeps with proposedbird.")
    [proposed] = error.value.proposals
    memories = {
        "private": private.pk, "public": public.pk, "similar": similar.pk, "older": older.pk, "newer": newer.pk,
        "foreign": foreign.pk, "trashed": trashed.pk, "expired": expired.pk,
    }  # fmt: skip
    canaries = {f"{name}bird": pk for name, pk in memories.items()}
    canaries |= {"revisionbird": private.pk, "proposedbird": proposed.pk, "stagedbird": staged.pk}
    named = memories if IS_LONG else ("private", "foreign")
    values: dict[str, list[object]] = {
        "memory_id": [memories[name] for name in named],
        "other_id": [similar.pk],
        "version": [1],
        "tag_id": [private.tags.get().pk],
        "grant_id": [allow(ada, make_app("Another app")).pk],
        "batch_id": [staged.pk],
        "proposal_id": [proposed.pk],
        "handle": [ada.handle, "me"],
    }
    root = make_person("root", is_staff=True, is_superuser=True)
    return World(ada, make_person("bob"), root, memories, canaries, values)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back all changes of the block."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


ALL_SCOPES = tuple(scopes.DESCRIPTIONS)
