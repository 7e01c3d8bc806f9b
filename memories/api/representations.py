"""Build response bodies as plain dictionaries: serializer fields would cost more time than the database."""

from collections.abc import Mapping
from typing import Any

from rest_framework.response import Response

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.clients.activity import AppUsage
from memories.context.selection import Context
from memories.errors import ApprovalRequired
from memories.models import AuditEvent, ImportBatch, Memory, MemoryRevision, Tag
from memories.models.visibility import get_visible_source
from memories.persona.answers import Answer, Citation
from memories.portability.imports.report import FileReport, load_reports
from memories.portability.imports.run import get_sample
from memories.portability.readers.catalog import get_kind_label
from memories.review.decisions import PendingProposal
from memories.search.near_duplicates import SimilarMemory, UpdateSuggestion
from memories.search.query import Hit, SearchResult
from memories.services.reads import decrypt_or_none
from memories.services.representation import CITED_FIELDS, represent_memory
from memories.validation.drafts import CHANGEABLE_FIELDS
from oauth.models import AppGrant

MEMORY_FIELDS = (
    "id", "text", "visibility", "tags", "expires_at", "supersedes", "superseded_by", "superseded_at", "pinned",
    "version",
    "source", "state", "created_at", "updated_at",
)  # fmt: skip


def serialize_memory(memory: Memory) -> dict[str, Any]:
    return represent_memory(memory, MEMORY_FIELDS)


def serialize_context(context: Context) -> dict[str, Any]:
    return {
        "text": context.text,
        "token_count": context.token_count,
        "max_tokens": context.max_tokens,
        "memories": context.memory_ids,
        "omitted": context.omitted,
    }


def serialize_approval_required(error: ApprovalRequired) -> dict[str, Any]:
    """Return the body for a change that needs the user's approval."""
    return {"status": "waits_for_yes", "proposals": error.ids, "detail": str(error)}


def serialize_proposal(actor: Actor, pending: PendingProposal) -> dict[str, Any]:
    content: Mapping[str, object] | None = pending.content
    changes = None if content is None else {key: content[key] for key in CHANGEABLE_FIELDS if key in content}
    return {
        "id": pending.proposal.pk,
        "memory_id": pending.proposal.memory_id,
        "changes": changes,
        "source": get_visible_source(actor, pending.proposal.source),
        "created_at": pending.proposal.created_at,
    }


def serialize_trashed_memory(memory: Memory) -> dict[str, Any]:
    return represent_memory(memory, (*MEMORY_FIELDS, "deleted_at"))


def serialize_revision(actor: Actor, revision: MemoryRevision) -> dict[str, Any]:
    return {
        "version": revision.version,
        "text": decrypt_or_none(revision),
        "source": get_visible_source(actor, revision.source),
        "written_at": revision.written_at,
    }


def serialize_hit(hit: Hit) -> dict[str, Any]:
    return {
        "memory": serialize_memory(hit.memory),
        "score": round(hit.score, 6),
        "cosine": None if hit.cosine is None else round(hit.cosine, 6),
        "strength": round(hit.strength, 6),
        "relevance": hit.relevance,
        "matched": hit.matched_words,
    }


def serialize_search_result(result: SearchResult) -> dict[str, Any]:
    return {
        "results": [serialize_hit(hit) for hit in result.hits],
        "degraded": result.degraded,
        "corrected": result.corrected,
    }


def serialize_answer(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "citations": [serialize_citation(citation) for citation in answer.citations],
        "mode": answer.mode,
        "degraded": answer.degraded,
        "includes_private": answer.includes_private,
        "closest": [serialize_citation(source) for source in answer.closest],
    }


def serialize_citation(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "memory_id": citation.memory.pk,
        **represent_memory(citation.memory, CITED_FIELDS, text=citation.text),
    }


def serialize_similar_memory(similar: SimilarMemory) -> dict[str, Any]:
    return {
        "memory": serialize_memory(similar.memory),
        "cosine": round(similar.cosine, 6),
        "is_same": similar.is_same,
        "update": None if similar.update is None else serialize_update(similar.update),
    }


