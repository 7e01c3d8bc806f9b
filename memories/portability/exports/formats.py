"""Export formats for a user's memories, streamed one page of rows at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actor import Actor
from memories import scopes
from memories.portability.exports.csv_rows import write_csv
from memories.portability.exports.markdown import write_markdown
from memories.portability.exports.mcp_graph import write_mcp_graph
from memories.portability.exports.mem0 import write_mem0
from memories.portability.exports.pages import Pages, iterate_own_pages, iterate_texts, load_histories
from memories.portability.exports.pam import write_pam
from memories.portability.readers.memory_tools.picard_jsonl import format_line
from memories.portability.readers.texts.plain_text import CONTINUATION_INDENT
from memories.services import audit, reads


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

    An app needs memories:read and memories:admin. Raises ValidationError (format), RateLimitExceeded.
    """
    actor.require_scope(scopes.READ)
    actor.require_scope(scopes.ADMIN)
    export_format = EXPORT_FORMATS.get(form)
    if export_format is None:
        message = _("Choose one of: %(names)s.") % {"names": ", ".join(EXPORT_FORMATS)}
        raise ValidationError({"format": ValidationError(message, code="unknown_format")})
    audit.enforce_read_limit(actor, reads.count_memories(actor) if actor.is_app else 0)
    filename = f"{build_filename(export_format.name)}.{export_format.suffix}"
    return Export(filename, export_format.media_type, export_format.write(actor))


def build_filename(name: str) -> str:
    return f"picard-{name}-{timezone.localdate():%Y-%m-%d}"


def write_jsonl(actor: Actor, pages: Pages | None = None) -> Iterator[bytes]:
    for page in pages or iterate_own_pages(actor):
        history = load_histories(actor, page)
        yield b"".join(format_line(memory, history.get(memory.pk, [])) for memory in page)


def _write_text(actor: Actor) -> Iterator[bytes]:
    """Write `[date] - content`, with continuation lines indented. The date is that of the user's day."""
    zone = actor.person.zone
    for memory, text in iterate_texts(actor):
        content = text.replace("\n", f"\n{CONTINUATION_INDENT}")
        yield f"[{memory.created_at.astimezone(zone):%Y-%m-%d}] - {content}\n".encode()


EXPORT_FORMATS = {
    form.name: form
    for form in (
        ExportFormat("jsonl", gettext_lazy("JSON Lines: complete, for another Picard"),
             "application/x-ndjson", "jsonl", write_jsonl),
        ExportFormat("pam", gettext_lazy("portable-ai-memory: for other memory products"),
             "application/json", "json", write_pam),
        ExportFormat("mem0", gettext_lazy("mem0 JSON: for mem0, OpenMemory and similar products"),
             "application/json", "json", write_mem0),
        ExportFormat("mcp", gettext_lazy("memory.jsonl: for the memory server of the Model Context Protocol"),
             "application/x-ndjson", "jsonl", write_mcp_graph),
        ExportFormat("markdown", gettext_lazy("Markdown: a ZIP of notes, for Obsidian and similar apps"),
             "application/zip", "zip", write_markdown),
        ExportFormat("csv", gettext_lazy("CSV: for spreadsheets"),
             "text/csv; charset=utf-8", "csv", write_csv),
        ExportFormat("text", gettext_lazy("Plain text: one memory per line, to paste into an assistant"),
             "text/plain; charset=utf-8", "txt", _write_text),
    )
}  # fmt: skip
