"""A process that does one random thing per line of its input: a change, or a search from memory and from the index.

A line says whether it is alone or another process acts meanwhile. It prints a line for each: what it did, and for a
search whether the answer was stale.
"""

import json
import random
import sys
import time
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from psycopg.errors import SerializationFailure

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.models import User
from accounts.sessions.revocation import end_sessions
from core.db.principal import SYSTEM, Principal, acting_as
from core.db.roles import act_as_operator
from memories.errors import ImportInProgress, MemoryNotFound, TagNotFound
from memories.index import work_queue
from memories.jobs import indexer
from memories.models import Memory, MemoryVector, Tag
from memories.portability.files.archives import NamedFile
from memories.portability.imports import run as imports
from memories.portability.imports.stage import stage_import
from memories.scopes import READ
from memories.search.cache import registration, store
from memories.search.query import find_memories
from memories.services import tag_admin, writes

WORDS = ("dog", "puppy", "car", "bike", "coffee", "walrus", "ice", "sea", "tea", "moon", "Ada", "2026")
TAGS = ("sea", "work", "home", "moon")
MAX_MEMORIES = 80
Answer = list[tuple[UUID, float, tuple[str, ...], str]]


class Walker:
    """Acts for one owner, beside other processes that do the same."""

    def __init__(self, owner_id: UUID, seed: int) -> None:
        self.chance = random.Random(seed)
        self.owner_id = owner_id
        self.worker = seed
        self.from_memory = 0
        self.is_alone = True

    def text(self) -> str:
        return " ".join(self.chance.choices(WORDS, k=self.chance.randint(1, 6)))

    def pick(self, **conditions: Any) -> UUID | None:
        ids = Memory.objects.filter(owner=self.owner, **conditions).values_list("pk", flat=True)
        return self.chance.choice(list(ids)) if ids else None

    # --- Changes --------------------------------------------------------------------------------------

    def create(self) -> None:
        if Memory.objects.filter(owner=self.owner).count() < MAX_MEMORIES:
            chat = uuid4() if self.chance.random() < 0.3 else None
            count = self.chance.choice([1, 1, 4])
            items = [
                writes.NewMemory(
                    self.text(),
                    self.chance.choice(["private", "private", "public"]),
                    self.chance.sample(TAGS, self.chance.choice([0, 1])),
                    timezone.now() + timedelta(days=1) if self.chance.random() < 0.2 else None,
                    conversation=chat,
                    position=position if chat else None,
                )
                for position in range(count)
            ]
            writes.create_memories(self.actor, items)

    def edit(self) -> None:
        if memory := self.pick(deleted_at=None):
            writes.update_memory(self.actor, memory, text=self.text())

    def publish_or_unpublish(self) -> None:
        if memory := self.pick(deleted_at=None):
            writes.set_visibility(self.actor, memory, self.chance.choice(["private", "public"]))

    def tag(self) -> None:
        if memory := self.pick(deleted_at=None):
            writes.update_memory(self.actor, memory, tags=self.chance.sample(TAGS, self.chance.randint(0, 2)))

    def rename_or_merge_tag(self) -> None:
        if tag := Tag.objects.filter(owner=self.owner).order_by("?").first():
            tag_admin.rename_tag(self.actor, tag.pk, self.chance.choice(TAGS), may_merge=True)

    def remove_tag(self) -> None:
        if tag := Tag.objects.filter(owner=self.owner).order_by("?").first():
            tag_admin.remove_tag(self.actor, tag.pk)

    def expire(self) -> None:
        """Let a memory expire in a moment."""
        if memory := self.pick(deleted_at=None):
            soon = Now() + timedelta(milliseconds=self.chance.choice([1, 20, 200]))
            with transaction.atomic():
                Memory.objects.filter(pk=memory, owner=self.owner).update(expires_at=soon)
                MemoryVector.objects.filter(memory_id=memory, owner=self.owner).update(expires_at=soon)

    def trash(self) -> None:
        if memory := self.pick(deleted_at=None):
            writes.trash_memory(self.actor, memory)

    def restore(self) -> None:
        if memory := self.pick(deleted_at__isnull=False):
            writes.restore_memory(self.actor, memory)

    def delete(self) -> None:
        if memory := self.pick(deleted_at__isnull=False):
            writes.delete_memory(self.actor, memory)

    def empty_trash(self) -> None:
        writes.empty_trash(self.actor)

    def index(self) -> None:
        with acting_as(SYSTEM):
            indexer.process_batch(worker=self.worker)

    def index_anew(self) -> None:
        with acting_as(SYSTEM):
            work_queue.enqueue_memories(Memory.objects.filter(owner=self.owner))

    def import_and_undo(self) -> None:
        lines = [{"picard": 1, "text": self.text()} for _ in range(3)]
        file = NamedFile(BytesIO("".join(json.dumps(line) + "\n" for line in lines).encode()))
        batch = stage_import(self.actor, [file])
        imports.start_import(self.actor, batch.pk)
        imports.advance_import(self.actor, batch.pk, seconds=60)
        if self.chance.random() < 0.7:
            imports.undo_import(self.actor, batch.pk)

    def hold_a_transaction(self) -> None:
        """Change memories in a transaction that ends later than one that began after it, or is rolled back."""
        with transaction.atomic():
            if self.chance.random() < 0.3:
                with connection.cursor() as cursor:
                    cursor.execute("set transaction isolation level repeatable read")
            self.create()
            time.sleep(self.chance.choice([0.001, 0.01, 0.03]))
            self.tag()
            transaction.set_rollback(self.chance.random() < 0.3)

    def log_out_everywhere(self) -> None:
        end_sessions(self.owner)

    def keep_house(self) -> None:
        with acting_as(SYSTEM):
            registration.purge_caches()

    def purge_everything(self) -> None:
        """What housekeeping does with a registration that was not used for long."""
        with acting_as(SYSTEM), connection.cursor() as cursor:
            cursor.execute("update memories_vectorcache set used_at = used_at - interval '1 day'")
            registration.purge_caches()

    # --- Searches -------------------------------------------------------------------------------------

    def search(self) -> str:
        """Return "fresh", "stale", or "changed" if another process changed something meanwhile.

        An import that is undone at once changes something although the index gives the same answer before and after.
        """
        query, limit = self.text(), self.chance.choice([1, 3, 10])
        self.reader = self.chance.choice([self.actor, self.actor, *self.make_apps()])
        before = self.find(query, limit, 0)
        cached = self.find(query, limit, 100)
        if are_equal(before, cached):
            return "fresh"
        if not are_equal(before, self.find(query, limit, 0)):
            return "changed"
        if not self.is_alone and are_equal(self.find(query, limit, 100), before):
            return "changed"
        sys.stderr.write(
            f"alone: {self.is_alone}, {query!r}: from memory {cached}, from the index {before}\n"
        )
        return "stale"

    def make_apps(self) -> list[Actor]:
        """Return an app that may read everything, and one that is limited to a tag."""
        tags = frozenset(Tag.objects.filter(owner=self.owner).values_list("pk", flat=True)[:1])
        limits: list[frozenset[UUID] | None] = [None, tags]
        return [
            Actor(
                user=self.owner,
                door=Channel.API,
                scopes=frozenset({READ}),
                client_id="notes",
                only_tags=only_tags,
            )
            for only_tags in limits
        ]

    def find(self, query: str, limit: int, megabytes: int) -> Answer:
        settings.MEMORY_VECTORS_MB = megabytes
        hits = find_memories(self.reader, query, limit=limit).hits
        return [(hit.memory.pk, hit.score, hit.matched, hit.relevance) for hit in hits]

    def step(self) -> dict[str, Any]:
        is_search = self.chance.random() < 0.6
        name = "search" if is_search else self.chance.choice(CHANGES)
        outcome = None
        self.owner = User.objects.get(pk=self.owner_id)  # as each request authenticates
        self.actor = Actor(user=self.owner, door=Channel.WEB)
        with acting_as(Principal(self.owner_id)):
            try:
                outcome = getattr(self, name)()
            except (
                MemoryNotFound,
                TagNotFound,
                ImportInProgress,
                InsufficientScope,
                ValidationError,
            ) as error:
                outcome = type(error).__name__  # another process was faster
            except OperationalError as error:
                if not isinstance(
                    error.__cause__, SerializationFailure
                ):  # of a transaction with one snapshot
                    raise
        return {"did": name, "outcome": outcome, "from_memory": self.from_memory}


