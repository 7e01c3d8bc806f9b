"""Notes of Emacs' Org mode, such as those of Org-roam: `#+title:`, `#+filetags:`, property drawers.

The syntax is documented at https://orgmode.org/worg/org-syntax.html.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult
from memories.portability.readers.notes.markdown.front_matter import Properties
from memories.portability.readers.notes.markdown.note import build_note, is_hidden
from memories.portability.readers.notes.markdown.properties import TECHNICAL_KEYS as PROPERTY_KEYS
from memories.portability.readers.notes.markdown.properties import read_properties

KEYWORD = re.compile(r"#\+(?P<key>\w[\w-]{0,60}):[ \t]*(?P<value>.*)")
DRAWER_PROPERTY = re.compile(r"[ \t]*:(?P<key>[^:\s]{1,60}):[ \t]*(?P<value>.*)")
DRAWER_START, DRAWER_END = ":properties:", ":end:"
HEADLINE_TAGS = re.compile(r"\*+ .*[ \t](?P<tags>:[\w@#%:]+:)")
TIMESTAMP = re.compile(r"[\[<](\d{4}-\d\d-\d\d)(?: [^\s\d\]>]+)?(?: (\d{1,2}:\d\d))?[^\]>]*[\]>]")
# How a file is shown or made into another.
TECHNICAL_KEYS = frozenset({
    "startup", "options", "property", "latex_class", "latex_header", "html_head", "export_file_name", "language",
    "begin_src", "end_src", "results", "name", "caption", "attr_html", "roam_key", "roam_alias", "roam_aliases",
    "id", "hugo_base_dir", "hugo_section", "setupfile", "custom_id",
})  # fmt: skip


def _read_org(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a file as one memory: the keywords before its text are properties, its drawers are none of the text."""
    properties: Properties = {}
    body: list[str] = []
    tags: list[str] = []
    in_drawer = has_text = False
    for line in read_text(part).split("\n"):
        mark = line.strip().lower()
        if mark == DRAWER_START:
            in_drawer = True
        elif in_drawer:
            in_drawer = mark != DRAWER_END
            if (match := DRAWER_PROPERTY.fullmatch(line)) and in_drawer:
                if has_text:
                    body += _format_drawer_property(match["key"], match["value"])
                else:
                    _add(properties, match["key"], match["value"])
        elif not has_text and (match := KEYWORD.fullmatch(line)):
            _add(properties, match["key"], match["value"])
        else:
            body.append(line)
            has_text = has_text or bool(mark)
            if match := HEADLINE_TAGS.fullmatch(line):
                tags += match["tags"].split(":")
    text = "\n".join(body).strip("\n")
    about = read_properties({"tags": [tag for tag in tags if tag], **properties}, context.zone)
    yield from build_note(part, about, text, context.zone, tagged="")


def _format_drawer_property(key: str, value: str) -> list[str]:
    """Return a property of a headline as a line below it; none for what is technical."""
    is_fact = value.strip() and key.lower() not in TECHNICAL_KEYS | PROPERTY_KEYS
    return [f"{key}: {value.strip()}"] if is_fact else []


def _add(properties: Properties, key: str, value: str) -> None:
    name = key.lower()
    if name in TECHNICAL_KEYS or not value.strip():
        return
    if name == "filetags":
        properties[name] = [tag for tag in re.split(r"[:\s]+", value) if tag]
    else:
        match = TIMESTAMP.fullmatch(value.strip())
        properties[name] = " ".join(filter(None, match.groups())) if match else value.strip()


def _is_org(start: PartStart) -> bool:
    return start.suffix == ".org" and start.part.size > 0 and start.is_text and not is_hidden(start)


ORG = Format("org", gettext_lazy("Org mode notes"), _is_org, _read_org)
