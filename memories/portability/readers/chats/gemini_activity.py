"""Prompts in the activity of a Google account, and Gemini's conversations of Workspace: as JSON.

Shape: from public readers of exports up to 2026. MyActivity.json, whose name is translated, is a list of activities of
any product; a prompt is the `title` after words such as "Prompted", which are translated too, and the answers are in
`safeHtmlItem`. It does not say what belongs to one conversation: each prompt is one with its answers. Workspace has a
file a conversation, with `conversation_turns`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from memories.portability.files.json_stream import JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.chats.conversations import (
    Author,
    Turn,
    as_list,
    as_object,
    as_text,
    find_path,
    pick_values,
    read_turns,
)
from memories.portability.readers.chats.html_lines import ELSEWHERE
from memories.portability.readers.formats import ChatFilter, ReadContext
from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ReadResult, SkippedEntry

PRODUCTS = ("gemini", "bard")
# What stands before a prompt, as far as public readers know it; in other languages it is learned from the file.
LEADS = (
    "prompted with:", "prompted", "asked gemini:", "asked gemini", "asked bard:", "asked bard", "asked", "said",
    "eingegebener prompt:", "prompt eingegeben:", "prompt envoyé :", "prompt saisi :", "requête envoyée :",
    "petición enviada:", "hiciste la petición", "preguntado", "prompt enviado:", "prompt inserito:",
    "prompt ingevoerd:", "gav instruktionen", "fez uma pergunta:", "fez uma pergunta", "perguntou", "запрос:",
    "送信したメッセージ:", "送信したメッセージ：", "プロンプト:", "已提示", "提示：", "提示:", "프롬프트:",
)  # fmt: skip
# What is no prompt even if it has an answer.
OTHER_LEADS = ("created gemini", "used gemini", "gave feedback", "selected preferred", "cleared previous")
LEARNED_TITLES = 200
LOOKED_AT = 5_000  # activities, for these titles
MIN_TITLES = 4  # two are enough for words that end with a colon
COLONS = ":："
MIN_SHARE = 0.9
MAX_LEAD_CHARACTERS = 40
LEAD_ENDS = " \xa0:："


def is_gemini(*labels: object) -> bool:
    """Return whether one of these names of products is Gemini's, which is not translated."""
    return any(product in as_text(label).lower() for label in labels for product in PRODUCTS)


class TitleReader:
    """Tells prompts from other activities by what all titles begin or end with."""

    def __init__(self, titles: Iterable[str]) -> None:
        titles = list(islice(titles, LEARNED_TITLES))
        unknown = [title for title in titles if not _find_lead(title)]
        is_rare = len(unknown) <= (1 - MIN_SHARE) * len(titles)
        starts = [] if is_rare else [title[:MAX_LEAD_CHARACTERS] for title in unknown]
        self._lead = _find_common(starts)
        ends = [] if is_rare or self._lead else [title[-MAX_LEAD_CHARACTERS:][::-1] for title in unknown]
        self._tail = _find_common(ends)[::-1]
        self._knows_all = bool(titles) and bool(is_rare or self._lead or self._tail)

    def get_prompt(self, title: str, *, has_answer: bool) -> str:
        """Return the person's words in a title; empty for an activity that is no prompt."""
        title = title.strip()
        if title.lower().startswith(OTHER_LEADS):
            return ""
        if lead := _find_lead(title):
            return _clean(title[len(lead) :])
        head, mark, rest = title.partition("\xa0")  # between the lead and the prompt on the page
        if mark and rest.strip() and len(head) <= MAX_LEAD_CHARACTERS:
            return _clean(rest)
        if self._lead and title.startswith(self._lead):
            return _clean(title[len(self._lead) :])
        if self._tail and title.endswith(self._tail):
            return _clean(title[: -len(self._tail)])
        return _clean(title) if has_answer and not self._knows_all else ""


def _clean(text: str) -> str:
    return text.replace("\xa0", " ").lstrip(LEAD_ENDS).rstrip()


def _find_lead(title: str) -> str:
    """Return the known words that a title begins with, together with the space after them."""
    lower = title.lower()
    for lead in LEADS:
        if lower.startswith(lead) and (
            lead[-1] in LEAD_ENDS or lower[len(lead) : len(lead) + 1] in LEAD_ENDS
        ):
            return title[: len(lead)]
    return ""


