"""A conversation with an assistant, copied from its page or saved as text: lines name who speaks.

Source: what the pages of ChatGPT ("You said:", "ChatGPT said:"), Claude and Gemini copy, and the Markdown that browser
extensions save ("## Prompt:", "## Response:", "**User:**").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import make_entry_too_large_error
from memories.portability.files.parts import Part
from memories.portability.files.streams import MAX_TEXT_BYTES, read_lines
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_time

TEXT_SUFFIXES = frozenset({"", ".txt", ".text", ".md", ".markdown"})
# What the pages of ChatGPT and others show above what the person said.
YOU_SAID = (
    "du hast gesagt|sie haben gesagt|vous avez dit|tu as dit|has dicho|ha dicho|dijiste|usted dijo|você disse|disseste|"
    "hai detto|je zei|u zei|du sagde|du sa|du sade|powiedział[ea]ś|вы сказали|ты сказал|ви сказали|あなたの発言|"
    "你说|您说|你說|您說|내가 한 말|나의 말"
)
PEOPLE = (
    f"{YOU_SAID}|you|user|human|prompt|me|ich|du|sie|vous|toi|moi|tú|usted|yo|você|eu|tu|io|jij|ik|ты|вы|я|"
    "あなた|你|您|나"
)
ASSISTANTS = (
    "chatgpt|gpt-?[45]\\w*|claude|gemini|bard|assistant|ai|response|copilot|grok|deepseek|perplexity|le chat|meta ai|"
    "mistral|assistent|asistente|assistente|助手"
)
SAID = (
    "(?P<said> said| responded| replied| wrote| hat gesagt| sagte| a dit| a répondu| dijo| ha dicho| respondió| disse|"
    " respondeu| ha detto| ha risposto| zei| sagde| sa| sade| powiedział| сказала?| ?说| ?說| ?の発言|의 말)?"
)
TIME_LINE = re.compile(
    r"[*_]*(?P<time>\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},? (?:at )?\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?)[*_]*"
)
# Above the first turn, as browser extensions write it: "**Created:** 1/3/2025 10:00:00".
FIELD = re.compile(
    r"\*\*(?:user|title|created|updated|exported|exported at|date|link|url|source|model|author|language|messages)"
    r"(?:[:：]\*\*|\*\*[:：]).*",
    re.IGNORECASE,
)
SPEAKER = re.compile(
    rf"(?P<marks>#{{1,6}}\s+|\*\*|__)?(?:[^\w\s*#]{{1,3}}\s*)?"
    rf"(?:o )?(?:(?P<person>{PEOPLE})|(?P<assistant>{ASSISTANTS})){SAID}"
    r"\s*(?P<colon>[:：])?\s*(?:\*\*|__)?\s*(?P<after>[:：])?\s*(?P<text>.*)",
    re.IGNORECASE,
)
SAMPLE_LINES = 400
MIN_TURNS = 2  # by each
MAX_HEAD = 30  # lines above the first turn
MAX_LINE_CHARACTERS = 100_000  # of a line that may name a speaker


@dataclass(frozen=True)
class _Speaker:
    """The line that begins a turn. is_marked: it is a heading, in bold, or says "said": no word of a list."""

    is_assistant: bool
    is_marked: bool
    text: str  # behind the name


def _parse_speaker(line: str) -> _Speaker | None:
    match = SPEAKER.fullmatch(line.strip()) if len(line) < MAX_LINE_CHARACTERS else None
    if match is None or not (match["colon"] or match["after"] or (match["marks"] and not match["text"])):
        return None
    is_marked = bool(
        match["marks"] or match["said"] or re.fullmatch(YOU_SAID, match["person"] or "", re.IGNORECASE)
    )
    return _Speaker(match["assistant"] is not None, is_marked, match["text"])


def _is_transcript(start: PartStart) -> bool:
    """Return whether a person and an assistant speak by turns: two turns each, or clearly marked ones."""
    if start.suffix not in TEXT_SUFFIXES:
        return False
    lines = start.text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES]
    speakers = [speaker for speaker in map(_parse_speaker, lines) if speaker is not None]
    turns = [
        speaker.is_assistant
        for speaker, before in zip(speakers, [None, *speakers], strict=False)
        if before is None or speaker.is_assistant is not before.is_assistant
    ]
    needed = 1 if speakers and all(speaker.is_marked for speaker in speakers) else MIN_TURNS
    return min(turns.count(True), turns.count(False)) >= needed


def _read_transcript(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    lines: list[str] = []
    is_assistant = False
    position = size = 0
    for line in _skip_fields(read_lines(part)):
        if line is None:
            yield SkippedEntry("not_a_memory")
            continue
        found = _parse_speaker(line)
        size += len(line)
        if size > MAX_TEXT_BYTES:
            raise make_entry_too_large_error()
        if found is None:
            lines.append(line)
            continue
        if any(each.strip() for each in lines):
            yield _build_turn(lines, is_assistant, position, part, context)
            position += 1
        is_assistant, lines, size = found.is_assistant, [found.text], 0
    if any(each.strip() for each in lines):
        yield _build_turn(lines, is_assistant, position, part, context)


def _skip_fields(lines: Iterator[str]) -> Iterator[str | None]:
    """Yield the lines; None in place of the title and the fields that extensions write above the first turn."""
    head = list(islice(lines, MAX_HEAD))
    fields = [place for place, line in enumerate(head) if FIELD.fullmatch(line.strip())]
    turns = (place for place, line in enumerate(head) if _parse_speaker(line) is not None)
    first = fields[-1] + 1 if len(fields) > 1 else next(turns, 0)  # "**User:** Ada" may be a field
    above = [line.strip() for line in head[:first] if line.strip()]
    if above and all(line.startswith("# ") or FIELD.fullmatch(line) for line in above):
        yield None
        head = head[first:]
    yield from chain(head, lines)


def _build_turn(
    lines: list[str], is_assistant: bool, position: int, part: Part, context: ReadContext
) -> ReadResult:
    if context.chats is ChatFilter.NONE:
        return SkippedEntry("conversation")
    if is_assistant and context.chats is ChatFilter.MINE:
        return SkippedEntry("of_the_assistant")
    text = "\n".join(lines).strip()
    first, _break, below = text.partition("\n")
    match = TIME_LINE.fullmatch(first.strip()) if below.strip() else None
    time = parse_time(match["time"].replace(",", ""), context.zone, local=True) if match else None
    if time is not None:
        text = below.strip()
    return ImportItem(
        f"Assistant: {text}" if is_assistant else text,
        created_at=time,
        conversation=f"transcript {part.name}",
        position=position,
    )


TRANSCRIPT = Format("transcript", gettext_lazy("Copied conversation"), _is_transcript, _read_transcript)
