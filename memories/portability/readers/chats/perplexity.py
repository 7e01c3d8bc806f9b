"""Perplexity's threads: as the company gives them out on request, and as extensions of browsers save them.

Shape: from public readers. A thread has `entries` with a question (`query` or `query_str`) and an answer (`answer`, or
`blocks[].markdown_block`). Threads are a file each, a list, or below `conversations` or `threads`; some files have the
questions directly below `conversations`, beside `metadata`. Its pages save a thread as Markdown that begins with the
logo: questions are headings, alone at the start or below a rule, with answers and sources below them.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_list,
    as_object,
    as_text,
    find_path,
    find_shapes,
    get_id,
    iterate_conversations,
    pick_values,
    read_turns,
)
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry

LOGO = re.compile(r"\s*<img [^>]{0,500}perplexity[^>]{0,500}>", re.IGNORECASE)
QUESTION_KEYS = ("query", "query_str")
ENTRY_TIMES = (
    "created_at",
    "entry_created_datetime",
    "timestamp",
    "updated_datetime",
    "entry_updated_datetime",
)
THREAD_TIMES = ("created_at", "thread_created_at", "updated_at", "thread_updated_at")
FILE_KEYS = ("attachments", "files", "user_uploads")


def _is_entry(shape: JsonShape) -> bool:
    has_question = any("string" in shape.at(key).kinds for key in QUESTION_KEYS)
    return has_question and (shape.has("answer") or shape.has("blocks") or shape.has("query_str"))


def _is_thread(shape: JsonShape) -> bool:
    return _is_entry(shape.at("entries", ITEMS))


def _is_flat(shape: JsonShape) -> bool:
    """Return whether the questions of one thread stand below `conversations`."""
    return _is_entry(shape.at("conversations", ITEMS))


def _is_perplexity(start: PartStart) -> bool:
    shapes = [] if start.lines.kinds else find_shapes(start)
    return any(_is_thread(shape) or _is_entry(shape) for shape in shapes)


def _read_perplexity(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if find_path(part, _is_thread) is not None:
        for name, thread in iterate_conversations(part, _is_thread):
            if thread is None or not isinstance(thread.get("entries"), list):
                yield SkippedEntry("not_a_memory")
            else:
                yield from _read_thread(thread, as_list(thread["entries"]), context, name)
    elif find_path(part, _is_flat) == "":
        for value in iterate_values(part, ""):
            thread = as_object(value)
            yield from _read_thread(thread, as_list(thread.get("conversations")), context, part.name)
    else:
        entries = iterate_values(part, find_path(part, _is_entry) or "")
        turns = (turn for entry in entries for turn in _build_turns(entry))
        yield from read_turns(turns, context, part.name or "perplexity")


def _read_thread(
    thread: dict[str, object], entries: list[object], context: ReadContext, name: str
) -> Iterator[ReadResult]:
    metadata = as_object(thread.get("metadata")) or as_object(thread.get("thread_metadata"))
    first = as_object(entries[0]) if entries else {}
    otherwise = get_id(metadata, ("thread_id",), get_id(first, ("context_uuid", "thread_url_slug"), name))
    conversation = get_id(thread, ("context_uuid", "uuid", "thread_id", "id"), otherwise)
    started_at = (*pick_values(thread, *THREAD_TIMES), *pick_values(metadata, *THREAD_TIMES))
    turns = (turn for entry in entries for turn in _build_turns(entry))
    yield from read_turns(turns, context, conversation, started_at)


def _build_turns(value: object) -> Iterator[Turn]:
    entry = as_object(value)
    question = next(filter(None, (as_text(entry.get(key)) for key in QUESTION_KEYS)), "")
    times = pick_values(entry, *ENTRY_TIMES)
    if not entry:
        yield Turn(reason="not_a_memory")
        return
    has_files = any(entry.get(key) for key in FILE_KEYS)
    yield Turn(Author.PERSON, question, times, has_attachments=has_files)
    answer = as_text(entry.get("answer")) or _join_answer(as_list(entry.get("blocks")))
    if answer:
        yield Turn(Author.ASSISTANT, answer, times)


def _join_answer(blocks: list[object]) -> str:
    """Return the answer in the first block that has one."""
    for block in blocks:
        answer = as_object(as_object(block).get("markdown_block"))
        chunks = [chunk for chunk in as_list(answer.get("chunks")) if isinstance(chunk, str)]
        if text := as_text(answer.get("answer")) or "".join(chunks).strip():
            return text
    return ""


LABEL = _("Perplexity export")
PERPLEXITY = Format("perplexity", LABEL, _is_perplexity, _read_perplexity)

# --- Threads saved as Markdown --------------------------------------------------------------------------------


def _is_page(start: PartStart) -> bool:
    return start.suffix in ("", ".md", ".markdown", ".txt") and LOGO.match(start.text) is not None


def _read_page(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    text = LOGO.sub("", read_text(part), count=1)
    yield from read_turns(_split_page(text.split("\n")), context, part.name or "perplexity")


def _split_page(lines: list[str]) -> Iterator[Turn]:
    """Yield each question, and the answer below it. A question of several lines ends at a blank one."""
    texts: list[list[str]] = [[]]
    authors = [Author.ASSISTANT]
    before = "---"
    for line in lines:
        if line.startswith("# ") and before == "---":
            texts.append([line.removeprefix("# ")])
            authors.append(Author.PERSON)
        elif not line.strip() and authors[-1] is Author.PERSON:
            texts.append([])
            authors.append(Author.ASSISTANT)
        else:
            texts[-1].append(line)
        before = line.strip() or before
    for author, each in zip(authors, texts, strict=True):
        if text := SEPARATOR.sub("", "\n".join(each)).strip("- \n"):
            yield Turn(author, text)


SEPARATOR = re.compile(r"<div [^>]{0,100}>\s*⁂\s*</div>")
PERPLEXITY_PAGE = Format("perplexity", LABEL, _is_page, _read_page)
