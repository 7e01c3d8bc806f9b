"""Export formats for a user's memories, streamed one page of rows at a time."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actor import Actor
from memories import scopes
from memories.models import AuditAction, LinkedMemory, Memory, MemoryRevision
from memories.portability.exports.exported_ids import attach_exported_ids
from memories.portability.exports.zip_stream import ZipMember, stream_zip
from memories.portability.readers.memory_tools.picard_jsonl import format_line
from memories.portability.readers.tables.csv_table import escape_formula
from memories.portability.readers.texts.plain_text import CONTINUATION_INDENT
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.services.representation import represent_memory
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import attach_prefetched_tags, get_tag_names, with_tags

PAGE_SIZE = 500
COLUMNS = ("text", "tags", "visibility", "created_at", "expires_at", "id", "supersedes")  # CSV
PROPERTIES = ("id", "created_at", "visibility", "tags", "expires_at", "supersedes")  # Markdown front matter
PAM_VERSION = "1.0"

Pages = Iterator[Sequence[Memory]]


@dataclass(frozen=True)
class ExportFormat:
    """An export format. name: value of the `format` parameter; label: text shown to the user."""

    name: str
    label: object
    media_type: str
    suffix: str
    write: Callable[[Actor], Iterator[bytes]]


@dataclass(frozen=True)
class Export:
    """A file to send; `chunks` generates its content lazily."""

    filename: str
    media_type: str
    chunks: Iterator[bytes]


def export_memories(actor: Actor, form: str) -> Export:
    """Export the user's own memories that the actor can read, oldest first, in one of EXPORT_FORMATS.

    An app needs memories:read and memories:admin. Raises ValidationError (format).
    """
    actor.require_scope(scopes.READ)
    actor.require_scope(scopes.ADMIN)
    export_format = EXPORT_FORMATS.get(form)
    if export_format is None:
        message = _("Choose one of: %(names)s.") % {"names": ", ".join(EXPORT_FORMATS)}
        raise ValidationError({"format": ValidationError(message, code="unknown_format")})
    filename = f"{build_filename(export_format.name)}.{export_format.suffix}"
    return Export(filename, export_format.media_type, export_format.write(actor))


def build_filename(name: str) -> str:
    return f"picard-{name}-{timezone.localdate():%Y-%m-%d}"


def iterate_own_pages(actor: Actor) -> Pages:
    """Yield the user's own memories in pages, each recorded in the audit log."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    return iterate_pages(actor, own)


def iterate_pages(actor: Actor, memories: QuerySet[Memory]) -> Pages:
    """Page by id, so that concurrent writes neither skip nor repeat a row."""
    last: UUID | None = None
    while True:
        rows = memories if last is None else memories.filter(pk__gt=last)
        with transaction.atomic():
            page = list(with_successors(with_tags(rows)).order_by("pk")[:PAGE_SIZE])
            attach_links(actor, page)
            attach_exported_ids(actor, page)
            ids = [memory.pk for memory in page]
            audit.record_event(actor, AuditAction.MEMORY_EXPORT, owner_id=actor.person.pk, memory_ids=ids)
        if not page:
            return
        attach_prefetched_tags(actor, page)
        yield page
        last = page[-1].pk


# --- Formats --------------------------------------------------------------------------------------------


def write_jsonl(actor: Actor, pages: Pages | None = None) -> Iterator[bytes]:
    for page in pages or iterate_own_pages(actor):
        history = _load_histories(page)
        yield b"".join(format_line(memory, history.get(memory.pk, [])) for memory in page)


def _load_histories(page: Sequence[Memory]) -> dict[UUID, list[tuple[int, str | None, datetime]]]:
    edited_ids = [memory.pk for memory in page if memory.version > 1]
    histories: dict[UUID, list[tuple[int, str | None, datetime]]] = {}
    if edited_ids:
        revisions = MemoryRevision.objects.filter(owner_id=page[0].owner_id, memory_id__in=edited_ids)
        for revision in revisions.order_by("version"):
            entry = (revision.version, decrypt_or_none(revision), revision.written_at)
            histories.setdefault(revision.memory_id, []).append(entry)
    return histories


def _write_pam(actor: Actor) -> Iterator[bytes]:
    """Write a portable-ai-memory 1.0 memory store."""
    head = {
        "schema": "portable-ai-memory",
        "schema_version": PAM_VERSION,
        "export_date": _format_utc(timezone.now()),
        "exported_by": "picard",
        "owner": {"id": str(actor.person.pk)},
    }
    yield orjson.dumps(head)[:-1] + b',"memories":['
    separator = b""
    relations: list[dict[str, str]] = []
    for memory, text in _iterate_texts(actor):
        yield separator + orjson.dumps(_build_pam_memory(memory, text))
        separator = b",\n"
        if memory.superseded is not None:
            relations.append(_build_pam_relation(memory, memory.superseded))
    yield b'],"relations":' + orjson.dumps(relations) + b"}\n"


