"""Google Gemini in Takeout: activities as JSON or as a page, conversations of Workspace, and Gems.

Shape: from public readers of exports up to 2026. MyActivity.html, whose name is translated and which Takeout gives
unless asked for JSON, has a `div` of the class outer-cell for each activity. In it are the words "Prompted" in some
language, the prompt, the files that were attached, the time as people there write it, and the answer. Gems are a page
of "Name:" and "Instructions:".
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from memories.portability.files.parts import Part, open_part
from memories.portability.files.streams import detect_part_encoding, read_text
from memories.portability.readers.chats.conversations import find_path, find_shapes
from memories.portability.readers.chats.gemini_activity import (
    LOOKED_AT,
    TitleReader,
    is_activity,
    is_gemini,
    is_workspace_conversation,
    read_activities,
    read_prompt,
    read_workspace,
)
from memories.portability.readers.chats.html_lines import (
    MAX_HTML_CHARACTERS,
    HtmlLine,
    iterate_lines,
    parse_html,
)
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.local_times import LocalTimes

CELL = '<div class="outer-cell'
CHUNK_BYTES = 1 << 18
MAX_TIME_CHARACTERS = 70
TIME_LINE = re.compile(r"(?=[^\n]*\d{4})[^\n]*\d{1,2}[:.]\d{2}[^\n]*")
GEM_FIELD = re.compile(r"(Name|Description|Instructions):\s*(.*)")
GEMS, ACTIONS = "gemini_gems_data", "gemini_scheduled_actions_data"


def _is_gemini(start: PartStart) -> bool:
    shapes = [] if start.lines.kinds else find_shapes(start)
    if any(is_activity(shape) or is_workspace_conversation(shape) for shape in shapes):
        return True
    return start.text[:1] == "<" and (_is_page(start) or start.base_name.startswith(GEMS))


def _is_page(start: PartStart) -> bool:
    """Return whether it is a page of activities; its styles may fill all that was read of it."""
    return CELL in start.text or ("<style" in start.text and "mdl-typography" in start.text)


def _read_gemini(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if find_path(part, is_activity) is not None:
        return read_activities(part, context)
    if find_path(part, is_workspace_conversation) is not None:
        return read_workspace(part, context)
    return _read_gems(part) if part.base_name.startswith(GEMS) else _read_page(part, context)


# --- Activities as a page -----------------------------------------------------------------------------------


def _read_page(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    reader, times = TitleReader(_iterate_answered(part)), LocalTimes(context.zone)
    for cell in _iterate_cells(part):
        if cell is None:
            yield SkippedEntry("too_large")
        elif (activity := _parse_cell(cell, is_whole=context.chats is ChatFilter.ALL)) is None:
            yield SkippedEntry("other_activity")
        else:
            prompt = reader.get_prompt(activity.title, has_answer=bool(activity.answer))
            sent_at = times.parse(activity.time) or activity.time
            yield from read_prompt(
                prompt, [activity.answer], (sent_at,), context, has_files=activity.has_files
            )


def _iterate_answered(part: Part) -> Iterator[str]:
    for number, cell in enumerate(_iterate_cells(part)):
        if number >= LOOKED_AT:
            return
        if cell and (activity := _parse_cell(cell)) and activity.answer:
            yield activity.title


def _iterate_cells(part: Part) -> Iterator[str | None]:
    """Yield the HTML of each activity, None for one that is too long; a page is one line of any length."""
    decoder = codecs.getincrementaldecoder(detect_part_encoding(part))(errors="replace")
    rest, is_before_first, is_too_long = "", True, False
    with open_part(part) as file:
        while data := file.read(CHUNK_BYTES):
            *pieces, rest = (rest + decoder.decode(data)).split(CELL)
            for piece in pieces:
                if not is_before_first:
                    yield None if is_too_long else CELL + piece
                is_before_first = is_too_long = False
            if len(rest) > MAX_HTML_CHARACTERS:
                rest, is_too_long = rest[-len(CELL) :], True
    if not is_before_first:
        yield None if is_too_long else CELL + rest


class _Activity(NamedTuple):
    """What a page tells of an activity of Gemini. time: as written."""

    title: str
    time: str
    answer: str
    has_files: bool


def _parse_cell(cell: str, *, is_whole: bool = False) -> _Activity | None:
    """Return what an activity says; None for one of another product. is_whole: with all of the answer."""
    root = parse_html(cell)
    cells = [] if root is None else [(each.get("class") or "", each) for each in root.iter("div")]
    header = next((each for name, each in cells if "header-cell" in name), None)
    content = next(
        (each for name, each in cells if "content-cell" in name and "body-1" in name and "right" not in name),
        None,
    )
    if content is None or header is None or not is_gemini("".join(map(str, header.itertext()))):
        return None
    written, time, lines = _read_until_time(iterate_lines(content))
    files = [index for index, line in enumerate(written) if line.has_file]
    if files and files[0] > 1 and re.search(r"\d", written[files[0] - 1].text):
        files.append(files[0] - 1)  # "Attached 1 file."
    title = "\n".join(line.text for index, line in enumerate(written) if index not in files)
    texts = (line.text for line in lines)
    answer = "\n".join(texts).strip() if is_whole else next(filter(None, texts), "")
    return _Activity(title, time, answer, bool(files))


def _read_until_time(lines: Iterator[HtmlLine]) -> tuple[list[HtmlLine], str, Iterator[HtmlLine]]:
    """Return the lines before the time, which stands between the prompt and the answer, the time, and the rest."""
    written: list[HtmlLine] = []
    for line in lines:
        if line.is_in_block:
            return written, "", chain([line], lines)
        if written and len(line.text) <= MAX_TIME_CHARACTERS and TIME_LINE.fullmatch(line.text):
            return written, line.text, lines
        written.append(line)
    return written, "", lines


# --- Gems -----------------------------------------------------------------------------------------------------


def _read_gems(part: Part) -> Iterator[ReadResult]:
    """Read the person's own assistants: their names and what they are to do."""
    gems: list[dict[str, list[str]]] = []
    lines: list[str] = []
    for line in html_to_text(read_text(part)).split("\n"):
        if match := GEM_FIELD.fullmatch(line):
            if match[1] == "Name":
                gems.append({})
            lines = [match[2]]
            if gems:
                gems[-1][match[1]] = lines
        elif line.strip() or lines:
            lines.append(line)
    for gem in gems:
        name, description, instructions = (
            "\n".join(gem.get(key, ())).strip() for key in ("Name", "Description", "Instructions")
        )
        text = "\n\n".join(filter(None, (description, instructions)))
        yield ImportItem(f"{name}: {text}") if text else SkippedEntry("blank")
    if not gems and any(lines):
        yield SkippedEntry("not_a_memory")


GEMINI = Format("gemini", _("Google Gemini in Takeout"), _is_gemini, _read_gemini)

# --- Files beside them ----------------------------------------------------------------------------------------


GEMINI_OTHER = RefusedKind(
    "takeout_other",
    _("Takeout index"),
    lambda start: start.base_name == "archive_browser.html" or start.base_name.startswith(ACTIONS),
    "no_personal_text",
)
