"""Titles, tags, dates and attachments of notes that are plain text or Markdown."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import chain

from memories.portability.files.parts import Part
from memories.portability.readers.times import parse_time

# A year of this or the last century, month and day, at the start of a file's name.
NAME_DAY = re.compile(
    r"(?P<year>(?:18|19|20)\d\d)([-_. ]?)(?P<month>0[1-9]|1[0-2])\2(?P<day>0[1-9]|[12]\d|3[01])(?!\d{9})"
)
FOLDER_DAY = re.compile(r"(?:^|/)(\d{4})/(?:\d{4}[-_.])?(\d{1,2})/(\d{1,2})\.\w+$")
# "January 5th, 2024", "5 januari 2024": the year, a day, and a word that starts like a month.
WRITTEN_DATE = re.compile(r"(?=.*\b(?:18|19|20)\d\d\b)(?=.*(?<!\d)\d{1,2}(?!\d))[\w., -]+")
MONTHS = frozenset({
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär", "mrt", "mei", "mai",
    "maj", "okt", "dez", "fev", "fév", "avr", "jui", "aoû", "déc", "ene", "abr", "ago", "dic", "gen", "mag", "giu",
    "lug", "set", "ott", "out",
})  # fmt: skip
WORDS = re.compile(r"[^\W\d_]{3,}")
NUMBERS = re.compile(r"\d+")
DATE_NUMBERS = 3
NAME_DATE_CHARACTERS = 40
TITLELESS = re.compile(
    r"(?:untitled(?: note)?|new note|nieuwe notitie|naamloos|unbenannt|ohne titel|neue notiz|sans titre|sin título|"
    r"senza titolo|sem título|text|index|readme|_index)(?:[ _-]?\(?\d{1,4}\)?)?|"
    r"(?:[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})",
    re.IGNORECASE,
)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # in names of files
CLOCK_TIME = re.compile(r"T?[\W\d_]*Z?")
NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
TITLE_CHARACTERS = 300  # of a first line that is compared with a title

FENCE = re.compile(r"[ \t]{0,3}(?:>[ \t]?)*(```+|~~~+)")
HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]")
INLINE_CODE = re.compile(r"`[^`\n]+`")
INLINE_TAG = re.compile(r"(?<!\S)#(?:\[\[(?P<page>[^\[\]\n]{1,60})\]\]|(?P<word>[\w/-]+))")
NOT_A_TAG = re.compile(r"[\d/_-]+|(?=[a-f]*\d)(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
# An image of which the data are in the text, or at the end of it below a name: `![][image1]`, `[image1]: <data:…>`.
EMBEDDED = re.compile(r"!\[[^\[\]\n]{0,300}\]\(<?data:[\w/+.;=-]{0,80},[\w+/=%-]*>?[^()\n]{0,300}\)")
EMBEDDED_BELOW = re.compile(r"^\[([^\[\]\n]{1,100})\]:[ \t]*<?data:[^\s>]*>?[ \t]*$", re.MULTILINE)
EMBEDDED_NAME = re.compile(r"!\[[^\[\]\n]{0,300}\]\[([^\[\]\n]{1,100})\]")
ATTACHMENT = re.compile(r"!\[\[[^\[\]|\n]*\.(?!md\b)\w+|!\[[^\[\]\n]*\]\((?!https?:)")


def build_text(title: str, *blocks: str) -> str:
    """Return the title and the blocks that are not empty, as paragraphs."""
    title = CONTROLS.sub(" ", title).strip()
    return "\n\n".join(block for each in (title, *blocks) if (block := each.strip("\n").rstrip()))


def choose_title(part: Part, body: str, zone: tzinfo) -> str:
    """Return the file's name if it is a title that the note does not begin with; empty otherwise."""
    name = part.stem.strip()
    if is_titleless(name) or _find_folder_day(part, zone) or parse_name_date(name, zone)[1]:
        return ""
    return "" if begins_with(body, name) else name


