"""The form of an import, and what the pages say of one: by file, what comes and what does not."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.uploads import MAX_FILES, list_uploads
from memories.models import ImportBatch, ImportEndReason, ImportState
from memories.portability.files.archives import NamedFile
from memories.portability.imports.report import FileReport, load_reports
from memories.portability.imports.run import get_sample
from memories.portability.readers.catalog import get_kind_label
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.reasons import NOTES, REASONS
from memories.web.decorators import Request
from memories.web.forms import RawCharField

MAX_SHOWN_TEXT = 2_000_000  # bytes of a pasted text that are shown again with an error
MAX_LISTED = 5  # files of one kind that are left out for the same reason and named at once
CHAT_REASONS = (
    "of_the_assistant",
    "conversation",
)  # what another choice of "Import from conversations" imports


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, which `ImportForm.sources` has."""

    def clean(self, data: object, _initial: object = None) -> object:
        return data


class ImportForm(forms.Form):
    """Files and a pasted text to import. sources: all of them; the pasted text has no name."""

    file = FilesField(
        label=gettext_lazy("Choose files"), required=False, widget=FilesInput(attrs={"multiple": True})
    )
    folder = FilesField(
        label=gettext_lazy("Choose a folder"),
        required=False,
        widget=FilesInput(attrs={"multiple": True, "webkitdirectory": True}),
    )
    text = RawCharField(
        label=gettext_lazy("Or paste text"),
        help_text=gettext_lazy(
            "What an assistant answered, a list with one memory per line, notes, JSON or a table."
        ),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    chats = forms.ChoiceField(
        label=gettext_lazy("Import from conversations"),
        help_text=gettext_lazy("Saved memories, notes and lists are always imported."),
        choices=[
            (ChatFilter.MINE.value, gettext_lazy("My messages")),
            (ChatFilter.ALL.value, gettext_lazy("My messages and the answers")),
            (ChatFilter.NONE.value, gettext_lazy("Nothing, only saved memories")),
        ],
        initial=ChatFilter.MINE.value,
        required=False,
    )
    text_column = forms.CharField(
        label=gettext_lazy("Column with the texts"),
        help_text=gettext_lazy("Each row of the table becomes a memory with the text of this column."),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )

    def __init__(self, request: Request) -> None:
        self.sources: list[NamedFile] = []
        self.has_unknown_table = False
        if request.method != "POST":
            super().__init__(
                initial={name: request.GET[name] for name in ("chats", "text_column") if name in request.GET}
            )
            return
        data, files = request.POST.copy(), request.FILES.copy()
        if (pasted := files.get("text")) is not None:
            data["text"] = pasted.read(MAX_SHOWN_TEXT).decode("utf-8", "replace")
        elif text := request.POST.get("text"):
            files["text"] = UploadedFile(io.BytesIO(text.encode("utf-8", "replace")))
        if not data.get("text", "").strip():
            files.pop("text", None)
        self.sources = [NamedFile(file, name) for file, name in list_uploads(files)]
        super().__init__(data, files)

    def offer_columns(self, error: ValidationError) -> None:
        """Offer the columns of a table whose columns are unknown, if that is the error."""
        for each in error.error_dict.get("file", ()):
            if names := (each.params or {}).get("names"):
                choices = [(name, name) for name in names]
                self.fields["text_column"].widget = forms.Select(choices=choices)
                self.has_unknown_table = True

    def clean(self) -> dict[str, Any]:
        if not self.sources:
            self.add_error("file", _("Choose a file or paste text."))
        return super().clean() or self.cleaned_data

    @property
    def asks_for_column(self) -> bool:
        return self.has_unknown_table or bool(self["text_column"].value())

    @property
    def has_options(self) -> bool:
        """Return whether an option differs from its default, so that the page shows it."""
        return bool(self["chats"].value() != ChatFilter.MINE)

    @property
    def limits(self) -> dict[str, str]:
        return {
            "bytes": str(settings.MAX_IMPORT_BYTES),
            "files": str(MAX_FILES),
            "megabytes": f"{settings.MAX_IMPORT_BYTES // 1_000_000:,}",
        }


@dataclass(frozen=True)
class FileRow:
    """A file of which memories are imported, or were imported before."""

    report: FileReport

    @property
    def name(self) -> str:
        return get_file_name(self.report)

    @property
    def label(self) -> str:
        return get_kind_label(self.report.kind)

    @property
    def notes(self) -> list[tuple[int, str]]:
        return list_counts(self.report.notes.items(), NOTES)


@dataclass(frozen=True)
class LeftOut:
    """Files of one kind of which something is not imported: one file, or several that are left out as a whole."""

    reports: list[FileReport]

    @property
    def names(self) -> list[str]:
        return [get_file_name(report) for report in self.reports]

    @property
    def is_group(self) -> bool:
        return self.count > 1

    @property
    def count(self) -> int:
        return sum(report.files for report in self.reports)

    @property
    def label(self) -> str:
        return get_kind_label(self.reports[0].kind)

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Return counts with their reasons; 0 for a file that is left out as a whole."""
        report = self.reports[0]
        if self.is_group or not (report.is_imported or report.skipped.total() > 1):
            return [(0, reason) for _count, reason in list_counts(report.skipped.items(), REASONS)]
        return list_counts(report.skipped.items(), REASONS)


def build_import_context(batch: ImportBatch) -> dict[str, object]:
    """Return what a list shows of an import."""
    counts = batch.counts
    return {
        "batch": batch,
        "state": ImportState(batch.state).label,
        "format": get_kind_label(batch.format),
        "new": counts.get("new", 0),
        "changed": counts.get("changed", 0),
        "duplicate": counts.get("duplicate", 0),
        "public": counts.get("public", 0),
        "count": batch.total if batch.state == ImportState.STAGED else batch.done,
        "is_running": batch.state == ImportState.RUNNING,
        "is_staged": batch.state == ImportState.STAGED,
        "ended_by": ImportEndReason(batch.ended_by).label if batch.ended_by else "",
        "is_done": batch.state == ImportState.DONE,
    }


def build_preview_context(batch: ImportBatch) -> dict[str, object]:
    """Return what its page shows of an import."""
    reports = load_reports(batch.report)
    skipped = batch.counts.get("skipped", {})
    return {
        **build_import_context(batch),
        "files": [FileRow(report) for report in reports if report.is_imported],
        "left_out": group_left_out(report for report in reports if report.skipped),
        "skipped": [] if reports else list_counts(skipped.items(), REASONS),  # of an import without reports
        "notes": list_counts(batch.counts.get("notes", {}).items(), NOTES),
        "sample": get_sample(batch),
        "tables": [report for report in reports if "unknown_table" in report.skipped],
        "columns": list(dict.fromkeys(name for report in reports for name in report.columns)),
        "has_more_in_chats": any(reason in skipped for reason in CHAT_REASONS),
    }


def group_left_out(reports: Iterable[FileReport]) -> list[LeftOut]:
    """Group files that are left out as a whole for the same reason, if they are many."""
    groups: dict[object, list[FileReport]] = {}
    for number, report in enumerate(reports):
        key = number if report.is_imported else (report.kind, *report.skipped)
        groups.setdefault(key, []).append(report)
    return [
        each
        for group in groups.values()
        for each in ([LeftOut(group)] if len(group) > MAX_LISTED else [LeftOut([report]) for report in group])
    ]


def list_counts(counts: Iterable[tuple[str, int]], texts: Mapping[str, object]) -> list[tuple[int, str]]:
    return [(count, str(texts.get(code, code))) for code, count in counts]


def get_file_name(report: FileReport) -> str:
    if report.files > 1:
        text = ngettext("%(count)s more file", "%(count)s more files", report.files)
        return text % {"count": f"{report.files:,}"}
    return report.name or _("Pasted text")
