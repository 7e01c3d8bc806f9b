"""What is answered: plain dictionaries, because a serializer's fields would cost more than the database does."""

from collections.abc import Mapping
from typing import Any

from rest_framework.response import Response

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.clients.activity import Use
from memories.errors import WaitsForYes
from memories.models import AuditEvent, ImportBatch, Memory, MemoryRevision, Tag
from memories.persona.retrieval import Answer, Citation
from memories.portability.imports.run import sample_of
from memories.review.decisions import Waiting
from memories.search.near_duplicates import Similar
from memories.search.query import Hit, SearchResult
from memories.services.reads import opened
from memories.services.representation import CITED_FIELDS, represent_memory
from memories.validation.drafts import CHANGEABLE_FIELDS
from oauth.models import AppGrant

MEMORY_FIELDS = (
    "id", "text", "visibility", "tags", "expires_at", "version", "source", "state", "created_at", "updated_at"
)  # fmt: skip


def memory_json(memory: Memory) -> dict[str, Any]:
    return represent_memory(memory, MEMORY_FIELDS)


def waiting_json(waiting: WaitsForYes) -> dict[str, Any]:
    """What is told an app whose person wants to be asked first."""
    return {"status": "waits_for_yes", "proposals": waiting.ids, "detail": str(waiting)}


def proposal_json(waiting: Waiting) -> dict[str, Any]:
    content: Mapping[str, object] | None = waiting.content
    changes = None if content is None else {key: content[key] for key in CHANGEABLE_FIELDS if key in content}
    return {
        "id": waiting.proposal.pk,
        "memory_id": waiting.proposal.memory_id,
        "changes": changes,
        "source": waiting.proposal.source,
        "created_at": waiting.proposal.created_at,
    }


def trashed_json(memory: Memory) -> dict[str, Any]:
    return represent_memory(memory, (*MEMORY_FIELDS, "deleted_at"))


def revision_json(revision: MemoryRevision) -> dict[str, Any]:
    return {
        "version": revision.version,
        "text": opened(revision),
        "source": revision.source,
        "written_at": revision.written_at,
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "memory": memory_json(hit.memory),
        "score": round(hit.score, 6),
        "cosine": None if hit.cosine is None else round(hit.cosine, 6),
        "strength": round(hit.strength, 6),
        "matched": hit.matched,
    }


def search_json(result: SearchResult) -> dict[str, Any]:
    return {"results": [hit_json(hit) for hit in result.hits], "degraded": result.degraded}


def answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "citations": [citation_json(citation) for citation in answer.citations],
        "mode": answer.mode,
        "degraded": answer.degraded,
        "includes_private": answer.includes_private,
    }


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "memory_id": citation.memory.pk,
        **represent_memory(citation.memory, CITED_FIELDS, text=citation.text),
    }


def similar_json(near: Similar) -> dict[str, Any]:
    return {"memory": memory_json(near.memory), "cosine": round(near.cosine, 6), "is_same": near.is_same}


def import_json(batch: ImportBatch) -> dict[str, Any]:
    counts = batch.counts
    return {
        "id": batch.pk,
        "format": batch.format,
        "state": batch.state,
        "new": counts["new"],
        "changed": counts["changed"],
        "duplicate": counts["duplicate"],
        "public": counts["public"],
        "skipped": [{"reason": reason, "count": count} for reason, count in counts["skipped"].items()],
        "sample": sample_of(batch),
        "total": batch.total,
        "done": batch.done,
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
        "ended_by": batch.ended_by or None,
    }


def tag_json(tag: Tag) -> dict[str, Any]:
    return {"id": tag.pk, "name": tag.name}


def event_json(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "action": event.action,
        "door": event.door,
        "client_id": event.client_id or None,
        "by_owner": event.actor_id == event.owner_id,
        "memory_ids": event.memory_ids,
        "happened_at": event.happened_at,
    }


def app_json(grant: AppGrant, use: Mapping[str, Use]) -> dict[str, Any]:
    app = grant.application
    its_use = use.get(app.client_id, Use())
    return {
        "id": grant.pk,
        "client_id": app.client_id,
        "name": str(app),
        "is_self_registered": app.is_self_registered,
        "scopes": grant.scopes,
        "only_tags": grant.only_tags,
        "ends_at": grant.ends_at,
        "paused_at": grant.paused_at,
        "asks_first": grant.asks_first,
        "connected_at": grant.created_at,
        "consented_at": grant.consented_at,
        "read": its_use.read,
        "written": its_use.written,
        "last_used_at": its_use.last_at,
    }


def profile_json(person: User, actor: Actor) -> dict[str, Any]:
    said = {
        "id": person.pk,
        "handle": person.handle,
        "display_name": person.display_name,
        "bio": person.bio,
        "time_zone": person.time_zone,
        "persona_enabled": person.persona_enabled,
        "public_page_enabled": person.public_page_enabled,
    }
    return said if actor.is_app else {**said, "email": person.email}


def whoami_json(actor: Actor) -> dict[str, Any]:
    person = actor.person
    held = [scope for scope in scopes.DESCRIPTIONS if actor.holds(scope)]
    return {
        "person": {"id": person.pk, "handle": person.handle, "display_name": person.display_name},
        "client_id": actor.client_id,
        "scopes": held,
        "only_tags": None if actor.only_tags is None else sorted(actor.only_tags),
        "until": actor.until,
    }


def memory_response(
    memory: Memory, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(memory_json(memory), status=status, headers={**(headers or {}), "ETag": etag_of(memory)})


def etag_of(memory: Memory) -> str:
    return f'"{memory.version}"'
