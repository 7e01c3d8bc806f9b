"""The texts that Picard shows, found in its Python modules and templates without GNU gettext."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.utils.translation import templatize

from picard.config.paths import PROJECT

PACKAGES = ("accounts", "core", "memories", "oauth", "picard")
# Read by programs and models: in English.
ENGLISH_FOLDERS = {"migrations", "api", "mcp", "prompts"}
LAZY = ("gettext_lazy", "gettext_noop", "ngettext_lazy", "pgettext_lazy", "npgettext_lazy")
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    **{name: DEFAULT_KEYWORDS[re.sub("_(lazy|noop)$", "", name)] for name in LAZY},
}
HINT = "Translators:"  # starts a comment for translators


class Found(NamedTuple):
    """A text in a file. msgid: the text, or its singular and plural."""

    file: str
    msgid: str | tuple[str, str]
    context: str | None
    hints: tuple[str, ...]


def list_sources() -> list[Path]:
    """Return the modules and templates with texts for people, sorted."""
    found = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    found += [path for path in (PROJECT / "templates").rglob("*") if path.suffix in (".html", ".txt")]
    return sorted(path for path in found if not ENGLISH_FOLDERS & set(path.relative_to(PROJECT).parts))


def extract_texts() -> Iterator[Found]:
    """Yield the texts of all sources, by file and place in it."""
    for path in list_sources():
        source = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            source = _to_python(source, str(path))
        elif "gettext" not in source:
            continue
        texts = extract(
            "python", BytesIO(source.encode()), KEYWORDS, comment_tags=[HINT], strip_comment_tags=True
        )
        for _line, message, hints, context in texts:
            msgid = message if isinstance(message, str) else (message[0], message[1])
            yield Found(path.relative_to(PROJECT).as_posix(), msgid, context, tuple(hints))


def _to_python(template: str, origin: str) -> str:
    """Return the calls of gettext that stand for a template, each on its line."""
    return "\n".join(line.lstrip() for line in templatize(template, origin=origin).splitlines())