def serialize_update(update: UpdateSuggestion) -> dict[str, Any]:
    return {
        "newer_id": update.newer_id,
        "older_id": update.older_id,
        "differences": [
            {"kind": each.kind, "older": each.older, "newer": each.newer} for each in update.differences
        ],
    }


def serialize_import(batch: ImportBatch) -> dict[str, Any]:
    """Return an import with what comes of each file, and why something does not."""
    return {
        **serialize_import_summary(batch),
        "files": [serialize_imported_file(report) for report in load_reports(batch.report)],
    }


def serialize_import_summary(batch: ImportBatch) -> dict[str, Any]:
    counts = batch.counts
    return {
        "id": batch.pk,
        "format": batch.format,
        "state": batch.state,
        "new": counts["new"],
        "changed": counts["changed"],
        "duplicate": counts["duplicate"],
        "public": counts["public"],
        "skipped": _serialize_counts(counts["skipped"], "reason"),
        "notes": _serialize_counts(counts.get("notes", {}), "note"),
        "sample": get_sample(batch),
        "total": batch.total,
        "done": batch.done,
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
        "ended_by": batch.ended_by or None,
    }


def serialize_imported_file(report: FileReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "kind": report.kind,
        "label": get_kind_label(report.kind),
        "file_count": report.files,
        "new": report.counts["new"],
        "changed": report.counts["changed"],
        "duplicate": report.counts["duplicate"],
        "skipped": _serialize_counts(report.skipped, "reason"),
        "notes": _serialize_counts(report.notes, "note"),
    }


def _serialize_counts(counts: Mapping[str, int], name: str) -> list[dict[str, Any]]:
    return [{name: code, "count": count} for code, count in counts.items()]


def serialize_tag(tag: Tag) -> dict[str, Any]:
    return {"id": tag.pk, "name": tag.name}


def serialize_event(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "action": event.action,
        "door": event.door,
        "client_id": event.client_id or None,
        "by_owner": event.actor_id == event.owner_id,
        "memory_ids": event.first_ids,
        "memory_count": event.id_count,
        "happened_at": event.happened_at,
    }


def serialize_app(grant: AppGrant, usage_by_app: Mapping[str, AppUsage]) -> dict[str, Any]:
    app = grant.application
    usage = usage_by_app.get(app.client_id, AppUsage())
    return {
        "id": grant.pk,
        "client_id": app.client_id,
        "name": grant.name,
        "new_name": grant.new_name or None,
        "host": "" if app.is_personal_token else app.host,
        "is_self_registered": app.is_self_registered,
        "is_personal_token": app.is_personal_token,
        "scopes": grant.scopes,
        "only_tags": grant.only_tags,
        "ends_at": grant.ends_at,
        "paused_at": grant.paused_at,
        "asks_first": grant.asks_first,
        "connected_at": grant.created_at,
        "consented_at": grant.consented_at,
        "read": usage.read,
        "written": usage.written,
        "last_used_at": max(filter(None, (usage.last_at, grant.used_at)), default=None),
    }


def serialize_profile(person: User, actor: Actor) -> dict[str, Any]:
    profile = {
        "id": person.pk,
        "handle": person.handle,
        "display_name": person.display_name,
        "bio": person.bio,
        "time_zone": person.time_zone,
        "language": person.language_code,
        "persona_enabled": person.persona_enabled,
        "public_page_enabled": person.public_page_enabled,
    }
    return profile if actor.is_app else {**profile, "email": person.email}


def serialize_whoami(actor: Actor) -> dict[str, Any]:
    person = actor.person
    granted = [scope for scope in scopes.DESCRIPTIONS if actor.has_scope(scope)]
    return {
        "person": {"id": person.pk, "handle": person.handle, "display_name": person.display_name},
        "client_id": actor.client_id,
        "scopes": granted,
        "only_tags": None if actor.only_tags is None else sorted(actor.only_tags),
        "until": actor.until,
    }


def build_memory_response(
    memory: Memory, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        serialize_memory(memory), status=status, headers={**(headers or {}), "ETag": format_etag(memory)}
    )


def format_etag(memory: Memory) -> str:
    return f'"{memory.version}"'
