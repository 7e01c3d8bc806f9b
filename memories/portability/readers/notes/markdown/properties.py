"""What the properties of a note say: its title, tags and dates; the others are facts and become lines of text."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from memories.portability.readers.notes.markdown.front_matter import Properties, Value
from memories.portability.readers.times import parse_time

PROPERTY_LINE = re.compile(r"(?P<key>[^:\n]{1,100}):(?:\s(?P<value>.*))?")
SEPARATORS = re.compile(r"[\s_\-]+")
TITLE_KEYS = ("title", "titel", "titre", "título")
TAG_KEYS = ("tags", "tag", "keywords", "categories", "category", "labels", "label", "topics", "filetags",
    "schlagwörter", "trefwoorden", "etiquetas", "motsclés", "etiketten", "标签", "タグ")  # fmt: skip
CREATED_KEYS = (
    "createdat", "created", "datecreated", "createddate", "creationdate", "createdtime", "createdon", "creationtime",
    "ctime", "date", "datetime", "timestamp", "day", "published", "datepublished", "erstellt", "erstelltam",
    "aangemaakt", "creado", "créé", "creato", "criado", "fechadecreación", "创建时间", "作成日時",
)  # fmt: skip
UPDATED_KEYS = (
    "updatedat", "updated", "modified", "lastmodified", "dateupdated", "datemodified", "modifieddate", "modifiedat",
    "lastmod", "lastupdated", "lastedited", "lasteditedtime", "edited", "mtime", "geändert", "modificationdate",
)  # fmt: skip
EXPIRY_KEY = "expiresat"
EVENT_KEYS = frozenset(
    {"date", "datetime", "day", "published", "datepublished"}
)  # facts if another tells the date
# How apps show and find a note, not what it says.
TECHNICAL_KEYS = frozenset({
    "id", "uid", "uuid", "guid", "alias", "aliases", "cssclass", "cssclasses", "publish", "permalink", "slug", "layout",
    "banner", "bannery", "bannerx", "icon", "iconize", "sticker", "toc", "pinned", "favorite", "favourite", "starred",
    "readonly", "collapsed", "encrypted", "kanbanplugin", "excalidrawplugin", "excalidrawopenmd", "dgpublish", "dghome",
    "obsidianuimode", "obsidianeditingmode", "linteryamltitlealias", "notetoolbar", "supersedes", EXPIRY_KEY,
})  # fmt: skip
NOTE_TYPES = frozenset({"note", "page", "post", "daily", "daily note", "memory", "markdown", "article"})
COORDINATES = frozenset({"latitude", "longitude", "altitude"})
ZERO = re.compile(r"0(?:\.0*)?")
MAX_BLOCK_CHARACTERS = 100_000
MAX_TAG_WORDS = 1_000


@dataclass(frozen=True)
class NoteProperties:
    """title: empty if there is none. expires: as written. lines: facts as "key: value"."""

    title: str = ""
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def read_properties(properties: Properties, zone: tzinfo, *, own_names: bool = False) -> NoteProperties:
    """Sort the properties of a note. A date that cannot be read stays as a line of text.

    own_names: all properties are named by the user, none by an app, and only commas separate tags.
    """
    by_name: dict[str, Value] = {}
    for key, value in properties.items():
        by_name.setdefault(normalise_key(key), value)
    times = {
        key: _read_time(by_name[key], zone) for key in (*CREATED_KEYS, *UPDATED_KEYS) if by_name.get(key)
    }
    created_key = next((key for key in CREATED_KEYS if times.get(key)), "")
    updated_key = next((key for key in UPDATED_KEYS if times.get(key)), "")
    created_at = times.get(created_key) or times.get(updated_key)
    known = {key for key, time in times.items() if time and key not in EVENT_KEYS} | {created_key, *TAG_KEYS}
    known |= frozenset() if own_names else TECHNICAL_KEYS.union(TITLE_KEYS)
    titles = () if own_names else (by_name.get(key) for key in TITLE_KEYS)
    return NoteProperties(
        title=next((" ".join(each.split()) for each in titles if isinstance(each, str) and each.strip()), ""),
        tags=tuple(
            tag for key in TAG_KEYS for tag in _split_tags(by_name.get(key, ""), by_words=not own_names)
        ),
        created_at=created_at,
        updated_at=times.get(updated_key),
        expires="" if own_names else _format_value(by_name.get(EXPIRY_KEY, "")).strip(),
        notes=("undated",) if times and not created_at else (),
        lines=tuple(_list_lines(properties, known, own_names=own_names)),
    )


def _list_lines(properties: Properties, known: Collection[str], *, own_names: bool) -> Iterator[str]:
    """Yield the properties that are facts as lines of text."""
    for key, value in properties.items():
        name = normalise_key(key)
        if (
            name not in known
            and (own_names or not _is_noise(name, value))
            and (line := format_property(key, value))
        ):
            yield line


def read_property_lines(block: str) -> Properties:
    """Return the properties of lines such as `Created: March 4, 2025`; none if one of the lines is something else."""
    if len(block) > MAX_BLOCK_CHARACTERS:
        return {}
    matches = [PROPERTY_LINE.fullmatch(line) for line in block.split("\n")]
    if not block.strip() or not all(matches):
        return {}
    return {match["key"].strip(): (match["value"] or "").strip() for match in matches if match}


def normalise_key(key: str) -> str:
    """Return one form for `created_at`, `createdAt`, `Created at` and `created-at`."""
    return SEPARATORS.sub("", key).casefold()


def _split_tags(value: Value, *, by_words: bool = True) -> Iterator[str]:
    """Yield the tags of a list or a text, in which commas, else spaces, separate them; without their `#`."""
    if isinstance(value, list):
        for each in value:
            yield from [_clean_tag(each)] if isinstance(each, str) else _split_tags(each)
    elif isinstance(value, dict):
        yield from map(_clean_tag, value)
    elif "," in value or "[[" in value or not by_words:
        yield from filter(None, map(_clean_tag, value.split(",")))
    else:
        yield from filter(None, map(_clean_tag, value.split()[:MAX_TAG_WORDS]))


def format_property(key: str, value: Value) -> str:
    text = _format_value(value).strip()
    return f"{key}: {text}" if text else ""


def _clean_tag(tag: str) -> str:
    return tag.strip().removeprefix("#").removeprefix("[[").removesuffix("]]").strip()


def _format_value(value: Value) -> str:
    if isinstance(value, list):
        texts = ((_format_value(each), isinstance(each, dict) and len(each) > 1) for each in value)
        return ", ".join(f"({text})" if is_group else text for text, is_group in texts if text)
    if isinstance(value, dict):
        return "; ".join(filter(None, (format_property(key, each) for key, each in value.items())))
    return value


def _is_noise(name: str, value: Value) -> bool:
    if not isinstance(value, str):
        return False
    return (name == "type" and value.casefold() in NOTE_TYPES) or (
        name in COORDINATES and ZERO.fullmatch(value) is not None
    )


def _read_time(value: Value, zone: tzinfo) -> datetime | None:
    if isinstance(value, list):
        value = value[0] if value else ""
    return parse_time(value.strip().strip("[]"), zone, local=True) if isinstance(value, str) else None
