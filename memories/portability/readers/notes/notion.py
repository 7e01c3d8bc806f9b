"""Notion's export: pages as Markdown or HTML, with an id in the name of each file and folder.

The shape is that of exports, and known from importers; https://www.notion.com/help/export-your-content says where they
come from. Properties of a page are lines below its heading.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from django.utils.translation import gettext_lazy
from lxml import html

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.html_text import CHECKED, UNCHECKED, html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.html_tree import find_all, find_text, parse_html, to_html
from memories.portability.readers.notes.markdown.front_matter import Properties, Value
from memories.portability.readers.notes.markdown.note import MARKDOWN_SUFFIXES
from memories.portability.readers.notes.markdown.note_text import (
    build_text,
    get_modified_at,
    has_attachments,
    is_titleless,
)
from memories.portability.readers.notes.markdown.properties import (
    NoteProperties,
    read_properties,
    read_property_lines,
)

NAME = re.compile(r"(?P<title>.*?)[ _-]?(?P<id>[0-9a-f]{32})(?P<all>_all)?", re.IGNORECASE)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]\n]*)\]\((?P<target>[^()\n]*)\)")
PAGE_TARGET = re.compile(
    r"(?i)(?:^|[ _-]|/)[0-9a-f]{32}(?:_all)?(?:\.(?:md|csv|html))?(?:$|[#?])|notion\.so/"
)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
ASIDE = re.compile(r"^</?aside>\n?", re.MULTILINE)
GAP = re.compile(r"\n{3,}")
INDEX_LINK = re.compile(r'href="[^"]*[0-9a-f]{32}\.(?:html|md|csv)"')
RANGE_OR_MENTION = "@"


def split_name(stem: str) -> tuple[str, str]:
    """Return the title and the id in the name of a file or folder without its ending; an empty id if it has none."""
    match = NAME.fullmatch(stem)
    return (match["title"].strip(), match["id"].lower()) if match else (stem, "")


def build_page(part: Part, title: str, about: NoteProperties, body: str, *, has_files: bool) -> ReadResult:
    """Build the memory of a page or row: a title alone is one too."""
    text = build_text("" if is_titleless(title) else title, "\n".join(about.lines), body)
    if not text:
        return SkippedEntry("no_text" if has_files else "blank")
    return ImportItem(
        text,
        about.tags,
        about.created_at or get_modified_at(part),
        updated_at=about.updated_at,
        notes=(*about.notes, "attachments_dropped") if has_files else about.notes,
    )


def _read_page(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    title, body = _split_title(read_text(part).strip("\n"), part)
    properties, body = _split_properties(body)
    about = read_properties(properties, context.zone, own_names=True)
    text = GAP.sub("\n\n", ASIDE.sub("", LINK.sub(_write_link, body))).strip()
    if not about.lines and _has_only_links(body):
        yield SkippedEntry("no_personal_text")
        return
    yield build_page(part, title, about, text, has_files=has_attachments(body) or _has_files(body))


def _split_title(text: str, part: Part) -> tuple[str, str]:
    first, _end, rest = text.partition("\n")
    if first.startswith("# "):
        return first[2:].strip(), rest.strip("\n")
    return split_name(part.stem)[0], text


def _split_properties(body: str) -> tuple[Properties, str]:
    """Return the properties, which are the lines up to the first empty one if all of them have a name, and the rest."""
    head, _gap, rest = body.partition("\n\n")
    properties = read_property_lines(head)
    return properties, rest if properties else body


def _write_link(link: re.Match[str]) -> str:
    """Return a link as written, or its text if it leads to another page of the export."""
    target = unquote(link["target"])
    if link["image"]:
        return link[0] if ADDRESS.match(target) else ""
    return link["text"] if PAGE_TARGET.search(target) else link[0]


def _has_only_links(body: str) -> bool:
    """Return whether a page has nothing but links to other pages."""
    lines = [line for line in body.split("\n") if line.strip()]
    links = (LINK.fullmatch(line.strip()) for line in lines)
    return bool(lines) and all(link and PAGE_TARGET.search(unquote(link["target"])) for link in links)


def _has_files(body: str) -> bool:
    targets = (unquote(link["target"]) for link in LINK.finditer(body))
    return any(not ADDRESS.match(target) and not PAGE_TARGET.search(target) for target in targets)


# --- HTML -----------------------------------------------------------------------------------------------


def _read_html(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    root = parse_html(read_text(part))
    title = find_text(root, "page-title") or split_name(part.stem)[0]
    about = read_properties(dict(_list_html_properties(root)), context.zone, own_names=True)
    has_files = bool(find_all(root, "image") or find_all(root, "source"))
    for box in find_all(root, "checkbox"):
        box.text = CHECKED if "checkbox-on" in box.get("class", "") else UNCHECKED
        box.tag = "span"
    bodies = find_all(root, "page-body")
    for link in [each for body in bodies for each in find_all(body, "link-to-page")]:
        for address in link.iter("a"):
            address.attrib.pop("href", None)
    body = "\n\n".join(html_to_text(to_html(each)) for each in bodies).strip()
    yield build_page(part, title, replace(about), body, has_files=has_files)


def _list_html_properties(root: html.HtmlElement) -> Iterator[tuple[str, Value]]:
    for row in find_all(root, "property-row"):
        names, cells = row.findall(".//th"), row.findall(".//td")
        if names and cells:
            yield " ".join(names[0].text_content().split()), _read_cell(cells[0])


def _read_cell(cell: html.HtmlElement) -> Value:
    if boxes := find_all(cell, "checkbox"):
        return "Yes" if "checkbox-on" in boxes[0].get("class", "") else "No"
    if values := find_all(cell, "selected-value"):
        return [" ".join(each.text_content().split()) for each in values]
    return " ".join(cell.text_content().split()).removeprefix(RANGE_OR_MENTION)


# --- Recognising ----------------------------------------------------------------------------------------


def has_notion_name(start: PartStart) -> bool:
    return bool(split_name(start.part.stem)[1])


def _is_page(start: PartStart) -> bool:
    title, own_id = split_name(start.part.stem)
    return (
        bool(title and own_id) and start.suffix in MARKDOWN_SUFFIXES and start.is_text and start.part.size > 0
    )


def _is_html_page(start: PartStart) -> bool:
    return start.suffix == ".html" and 'class="page-body"' in start.text and "<article" in start.text


def _is_long_html_page(start: PartStart) -> bool:
    """Return whether it is a page whose styles are longer than the start."""
    return start.suffix == ".html" and has_notion_name(start) and start.text[:1] == "<"


def _is_index(start: PartStart) -> bool:
    return (
        start.base_name == "index.html"
        and INDEX_LINK.search(start.text) is not None
        and 'class="page-title"' not in start.text
    )


NOTION = Format("notion", gettext_lazy("Notion export"), _is_page, _read_page)
NOTION_HTML = Format(
    "notion",
    gettext_lazy("Notion export"),
    lambda start: _is_html_page(start) or _is_long_html_page(start),
    _read_html,
)
NOTION_INDEX = RefusedKind("notion_index", gettext_lazy("list of pages"), _is_index, "not_content")