def _build_pam_memory(memory: Memory, text: str) -> dict[str, object]:
    normalized = " ".join(unicodedata.normalize("NFC", text.strip().lower()).split())
    temporal = {"created_at": _format_utc(memory.created_at), "updated_at": _format_utc(memory.updated_at)}
    if memory.expires_at:
        temporal["valid_until"] = _format_utc(memory.expires_at)
    if memory.superseded_by:
        temporal["superseded_by"] = str(memory.superseded_by.id)
    return {
        "id": str(memory.exported_id),
        "type": "context",
        "status": "superseded" if memory.superseded_by else "active",
        "content": text,
        "content_hash": f"sha256:{hashlib.sha256(normalized.encode()).hexdigest()}",
        "tags": get_tag_names(memory),
        "temporal": temporal,
        "provenance": {"platform": "picard"},
        "access": {"visibility": memory.visibility},
    }


def _build_pam_relation(memory: Memory, older: LinkedMemory) -> dict[str, str]:
    return {
        "id": f"supersedes-{memory.exported_id}",
        "from": str(memory.exported_id),
        "to": str(older.id),
        "type": "supersedes",
        "created_at": _format_utc(memory.created_at),
    }


def _write_csv(actor: Actor) -> Iterator[bytes]:
    yield ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()  # spreadsheets detect UTF-8 by the byte order mark
    for memory, text in _iterate_texts(actor):
        cells = represent_memory(memory, COLUMNS, text=text).values()
        yield (",".join(map(_quote_cell, cells)) + "\r\n").encode()


def _quote_cell(value: object) -> str:
    """Quote a CSV cell (RFC 4180, section 2)."""
    text = ";".join(map(escape_formula, value)) if isinstance(value, list) else _format_value(value)
    return '"' + escape_formula(text).replace('"', '""') + '"'


def _write_text(actor: Actor) -> Iterator[bytes]:
    """Write `[date] - content`, with continuation lines indented."""
    for memory, text in _iterate_texts(actor):
        content = text.replace("\n", f"\n{CONTINUATION_INDENT}")
        yield f"[{memory.created_at.astimezone(UTC):%Y-%m-%d}] - {content}\n".encode()


def _write_markdown(actor: Actor) -> Iterator[bytes]:
    return stream_zip(_build_note(memory, text) for memory, text in _iterate_texts(actor))


def _build_note(memory: Memory, text: str) -> ZipMember:
    created = memory.created_at.astimezone(UTC)
    properties = represent_memory(memory, PROPERTIES)
    front = [_format_property(name, value) for name, value in properties.items() if value]
    content = "\n".join(["---", *front, "---", "", text, ""]).encode()
    return ZipMember(f"{created:%Y-%m-%d}-{memory.pk.hex[-12:]}.md", iter([content]), created)


def _format_property(name: str, value: object) -> str:
    """Format a YAML property as Obsidian writes it."""
    if isinstance(value, list):
        return "\n".join([f"{name}:", *(f'  - "{each}"' for each in value)])
    return f"{name}: {_format_value(value)}"


def _iterate_texts(actor: Actor) -> Iterator[tuple[Memory, str]]:
    """Yield memories with their texts, skipping undecryptable ones; only JSON Lines can represent those."""
    for page in iterate_own_pages(actor):
        for memory in page:
            if (text := decrypt_or_none(memory)) is not None:
                yield memory, text


def _format_value(value: object) -> str:
    if value is None:
        return ""
    return _format_utc(value) if isinstance(value, datetime) else str(value)


def _format_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


EXPORT_FORMATS = {
    form.name: form
    for form in (
        ExportFormat("jsonl", gettext_lazy("JSON Lines: complete, for another Picard"),
             "application/x-ndjson", "jsonl", write_jsonl),
        ExportFormat("pam", gettext_lazy("portable-ai-memory: for other memory products"),
             "application/json", "json", _write_pam),
        ExportFormat("markdown", gettext_lazy("Markdown: a zip of notes, for Obsidian and similar apps"),
             "application/zip", "zip", _write_markdown),
        ExportFormat("csv", gettext_lazy("CSV: for spreadsheets"),
                     "text/csv; charset=utf-8", "csv", _write_csv),
        ExportFormat("text", gettext_lazy("Plain text: one memory per line, to paste into an assistant"),
             "text/plain; charset=utf-8", "txt", _write_text),
    )
}  # fmt: skip
