"""Moving out: a person's memories in forms that others read, made as they are sent, some hundred at a time."""

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
from memories.models import AuditAction, Memory, MemoryRevision
from memories.portability.exports.zip_stream import ZipMember, stream_zip
from memories.portability.readers.json_and_csv import escape_formula
from memories.portability.readers.picard_jsonl import format_line
from memories.portability.readers.text_and_markdown import CONTINUATION_INDENT
from memories.services import audit
from memories.services.reads import decrypt_or_none
from memories.services.representation import represent_memory
from memories.services.tags import attach_prefetched_tags, get_tag_names, with_tags

PAGE_SIZE = 500
COLUMNS = ("text", "tags", "visibility", "created_at", "expires_at", "id")  # of CSV
PROPERTIES = ("id", "created_at", "visibility", "tags", "expires_at")  # of Markdown
PAM_VERSION = "1.0"

Pages = Iterator[Sequence[Memory]]


@dataclass(frozen=True)
class ExportFormat:
    """A form of export. name: as it is asked for; label: what a person is told of it."""

    name: str
    label: object
    media_type: str
    suffix: str
    write: Callable[[Actor], Iterator[bytes]]


@dataclass(frozen=True)
class Export:
    """What is sent: made while `chunks` is read."""

    filename: str
    media_type: str
    chunks: Iterator[bytes]


def export_memories(actor: Actor, form: str) -> Export:
    """Everything that the actor may see of the person's own memories, oldest first, in one of FORMS.

    Needs memories:read and memories:admin of an app. Raises ValidationError (format).
    """
    actor.require_scope(scopes.READ)
    actor.require_scope(scopes.ADMIN)
    chosen = EXPORT_FORMATS.get(form)
    if chosen is None:
        message = _("Choose one of: %(names)s.") % {"names": ", ".join(EXPORT_FORMATS)}
        raise ValidationError({"format": ValidationError(message, code="unknown_format")})
    return Export(f"{build_filename(chosen.name)}.{chosen.suffix}", chosen.media_type, chosen.write(actor))


def build_filename(what: str) -> str:
    return f"picard-{what}-{timezone.localdate():%Y-%m-%d}"


def iterate_own_pages(actor: Actor) -> Pages:
    """By id, so that no row is missed or told twice while others come and go; each page is in the audit."""
    own = Memory.objects.visible_to(actor, owner=actor.person)
    return iterate_pages(actor, own)


def iterate_pages(actor: Actor, memories: QuerySet[Memory]) -> Pages:
    last: UUID | None = None
    while True:
        rows = memories if last is None else memories.filter(pk__gt=last)
        with transaction.atomic():
            page = list(with_tags(rows).order_by("pk")[:PAGE_SIZE])
            ids = [memory.pk for memory in page]
            audit.record_event(actor, AuditAction.MEMORY_EXPORT, owner_id=actor.person.pk, memory_ids=ids)
        if not page:
            return
        attach_prefetched_tags(actor, page)
        yield page
        last = page[-1].pk


# --- The forms ------------------------------------------------------------------------------------------


def write_jsonl(actor: Actor, some: Pages | None = None) -> Iterator[bytes]:
    for page in some or iterate_own_pages(actor):
        history = _load_histories(page)
        yield b"".join(format_line(memory, history.get(memory.pk, [])) for memory in page)


def _load_histories(page: Sequence[Memory]) -> dict[UUID, list[tuple[int, str | None, datetime]]]:
    changed = [memory.pk for memory in page if memory.version > 1]
    found: dict[UUID, list[tuple[int, str | None, datetime]]] = {}
    if changed:
        revisions = MemoryRevision.objects.filter(owner_id=page[0].owner_id, memory_id__in=changed)
        for revision in revisions.order_by("version"):
            past = (revision.version, decrypt_or_none(revision), revision.written_at)
            found.setdefault(revision.memory_id, []).append(past)
    return found


