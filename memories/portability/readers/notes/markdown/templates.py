"""Templates of notes, in Obsidian and others: not what somebody wrote down, but what new notes begin with."""

from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy

from memories.portability.readers.formats import PartStart, RefusedKind
from memories.portability.readers.notes.markdown.note import MARKDOWN_SUFFIXES

FOLDERS = frozenset({
    "template", "templates", "vorlage", "vorlagen", "modèles", "plantillas", "modelli", "modelos", "sjablonen",
    "mallar", "maler", "skabeloner", "szablony", "шаблоны", "テンプレート", "模板",
})  # fmt: skip
PLACEHOLDERS = ("{{", "<%")


def _is_template(start: PartStart) -> bool:
    """Return whether a note in a folder of templates has a placeholder."""
    if start.suffix not in MARKDOWN_SUFFIXES or not start.is_text:
        return False
    folders = (name.strip(" _-0123456789") for name in PurePosixPath(start.path).parent.parts)
    return any(name in FOLDERS for name in folders) and any(mark in start.text for mark in PLACEHOLDERS)


NOTE_TEMPLATE = RefusedKind("note_template", gettext_lazy("template of notes"), _is_template, "not_content")
