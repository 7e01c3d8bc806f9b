"""What Claude remembers, and Claude's projects.

Shape: from public readers of exports up to November 2026. memories.json is a list with one object; since September 2026
each account has a file memories/<account>.json with the object alone. It has prose in `conversations_memory`, prose for
each project in `project_memories`, and `memory_files`, notes with a path. Projects are in projects.json or in
projects/<uuid>.json.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.core.exceptions import ValidationError

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    as_list,
    as_object,
    as_text,
    find_path,
    get_id,
    pick_values,
)
from memories.portability.readers.chats.prose import split_prose
from memories.portability.readers.formats import ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import pick_time

MEMORY_KEYS = ("conversations_memory", "project_memories", "memory_files")
TIME_KEYS = ("updated_at", "created_at")
TEXT_KEYS = ("content", "memory", "text", "summary")
FILE_PROPERTIES = ("name:", "description:", "type:", "title:", "updated")
MIN_WORDS = 3  # in an unknown field that is prose, not an ID or a setting
MAX_PARTS = 5_000  # among which projects are looked for


def is_memory(shape: JsonShape) -> bool:
    return any(shape.has(key) for key in MEMORY_KEYS)


def read_memories(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for value in iterate_values(part, find_path(part, is_memory) or ""):
        if not isinstance(value, dict):
            yield SkippedEntry("not_a_memory")
            continue
        times = pick_values(value, *TIME_KEYS)
        prose = value.get("conversations_memory")
        for text in prose if isinstance(prose, list) else [prose]:
            yield from _read_prose(text, context, times)
        yield from _read_project_memories(value.get("project_memories"), context, times)
        for file in _list_files(value.get("memory_files")):
            entry = as_object(file)
            text = _drop_properties(entry.get("content")) if entry else 0
            yield from _read_prose(text, context, pick_values(entry, *TIME_KEYS))
        for key, other in value.items():
            if key not in MEMORY_KEYS and len(as_text(other).split()) >= MIN_WORDS:
                yield SkippedEntry("not_a_memory")


def _list_files(files: object) -> Iterator[object]:
    """Yield the memory files, which may be a mapping of paths to texts."""
    if isinstance(files, dict):
        yield from ({"content": each} if isinstance(each, str) else each for each in files.values())
    elif files is not None:
        yield from files if isinstance(files, list) else [files]


def _drop_properties(text: object) -> object:
    """Return a file without the lines above it that only name it; other properties stay, a paragraph each."""
    if not isinstance(text, str) or not text.startswith("---\n"):
        return text
    head, mark, body = text[4:].partition("\n---")
    if not mark or (body and body[0] != "\n"):
        return text
    lines = (line for line in head.split("\n") if not line.startswith(FILE_PROPERTIES))
    return "\n\n".join((*lines, body))


def _read_prose(
    prose: object, context: ReadContext, times: Iterable[object], tags: tuple[str, ...] = ()
) -> Iterator[ReadResult]:
    """Yield the memories in a text; None stands for no text."""
    if prose is None:
        return
    if not isinstance(prose, str):
        yield SkippedEntry("not_a_memory")
        return
    created_at, notes = pick_time(times, context.zone)
    for each in split_prose(prose):
        yield ImportItem(each, tags, created_at, notes=notes) if isinstance(each, str) else each


def _read_project_memories(
    memories: object, context: ReadContext, times: tuple[object, ...]
) -> Iterator[ReadResult]:
    """Read a mapping of project IDs to texts, or a list of objects; the project's name becomes a tag."""
    if not memories:
        return
    names = _load_project_names(context)
    entries = memories.items() if isinstance(memories, dict) else enumerate(as_list(memories))
    if not isinstance(memories, dict | list):
        yield SkippedEntry("not_a_memory")
    for key, value in entries:
        entry = as_object(value)
        text = next((entry[name] for name in TEXT_KEYS if as_text(entry.get(name))), None) if entry else value
        project = get_id(entry, ("project_uuid", "project_id", "uuid"), str(key))
        name = as_text(entry.get("project_name")) or as_text(entry.get("name")) or names.get(project, "")
        own_times = (*pick_values(entry, *TIME_KEYS), *times)
        yield from _read_prose(0 if text is None else text, context, own_times, (name,) if name else ())


def _load_project_names(context: ReadContext) -> dict[str, str]:
    names: dict[str, str] = {}
    for path, part in islice(context.parts.items(), MAX_PARTS):
        if "projects" in path and path.endswith(".json"):
            try:
                for value in iterate_values(part, find_path(part, is_project) or ""):
                    project = as_object(value)
                    names[get_id(project, ("uuid",), "")] = as_text(project.get("name"))
            except ValidationError:
                continue  # said when the part itself is read
    return names


# --- Projects -------------------------------------------------------------------------------------------------


def is_project(shape: JsonShape) -> bool:
    docs = shape.at("docs", ITEMS)
    return shape.has("name") and (shape.has("prompt_template") or docs.has("filename", "content"))


def read_projects(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for value in iterate_values(part, find_path(part, is_project) or ""):
        project = as_object(value)
        if not project:
            yield SkippedEntry("not_a_memory")
        elif project.get("is_starter_project") is True:
            yield SkippedEntry("no_personal_text")  # an example that everyone has
        else:
            yield from _read_project(project, context)


def _read_project(project: dict[str, object], context: ReadContext) -> Iterator[ReadResult]:
    name = as_text(project.get("name"))
    tags = (name,) if name else ()
    created_at, notes = pick_time(pick_values(project, "created_at", "updated_at"), context.zone)
    description, instructions = (as_text(project.get(key)) for key in ("description", "prompt_template"))
    docs = as_list(project.get("docs"))
    if not (description or instructions or docs):
        yield SkippedEntry("blank")
    if description:
        text = ": ".join(filter(None, (name, description)))
        yield ImportItem(text, tags, created_at, notes=notes)
    if instructions:
        yield ImportItem(instructions, tags, created_at, notes=notes)
    for value in docs:
        doc = as_object(value)
        title, text = as_text(doc.get("filename")), as_text(doc.get("content"))
        if not text:
            yield SkippedEntry("no_text" if doc else "not_a_memory")
            continue
        written_at, notes = pick_time(
            (*pick_values(doc, "created_at"), *pick_values(project, "created_at")), context.zone
        )
        yield ImportItem("\n\n".join(filter(None, (title, text))), tags, written_at, notes=notes)
