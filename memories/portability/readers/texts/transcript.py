"""A conversation with an assistant, copied from its page or saved as text: lines name who speaks.

Source: what the pages of ChatGPT ("You said:", "ChatGPT said:"), Claude and Gemini copy, and the Markdown that browser
extensions save ("## Prompt:", "## Response:", "**User:**").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import make_entry_too_large_error
from memories.portability.files.parts import Part
from memories.portability.files.streams import MAX_TEXT_BYTES, read_lines
from memories.portability.readers.formats import ChatFilter, Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry

TEXT_SUFFIXES = frozenset({"", ".txt", ".text", ".md", ".markdown"})
PEOPLE = "you|user|human|prompt|me|ich|du|sie|vous|toi|moi|tú|usted|yo|você|eu|tu|io|jij|ik|ты|вы|я|あなた|你|您|나"
ASSISTANTS = (
    "chatgpt|gpt-?[45]\\w*|claude|gemini|bard|assistant|ai|response|copilot|grok|deepseek|perplexity|le chat|meta ai|"
    "mistral|assistent|asistente|assistente|助手"
)
SAID = "(?P<said> said| responded| replied| wrote| hat gesagt| sagte| a dit| dijo| disse| ha detto| zei)?"
SPEAKER = re.compile(
    rf"(?P<marks>#{{1,6}}\s+|\*\*|__)?(?:[^\w\s*#]{{1,3}}\s*)?(?:(?P<person>{PEOPLE})|(?P<assistant>{ASSISTANTS})){SAID}"
    r"\s*(?P<colon>[:：])?\s*(?:\*\*|__)?\s*(?P<after>[:：])?\s*(?P<text>.*)",
    re.IGNORECASE,
)
SAMPLE_LINES = 400
MIN_TURNS = 2  # by each
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
    return _Speaker(match["assistant"] is not None, bool(match["marks"] or match["said"]), match["text"])


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
    for line in read_lines(part):
        found = _parse_speaker(line)
        size += len(line)
        if size > MAX_TEXT_BYTES:
            raise make_entry_too_large_error()
        if found is None:
            lines.append(line)
            continue
        if any(each.strip() for each in lines):
            yield _build_turn(lines, is_assistant, position, part, context.chats)
            position += 1
        is_assistant, lines, size = found.is_assistant, [found.text], 0
    if any(each.strip() for each in lines):
        yield _build_turn(lines, is_assistant, position, part, context.chats)


def _build_turn(
    lines: list[str], is_assistant: bool, position: int, part: Part, chats: ChatFilter
) -> ReadResult:
    if chats is ChatFilter.NONE:
        return SkippedEntry("conversation")
    if is_assistant and chats is ChatFilter.MINE:
        return SkippedEntry("of_the_assistant")
    text = "\n".join(lines).strip()
    return ImportItem(
        f"Assistant: {text}" if is_assistant else text,
        conversation=f"transcript {part.name}",
        position=position,
    )


TRANSCRIPT = Format("transcript", gettext_lazy("Copied conversation"), _is_transcript, _read_transcript)