OFTEN = (
    *("create", "edit", "publish_or_unpublish", "tag", "expire", "trash", "restore", "delete", "index"),
    *("create", "index", "hold_a_transaction", "rename_or_merge_tag", "remove_tag"),
)
SELDOM = (
    *("log_out_everywhere", "keep_house", "purge_everything"),
    *("empty_trash", "index_anew", "import_and_undo"),
)
CHANGES = OFTEN * 2 + SELDOM


def are_equal(one: Answer, other: Answer) -> bool:
    return [each[::2] for each in one] == [each[::2] for each in other] and all(
        abs(a[1] - b[1]) < 1e-5 and a[3] == b[3] for a, b in zip(one, other, strict=True)
    )


def main(owner: str, seed: str) -> None:
    act_as_operator()
    store.MIN_ROWS, store.MIN_SEARCHES, store.IDLE_S, store.TOUCH_S = 0, 1, 60.0, 0.05
    walker = Walker(UUID(owner), int(seed))
    keep = store.keep_entry

    def count(*arguments: Any) -> None:
        walker.from_memory += 1
        keep(*arguments)

    store.keep_entry = count  # type: ignore[assignment]
    for line in sys.stdin:
        walker.is_alone = line.strip() == "alone"
        sys.stdout.write(json.dumps(walker.step()) + "\n")
        sys.stdout.flush()
