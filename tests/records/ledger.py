"""The rule: who is told of a memory of another user, or is an app, stands in the record with it.

An answer tells of a memory if it contains a canary of it, or if it differs from the answer to the same request about a
memory that does not exist: so it tells of a change, or only that the memory is there.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from accounts.models import StaffAction
from memories.models import AuditEvent
from tests.records.world import FOREIGN_APP, UNKNOWN_ID, UNKNOWN_WORD, World, rolled_back

VARYING = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"
    rb'|name="csrfmiddlewaretoken" value="\w+"|data-csrf="\w+"|nonce[-=]"?[\w+/=-]+|<code>[0-9a-f]{32}</code>'
)


UNKNOWN_APP = "https://unknown.example/app.json"


@dataclass(frozen=True)
class Reply:
    """The status of an answer, and all of its bytes that can tell something: those of the head too."""

    status: int
    content: bytes

    def differs_from(self, other: "Reply", name: str) -> bool:
        """Return whether it tells more, apart from ids and times, and from the word that the request had instead."""
        content = self.content.replace(f"{name}bird".encode(), UNKNOWN_WORD.encode())
        masked, others = (VARYING.sub(b"*", each) for each in (content, other.content))
        return (self.status, masked) != (other.status, others)


@dataclass(frozen=True)
class Reader:
    """Somebody who asks: an app by its client id, another user, or an anonymous user."""

    name: str
    user_id: UUID | None
    client_id: str = ""


@dataclass
class Ledger:
    """Counts requests, the texts that answers told of and that are recorded, and the answers that are not."""

    world: World
    requests: int = 0
    recorded: int = 0
    unrecorded: list[str] = field(default_factory=list)

    def check(self, reader: Reader, what: str, request: str, send: Callable[[str], Reply]) -> None:
        """Send a request, and check that each memory that its answer tells of is named by a new line of the reader.

        request: everything that the caller chose, as text: `send` sends it, also with another memory in it.
        """
        reply, named = self._send(reader, request, send)
        canaries = self.world.canaries.items()
        told = {word: pk for word, pk in canaries if word.encode() in reply.content and word not in request}
        missing = {word for word, pk in told.items() if pk not in named}
        self.recorded += len(told) - len(missing)
        for name, altered in self._replace_memories(request):
            pk = self.world.memories[name]
            if pk not in named and reply.differs_from(self._send(reader, altered, send)[0], name):
                missing.add(f"that {name} exists or changed")
        if reader.client_id and FOREIGN_APP in reply.content.decode(errors="replace").replace(r"\/", "/"):
            missing.add("which other app there is")
        if reader.client_id and FOREIGN_APP in request:
            altered = request.replace(FOREIGN_APP, UNKNOWN_APP)
            if reply.differs_from(self._send(reader, altered, send)[0], FOREIGN_APP):
                missing.add("that an app wrote something")
        if missing:
            self.unrecorded.append(
                f"{what} as {reader.name} [{reply.status}] told {', '.join(sorted(missing))}"
            )

    def _replace_memories(self, request: str) -> Iterator[tuple[str, str]]:
        """Yield the name of each memory that the request names or quotes, and the request without it."""
        for name, pk in self.world.memories.items():
            altered = request.replace(str(pk), str(UNKNOWN_ID)).replace(f"{name}bird", UNKNOWN_WORD)
            if altered != request:
                yield name, altered

    def _send(self, reader: Reader, request: str, send: Callable[[str], Reply]) -> tuple[Reply, set[UUID]]:
        """Return the reply, and the memories that new lines of this reader name. What was changed is rolled back."""
        self.requests += 1
        with rolled_back():
            before = set(AuditEvent.objects.values_list("pk", flat=True))
            reply = send(request)
            lines = AuditEvent.objects.exclude(pk__in=before).filter(
                Q(actor_id=reader.user_id) | Q(actor_id=None),  # public pages take everybody for anonymous
                owner=self.world.ada,
                client_id=reader.client_id,
            )
            named = {pk for ids in lines.values_list("memory_ids", flat=True) for pk in ids}
            # What staff did: every entry is new, since nobody is staff while the world is made.
            entries = StaffAction.objects.filter(
                staff_id=reader.user_id or UNKNOWN_ID, person_id=self.world.ada.pk
            )
            named |= {UUID(pk) for ids in entries.values_list("object_ids", flat=True) for pk in ids}
        return reply, named