def _find_common(starts: list[str]) -> str:
    """Return the longest start, up to the end of a word, that nearly all of these have; up to its colon if any."""
    counts = Counter(
        start[: end + 1] for start in starts for end, mark in enumerate(start) if mark in LEAD_ENDS
    )
    common = (each for each, count in counts.items() if count >= MIN_SHARE * len(starts))
    longest = max(common, key=len, default="")
    colon = min((longest.find(mark) + 1 for mark in COLONS if mark in longest), default=0)
    if colon:
        return longest[:colon] if len(set(starts)) > 1 else ""
    return longest if len(set(starts)) >= MIN_TITLES else ""


# --- JSON -----------------------------------------------------------------------------------------------------


def is_activity(shape: JsonShape) -> bool:
    return shape.has("header", "title", "time") and any(
        shape.has(key) for key in ("products", "titleUrl", "activityControls", "safeHtmlItem")
    )


def read_activities(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    path = find_path(part, is_activity) or "item"
    reader = TitleReader(_iterate_answered(part, path))
    for value in iterate_values(part, path):
        entry = as_object(value)
        if not entry:
            yield SkippedEntry("not_a_memory")
        elif not _is_of_gemini(entry):
            yield SkippedEntry("other_activity")
        else:
            yield from _read_activity(entry, reader, context)


def _iterate_answered(part: Part, path: str) -> Iterator[str]:
    for value in islice(iterate_values(part, path), LOOKED_AT):
        entry = as_object(value)
        if _is_of_gemini(entry) and entry.get("safeHtmlItem"):
            yield as_text(entry.get("title"))


def _is_of_gemini(entry: dict[str, object]) -> bool:
    return is_gemini(entry.get("header"), *as_list(entry.get("products")))


def _read_activity(
    entry: dict[str, object], reader: TitleReader, context: ReadContext
) -> Iterator[ReadResult]:
    answers = [as_text(as_object(item).get("html")) for item in as_list(entry.get("safeHtmlItem"))]
    prompt = reader.get_prompt(as_text(entry.get("title")), has_answer=any(answers))
    details = [as_text(as_object(item).get("value")) for item in as_list(entry.get("details"))]
    if not prompt and len(details) == 2 and all(details):  # the older form: a request and a response
        prompt, answers = details[0], details[1:]
    links = [as_text(as_object(each).get("url")) for each in as_list(entry.get("subtitles"))]
    has_files = any(link and not link.lower().startswith(ELSEWHERE) for link in links)
    if context.chats is ChatFilter.ALL:
        answers = list(map(html_to_text, answers))
    yield from read_prompt(
        prompt,
        answers,
        (entry.get("time"),),
        context,
        has_files=has_files or bool(entry.get("attachedFiles") or entry.get("imageFile")),
    )


def read_prompt(
    prompt: str,
    answers: Iterable[str],
    times: tuple[object, ...],
    context: ReadContext,
    *,
    has_files: bool = False,
) -> Iterator[ReadResult]:
    """Yield a prompt and its answers as a conversation of their own."""
    if not prompt:
        yield SkippedEntry("other_activity")
        return
    turns = [
        Turn(Author.PERSON, prompt, times, has_attachments=has_files),
        *(Turn(Author.ASSISTANT, text, times) for text in answers if text),
    ]
    yield from read_turns(turns, context, f"{times[:1]} {prompt[:100]}")


# --- Workspace ------------------------------------------------------------------------------------------------


def is_workspace_conversation(shape: JsonShape) -> bool:
    return shape.has("conversation_turns")


def read_workspace(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for value in iterate_values(part, find_path(part, is_workspace_conversation) or ""):
        conversation = as_object(value)
        started_at = pick_values(conversation, "creation_time")
        conversation_id = f"{part.stem} {as_text(conversation.get('creation_time'))}"
        turns = map(_build_turn, as_list(conversation.get("conversation_turns")))
        yield from read_turns(turns, context, conversation_id, started_at)


def _build_turn(value: object) -> Turn:
    turn = as_object(value)
    person, system = (as_object(turn.get(key)) for key in ("user_turn", "system_turn"))
    times = pick_values(person or system, "turn_last_modified")
    if (person or system).get("turn_deleted_time"):
        return Turn(reason="in_trash")
    if person:
        return Turn(Author.PERSON, as_text(person.get("prompt")), times)
    texts = [as_text(as_object(each).get("data")) for each in as_list(system.get("text"))]
    return Turn(Author.ASSISTANT, "\n".join(filter(None, texts)), times)
