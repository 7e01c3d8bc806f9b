"""The output of a chat model as an answer: plain text, the sources that it cites, or that no memory answers."""

import json
import re
from collections.abc import Collection

from memories.persona.plain_text import (
    CITATION_END,
    CITATION_START,
    INVISIBLE,
    find_stable_end,
    render_plain_text,
)
from memories.persona.prompts import is_refusal

_LABEL = r"(?:\^|#|(?:memor(?:y|ies)|sources?|citations?|cite|refs?\.?|references?|notes?)[\s:]*#?\s*)?"
_SEPARATOR = r"\s*(?:[,;/&+\u3001\uff0c\uff1b]|[-\u2013\u2014]|\band\b|\bto\b)\s*"
_NUMBERS = rf"(\d{{1,2}}(?:{_SEPARATOR}{_LABEL}\d{{1,2}})*)"
# [1], [1, 2], [1-3], [^1], [memory 1], 【1】, 【1†source】, each also with the URL of a link.
CITATION = re.compile(
    rf"[\[\u3010\uff3b]\s*{_LABEL}{_NUMBERS}(?:\u2020[^\[\]\u3010\u3011\n]{{0,60}})?\s*[\]\u3011\uff3d]"
    r"(?:\([^()\n]{0,600}\))?",
    re.IGNORECASE,
)
# Also a number of something else, so only where nothing is cited in brackets.
PARENTHESES = re.compile(rf"(?<=[\s\w.,;!?])\(\s*{_LABEL}{_NUMBERS}\s*\)", re.IGNORECASE)
NESTED = re.compile(rf"\[\s*({CITATION_START}[^{CITATION_END}]*{CITATION_END})\s*\]")
RANGE = re.compile(r"(\d{1,2})\s*[-\u2013\u2014]\s*\D{0,10}?(\d{1,2})|(\d{1,2})")
FENCE = re.compile(r"\A\s*(`{3,}|~{3,})[^\n`]*\n(.*?)\n?\s*(?:\1\s*)?\Z", re.DOTALL)
MIN_SHOWN, EACH_SHOWN = (
    200,
    24,
)  # characters: after so many, a longer step, since each renders the whole output
ANSWER_KEYS = ("answer", "response", "reply", "text", "content", "output", "result")


class ModelOutput:
    """Reads the output while it streams. `text` and `cited` are complete after `end`.

    What `feed` and `end` return is part of `text`, unless an answer turns out to be something else (a refusal, JSON, a
    definition of a link); then `text` replaces it.
    """

    def __init__(self, source_numbers: Collection[int], known_urls: Collection[str]) -> None:
        self.text = ""
        self.cited: set[int] = set()
        self.is_none = False  # the model said that no memory answers
        self._numbers, self._known_urls = source_numbers, known_urls
        self._output = ""
        self._shown, self._stable, self._is_live = "", 0, True

    def feed(self, piece: str) -> str:
        self._output += piece
        if not self._is_live or self._may_be_replaced():
            return ""
        stable = find_stable_end(self._output)
        if stable < self._stable + (EACH_SHOWN if stable > MIN_SHOWN else 1):
            return ""
        self._stable = stable
        return self._show(self._render(self._output[:stable])[0])

    def end(self) -> str:
        """Read the whole output; return the text that is still to be shown."""
        output = _unwrap(self._output)
        self.text, self.cited = self._render(output)
        if not self.cited and (match := PARENTHESES.search(output)) and self._find_known(match[1]):
            self.text, self.cited = self._render(output, PARENTHESES)
        self.is_none = is_refusal(self.text, has_citations=bool(self.cited))
        return self._show(self.text) if self._is_live and not self.is_none else ""

    def _may_be_replaced(self) -> bool:
        """Return whether the output begins like JSON, a code block, or a refusal that cites nothing."""
        start = self._output.lstrip()
        if not start or start[0] in "{`~":
            return True
        word = re.sub(r"\A[\W_]+", "", start).lower()
        if len(word) <= len("none"):
            return "none".startswith(word)
        return bool(re.match(r"none\b", word)) and not self._render(self._output)[1]

    def _show(self, text: str) -> str:
        if not text.startswith(self._shown):
            self._is_live = False
            return ""
        added, self._shown = text[len(self._shown) :], text
        return added

    def _render(self, output: str, *patterns: re.Pattern[str]) -> tuple[str, set[int]]:
        """Return the plain text with citations as [1][2], and the numbers cited. Unknown ones are removed."""
        cited: set[int] = set()

        def replace_citation(match: re.Match[str]) -> str:
            known = self._find_known(match[1])
            cited.update(known)
            return "".join(f"{CITATION_START}{number}{CITATION_END}" for number in known)

        text = INVISIBLE.sub("", output)
        for pattern in (CITATION, *patterns):
            text = pattern.sub(replace_citation, text)
        return render_plain_text(NESTED.sub(r"\1", text), self._known_urls), cited

    def _find_known(self, numbers: str) -> list[int]:
        """Return the numbers of sources in "1, 3-5"."""
        found: list[int] = []
        for first, last, single in RANGE.findall(numbers):
            found += range(int(first), int(last) + 1) if first else [int(single)]
        return [number for number in dict.fromkeys(found) if number in self._numbers]


def _unwrap(output: str) -> str:
    """Return the answer in a code block or a JSON object."""
    if match := FENCE.match(output):
        output = match[2]
    if not output.lstrip().startswith("{"):
        return output
    try:
        content = json.loads(output, strict=False)
    except (ValueError, RecursionError):
        return ""
    texts = {str(key).lower(): value for key, value in content.items() if isinstance(value, str)}
    return next((texts[key] for key in ANSWER_KEYS if key in texts), "")
