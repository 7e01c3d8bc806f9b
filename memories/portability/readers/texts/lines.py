"""What a line of a list of memories is: a dated entry, an item, a heading, a rule, or text."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from memories.portability.readers.tables.column_names import UNDATED
from memories.portability.readers.times import parse_time

BULLETS = r"[-*•+–◦▪●○‣⁃·➤→]"
ITEM = re.compile(rf"\s*(?:{BULLETS}|\(?\d{{1,3}}[.)]|[a-zA-Z]\))\s+(?P<text>\S.*)")
# "[2026-01-31] - I am allergic to peanuts.", perhaps as an item of a list; ChatGPT writes "1. [2026-01-31]. …".
LABELLED = re.compile(
    rf"\s*(?:(?:{BULLETS}|\d{{1,4}}[.)])\s+)?(?:\*\*)?\\?[\[【［](?P<label>[^\[\]【】［］\\\n]{{1,60}})"
    r"\\?[\]】］](?:\*\*)?(?![(\[])\s*"
    r"(?P<mark>[-–—:.|]*)\s*(?P<text>.*)"
)
# "2026-01-31: …", "(2026-01-31) …": only in lists where such is the rule.
DATE_FIRST = re.compile(
    rf"\s*(?:(?:{BULLETS}|\d{{1,3}}[.)])\s+)?(?:\*\*)?(?P<open>\(?)"
    r"(?P<label>\d{4}-\d\d(?:-\d\d)?|\d{1,2}[./]\d{1,2}[./]\d{4}|\d{4}/\d\d?/\d\d?|"
    r"[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2}\.? [^\W\d_]{3,12}\.? \d{4})"
    r"(?P<close>\)?)(?:\*\*)?\s*(?P<mark>[-–—:|]?)(?:\*\*)?\s+(?P<text>\S.*)"
)
BOLD_DATE = re.compile(rf"\s*(?:{BULLETS}\s+)?\*\*\d{{4}}-\d\d-\d\d")  # a date for sure
HEADING = re.compile(r"\s{0,3}(?P<level>#{1,6})(?:\s(?P<text>.*))?")
MAX_HEADING_CHARACTERS = 300
DATE_LEVEL = 8
# A whole line in bold or italics.
BOLD = re.compile(r"\s*(?:\*\*(?P<a>[^*\n]{1,200})\*\*|__(?P<b>[^_\n]{1,200})__)\s*+[:：]?\s*")
ITALIC = re.compile(r"\s*(?:\*(?P<a>[^*\s][^*\n]{0,200})\*|_(?P<b>[^_\s][^_\n]{0,200})_)\s*+[:：]?\s*")
RULE = re.compile(r"\s*+(?:(?:-\s*+){3,}|(?:\*\s*+){3,}|(?:_\s*+){3,}|={3,}|[—–]{2,})\s*+")
MARKS_ONLY = re.compile(r"[-*•+–—_=~·.|#>\s]+")  # a rule, or the mark of an item without text
NUMBERED = re.compile(r"\s*\(?\d{1,3}[.)]\s")
FENCE = re.compile(r"\s*+(?P<fence>`{3,}+|~{3,}+)\s*+(?P<info>[\w+#.-]*+)[^`]*+")
TABLE_ROW = re.compile(r"\s*\|.*\|\s*")
# Why the assistant believes an entry, as Gemini's import prompt asks for; belongs to the entry above.
EVIDENCE = re.compile(
    rf"\s*(?:{BULLETS}\s+)?(?:\*\*|[*_])?(?:evidence|source|quote|context|beleg|nachweis|quelle|zitat|preuve|source|"
    r"citation|evidencia|fuente|evidência|fonte|prova|prove|bewijs|bron|dowód|bevis|доказательство|証拠|根拠|证据|證據|"
    r"근거)(?:\*\*|[*_])?\s*[:：](?P<text>.*)",
    re.IGNORECASE,
)
WRITTEN_DATE = (
    r"\d{4}-\d\d-\d\d|[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2}\.? [^\W\d_]{3,12}\.? \d{4}|\d{1,2}\.\d{1,2}\.\d{4}|"
    r"\d{4}/\d\d?/\d\d?"
)
DATE_NAME = (
    r"(?:date|datum|fecha|data|日期|日付|날짜|дата)"
    r"(?: (?:saved|added|stored|recorded|mentioned|learned|noted))?\**\s*[:：]"
)
EVIDENCE_DATE = re.compile(rf"{DATE_NAME}\**\s*\[?(?P<date>{WRITTEN_DATE})", re.IGNORECASE)
# A line with nothing but the date of the entry above it.
DATE_FIELD = re.compile(
    rf"\s*(?:{BULLETS}\s+)?\**{DATE_NAME}\**\s*\[?(?P<date>{WRITTEN_DATE})\]?\**\.?\s*", re.IGNORECASE
)
# "Keeps bees (Jan 3, 2025)", in lists in which each entry ends so.
DATE_LAST = re.compile(
    r"(?P<text>.*\S)\s+(?P<stars>\*{0,3}|_)(?:[(\[]\s*(?:(?:saved|added|stored|remembered|noted|learned|recorded|created)"
    rf"(?: on)?:?\s+)?(?P<date>{WRITTEN_DATE})\s*[)\]]|[-–—]\s+(?P<bare>{WRITTEN_DATE}))(?P=stars)\.?\s*",
    re.IGNORECASE,
)
LEAD_IN = re.compile(
    rf"(?P<before>\s*(?:(?:{BULLETS}|\d{{1,3}}[.)])\s+)?)(?P<stars>\*\*|__|\*)(?P<lead>[^*_\s][^*_\n]{{0,200}}?)(?P<mark>[:：]?)"
    r"(?P=stars)(?=[\s:：,(–—-]|$)"
)
# A line that is a date alone leads the entries below it, as in a diary.
DATE_LINE = re.compile(
    r"\s*\[?(?P<date>\d{4}-\d\d-\d\d|[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2}\.? [^\W\d_]{3,12}\.? \d{4})\]?"
    r"\s*+[:：]?\s*"
)
CONTINUATION_INDENT = "  "  # of continuation lines in Picard's own export
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LIKE_A_DATE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
ENGLISH_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
SENTENCE_ENDS = ".!?…。！？⋯"
COLONS = (":", "：")
CLOSERS = "\"'”’»)]*_`"


@dataclass(frozen=True)
class LabelledLine:
    """A line that begins with a date or another label. label: to be told with the text, "" for none."""

    text: str
    created_at: datetime | None
    label: str
    notes: tuple[str, ...] = ()


def parse_labelled(line: str, zone: tzinfo, *, dates_lead: bool = False) -> LabelledLine | None:
    """Parse a line that begins with a label in brackets, or with a date if that is the rule of the list."""
    match = LABELLED.fullmatch(line)
    if match is not None:
        return _parse_label(match["label"].strip(), match["mark"], match["text"], zone)
    match = DATE_FIRST.fullmatch(line) if dates_lead or BOLD_DATE.match(line) else None
    if match is None or not (match["mark"] or (match["open"] and match["close"])):
        return None
    return _parse_label(match["label"], match["mark"], match["text"], zone)


def is_dated(line: str) -> bool:
    """Return whether a line begins with a date in brackets, or with what says that there is none."""
    match = LABELLED.fullmatch(line)
    return match is not None and bool(match["text"]) and _is_date_label(match["label"].strip())


def _is_date_label(label: str) -> bool:
    return label.casefold() in UNDATED or (
        LIKE_A_DATE.search(label) is not None
        and len(label) <= 40
        and (not label.isdigit() or len(label) == 4)
    )


def _parse_label(label: str, mark: str, text: str, zone: tzinfo) -> LabelledLine | None:
    if label.casefold() in UNDATED:
        return LabelledLine(text, None, "")
    if not text and not mark:
        return None
    if not _is_date_label(label):
        if not mark or label.isdigit() or label in ("x", "X", "✓"):
            return None
        return LabelledLine(text, None, label)
    found = DAY.search(label)
    day = found[0] if found else ""
    if day > f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}":
        return LabelledLine(f"{label}: {text}", None, "")  # when something is to happen, not when it was said
    time = _parse_date(label, zone) or parse_time(day, zone)
    if time is None:
        return LabelledLine(f"{label}: {text}", None, "", ("undated",))
    return LabelledLine(text, time, "")


def _parse_date(label: str, zone: tzinfo) -> datetime | None:
    """Parse a label that has a day or a month; "early 2024" would be looked up in all languages."""
    numbers = len(re.findall(r"\d+", label))
    return parse_time(label, zone) if numbers > 1 or ENGLISH_MONTH.search(label) else None


def split_last_date(text: str, zone: tzinfo) -> tuple[str, datetime | None]:
    """Return a text without the date at its end, and that; the same text if there is none."""
    match = DATE_LAST.fullmatch(text)
    time = parse_time(match["date"] or match["bare"], zone) if match else None
    return (match["text"], time) if match and time else (text, None)


def belongs_above(line: str) -> bool:
    """Return whether a line only says why or when the entry above it was written."""
    return EVIDENCE.fullmatch(line) is not None or DATE_FIELD.fullmatch(line) is not None


def get_item_text(line: str) -> str | None:
    match = ITEM.fullmatch(line)
    return match["text"] if match else None


def get_heading(line: str) -> tuple[int, str] | None:
    """Return the level and text of a heading: 1 to 6, 7 for a line in bold, 8 for one in italics or a date."""
    if len(line) > MAX_HEADING_CHARACTERS:
        return None
    if match := DATE_LINE.fullmatch(line):
        return DATE_LEVEL, match["date"]
    if match := HEADING.fullmatch(line):
        return len(match["level"]), clean_heading(_drop_closing_marks(match["text"] or ""))
    if match := BOLD.fullmatch(line):
        return 7, clean_heading(match["a"] or match["b"])
    if match := ITALIC.fullmatch(line):
        return 8, clean_heading(match["a"] or match["b"])
    return None


def _drop_closing_marks(text: str) -> str:
    """Return a heading without the marks that may close it: "Work ##" is "Work", "C#" stays."""
    bare = text.rstrip().rstrip("#")
    return bare if not bare or bare[-1].isspace() else text


BEFORE_HEADING = re.compile(
    r"^(?:[^\w\s\"'(<*`«“‘#@$]{1,3}\s*)?(?:\d{1,2}[.)]\s+)?(?:[^\w\s\"'(<*`«“‘#@$]{1,3}\s+)?"
)


def clean_heading(text: str) -> str:
    """Return a heading without marks, number and colon: "1. **Career:**" is "Career"."""
    text = strip_marks(text).strip()
    text = BEFORE_HEADING.sub("", text, count=1) or text
    return strip_marks(text).strip(" :：")


def strip_marks(text: str) -> str:
    """Remove the stars of bold text around the whole."""
    text = text.strip()
    while len(text) > 4 and text[:2] == text[-2:] and text[:2] in ("**", "__"):
        text = text[2:-2].strip()
    return text


def strip_lead_in(text: str) -> str:
    """Remove the stars of a beginning in bold: "**Name:** Ada" is "Name: Ada"."""
    match = LEAD_IN.match(text)
    return f"{match['before']}{match['lead']}{match['mark']}{text[match.end() :]}" if match else text


def ends_sentence(line: str) -> bool:
    return line.rstrip().rstrip(CLOSERS)[-1:] in SENTENCE_ENDS and bool(line.strip())


def measure_indent(line: str) -> int:
    """Return the width of the white space before the text; of a tab the next multiple of four."""
    spaces = line[: len(line) - len(line.lstrip())]
    return len(spaces.expandtabs(4))