def _write_pam(actor: Actor) -> Iterator[bytes]:
    """portable-ai-memory 1.0, a memory store."""
    head = {
        "schema": "portable-ai-memory",
        "schema_version": PAM_VERSION,
        "export_date": _format_utc(timezone.now()),
        "exported_by": "picard",
        "owner": {"id": str(actor.person.pk)},
    }
    yield orjson.dumps(head)[:-1] + b',"memories":['
    joint = b""
    for memory, text in _iterate_texts(actor):
        yield joint + orjson.dumps(_build_pam_memory(memory, text))
        joint = b",\n"
    yield b"]}\n"


def _build_pam_memory(memory: Memory, text: str) -> dict[str, object]:
    normal = " ".join(unicodedata.normalize("NFC", text.strip().lower()).split())
    temporal = {"created_at": _format_utc(memory.created_at), "updated_at": _format_utc(memory.updated_at)}
    if memory.expires_at:
        temporal["valid_until"] = _format_utc(memory.expires_at)
    return {
        "id": str(memory.pk),
        "type": "context",
        "status": "active",
        "content": text,
        "content_hash": f"sha256:{hashlib.sha256(normal.encode()).hexdigest()}",
        "tags": get_tag_names(memory),
        "temporal": temporal,
        "provenance": {"platform": "picard"},
        "access": {"visibility": memory.visibility},
    }


def _write_csv(actor: Actor) -> Iterator[bytes]:
    yield ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()  # the mark tells spreadsheets that it is UTF-8
    for memory, text in _iterate_texts(actor):
        cells = represent_memory(memory, COLUMNS, text=text).values()
        yield (",".join(map(_quote_cell, cells)) + "\r\n").encode()


def _quote_cell(value: object) -> str:
    """RFC 4180, 2."""
    text = ";".join(map(escape_formula, value)) if isinstance(value, list) else _plain(value)
    return '"' + escape_formula(text).replace('"', '""') + '"'


def _write_text(actor: Actor) -> Iterator[bytes]:
    """`[date] - content`; the further lines of a text are indented."""
    for memory, text in _iterate_texts(actor):
        said = text.replace("\n", f"\n{CONTINUATION_INDENT}")
        yield f"[{memory.created_at.astimezone(UTC):%Y-%m-%d}] - {said}\n".encode()


def _write_markdown(actor: Actor) -> Iterator[bytes]:
    return stream_zip(_build_note(memory, text) for memory, text in _iterate_texts(actor))


def _build_note(memory: Memory, text: str) -> ZipMember:
    created = memory.created_at.astimezone(UTC)
    properties = represent_memory(memory, PROPERTIES)
    front = [_property(name, value) for name, value in properties.items() if value]
    content = "\n".join(["---", *front, "---", "", text, ""]).encode()
    return ZipMember(f"{created:%Y-%m-%d}-{memory.pk.hex[-12:]}.md", iter([content]), created)


def _property(name: str, value: object) -> str:
    """YAML, as the properties of Obsidian are."""
    if isinstance(value, list):
        return "\n".join([f"{name}:", *(f'  - "{each}"' for each in value)])
    return f"{name}: {_plain(value)}"


def _iterate_texts(actor: Actor) -> Iterator[tuple[Memory, str]]:
    """Without those whose stored text does not open; only JSON Lines can say that there was one."""
    for page in iterate_own_pages(actor):
        for memory in page:
            if (text := decrypt_or_none(memory)) is not None:
                yield memory, text


def _plain(value: object) -> str:
    if value is None:
        return ""
    return _format_utc(value) if isinstance(value, datetime) else str(value)


def _format_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


EXPORT_FORMATS = {
    form.name: form
    for form in (
        ExportFormat("jsonl", gettext_lazy("JSON Lines: everything, to move to another Picard"),
             "application/x-ndjson", "jsonl", write_jsonl),
        ExportFormat("pam", gettext_lazy("portable-ai-memory: for other products that keep memories"),
             "application/json", "json", _write_pam),
        ExportFormat("markdown", gettext_lazy("Markdown: a zip of notes, for Obsidian and the like"),
             "application/zip", "zip", _write_markdown),
        ExportFormat("csv", gettext_lazy("CSV: a table, for a spreadsheet"),
                     "text/csv; charset=utf-8", "csv", _write_csv),
        ExportFormat("text", gettext_lazy("Text: a line each, to paste into an assistant"),
             "text/plain; charset=utf-8", "txt", _write_text),
    )
}  # fmt: skip