def is_titleless(name: str) -> bool:
    """Return whether a name is what an app gives to a note without title."""
    return not name or TITLELESS.fullmatch(name) is not None


def begins_with(body: str, title: str) -> bool:
    """Return whether the first line of a note starts with a title; file names lack characters such as "?"."""
    start = body.lstrip()[:TITLE_CHARACTERS].partition("\n")[0]
    return squash(start).startswith(squash(title))


def parse_name_date(name: str, zone: tzinfo) -> tuple[datetime | None, bool]:
    """Return the date in a name, such as `2024-01-05`, `20240105` or `2024_01_05`, and whether it is all of it."""
    name = name.strip()
    if match := NAME_DAY.match(name):
        rest = name[match.end() :]
        time = parse_time("".join(match.group("year", "month", "day")), zone)
        if CLOCK_TIME.fullmatch(rest):
            digits = "".join(filter(str.isdigit, name))
            exact = parse_time(digits[:14], zone, local=True) if len(digits) in (12, 14) else None
            return exact or time, True
        return time, False
    time = parse_time(name.replace("_", " "), zone) if _is_written_date(name) else None
    return time, time is not None


def _is_written_date(name: str) -> bool:
    if len(name) > NAME_DATE_CHARACTERS or not WRITTEN_DATE.fullmatch(name):
        return False
    words = WORDS.findall(name.casefold())
    return any(word[:3] in MONTHS for word in words) if words else len(NUMBERS.findall(name)) == DATE_NUMBERS


def find_date(part: Part, zone: tzinfo) -> datetime | None:
    """Return the date of a note that does not tell it: in the file's name or folders, else when it was changed."""
    return parse_name_date(part.stem, zone)[0] or _find_folder_day(part, zone) or get_modified_at(part)


def _find_folder_day(part: Part, zone: tzinfo) -> datetime | None:
    """Return the day of a note such as `2024/01/05.md`."""
    match = FOLDER_DAY.search(part.name) if part.stem.isdecimal() else None
    return parse_time(f"{int(match[1]):04}-{int(match[2]):02}-{int(match[3]):02}", zone) if match else None


def get_modified_at(part: Part) -> datetime | None:
    """Return when the file was changed, never later than now: the zone of a zip's times is not known."""
    time = part.modified_at
    return None if time is None else min(time, datetime.now(UTC))


def find_inline_tags(body: str) -> Iterator[str]:
    """Yield the #tags of Markdown, as Obsidian and Logseq have them; not in code, headings and addresses."""
    fence = ""
    for line in body.split("\n"):
        if "#" not in line and "`" not in line and "~" not in line:
            continue
        if match := FENCE.match(line):
            fence = "" if fence and match[1].startswith(fence) else fence or match[1][:3]
        elif not fence and not HEADING.match(line):
            for found in INLINE_TAG.finditer(INLINE_CODE.sub("` `", line)):
                tag = found["page"] or found["word"].strip("/-")
                if tag and not NOT_A_TAG.fullmatch(tag):
                    yield tag


def drop_embedded(body: str) -> str:
    """Return the text without images that are in it as data, as Google Docs writes them."""
    if "data:" not in body:
        return body
    names = {found[1] for found in EMBEDDED_BELOW.finditer(body)}
    body = EMBEDDED_BELOW.sub("", EMBEDDED.sub("", body))
    return EMBEDDED_NAME.sub(lambda found: "" if found[1] in names else found[0], body)


def has_attachments(body: str) -> bool:
    return ATTACHMENT.search(body) is not None


def merge_tags(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags of all groups in order, each once."""
    merged: dict[str, str] = {}
    for tag in filter(None, chain.from_iterable(groups)):
        merged.setdefault(tag.casefold(), tag)
    return tuple(merged.values())


def squash(text: str) -> str:
    """Return a title in the form in which it equals the file names made of it."""
    return NOT_ALPHANUMERIC.sub("", text[:TITLE_CHARACTERS]).casefold()
