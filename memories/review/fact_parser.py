"""Facts in a chat model's output: it was asked for a JSON array of strings, and models often write it not quite so.

Text around the array is ignored. An element that is no string (or an object with one), or is broken, is counted and
left out, so that one does not cost the others.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TEXT_KEYS = ("fact", "text", "memory", "content", "statement", "value")
MAX_DEPTH = 3
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
ENDS_STRING = re.compile(r"\s*(?:[,\]}:]|\Z)")  # after an apostrophe, which can also be in a word
SEPARATORS = re.compile(r"[\s,]*")
LITERAL = re.compile(r"[^\s,\[\]{}\"':]+")
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
LIST_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,2}[.)])[ \t]+(\S.*)$", re.MULTILINE)


@dataclass
class Facts:
    """texts: distinct. unread: elements left out. is_cut: the output ends before the array does."""

    texts: list[str] = field(default_factory=list)
    unread: int = 0
    is_cut: bool = False


def find_facts(output: str) -> Facts | None:
    """Return the facts of the array that has most of them, else of a list of lines; None if there is nothing alike."""
    arrays = list(_find_arrays(output))
    if best := max(arrays, key=lambda facts: len(facts.texts), default=None):
        if best.texts or any(not facts.unread and not facts.is_cut for facts in arrays):
            best.texts = list(dict.fromkeys(filter(None, (text.strip() for text in best.texts))))
            return best
        return None
    lines = [line.strip("\"' ") for line in LIST_ITEM.findall(output)]
    return Facts(list(dict.fromkeys(filter(None, lines)))) if lines else None


def _find_arrays(output: str) -> Iterator[Facts]:
    start = output.find("[")
    while start >= 0:
        parser = _Parser(output, start + 1)
        parser.read_array(depth=1)
        if parser.is_array:
            yield parser.facts
        start = output.find("[", parser.position if parser.is_array else start + 1)


class _Parser:
    """Reads one array from after its bracket. is_array: whether it is one, not a remark in brackets."""

    def __init__(self, output: str, position: int) -> None:
        self.position, self.facts, self.is_array = position, Facts(), True
        self._output = output

    def read_array(self, depth: int) -> None:
        while self.is_array and not self.facts.is_cut:
            character = self._skip()
            if character == "]":
                self.position += 1
                return
            if character == "":
                self.facts.is_cut = True
            elif character in QUOTES:
                self._add(self._read_string())
            elif character in "[{":
                self._read_nested(character, depth)
            elif match := LITERAL.match(self._output, self.position):
                self.position = match.end()
                self.facts.unread += 1
                self.is_array = _is_literal(match[0])
            else:
                self.is_array = False

    def _read_nested(self, bracket: str, depth: int) -> None:
        self.position += 1
        if depth >= MAX_DEPTH:
            self.is_array = False
        elif bracket == "[":
            self.read_array(depth + 1)
        else:
            self._add(self._read_object(depth + 1))

    def _read_object(self, depth: int) -> str | None:
        """Return the text of an object: that of a known key, else its only string."""
        texts: dict[str, str] = {}
        key: str | None = None
        while self.is_array and not self.facts.is_cut:
            character = self._skip()
            if character == "}":
                self.position += 1
                break
            if character == "":
                self.facts.is_cut = True
            elif character == ":":
                self.position += 1
            elif character in QUOTES:
                string = self._read_string()
                if key is None:
                    key = string
                else:
                    texts[key.lower()] = string or ""
                    key = None
            elif character in "[{":
                nested = _Parser(self._output, self.position)
                nested._read_nested(character, depth)
                self.position, self.is_array, key = nested.position, nested.is_array, None
                self.facts.is_cut = nested.facts.is_cut
            elif match := LITERAL.match(self._output, self.position):
                self.position, key = match.end(), None
            else:
                self.is_array = False
        known = next((texts[name] for name in TEXT_KEYS if name in texts), None)
        return known or (next(iter(texts.values())) if len(texts) == 1 else None)

    def _add(self, text: str | None) -> None:
        if text is None or self.facts.is_cut:
            self.facts.unread += 1
        else:
            self.facts.texts.append(text)

    def _skip(self) -> str:
        """Return the next character that is neither space nor comma, without reading it."""
        match = SEPARATORS.match(self._output, self.position)
        self.position = match.end() if match else self.position
        return self._output[self.position : self.position + 1]

    def _read_string(self) -> str | None:
        """Return a string. One that the output cuts is None, since half a fact may say the opposite."""
        start = self.position + 1
        quote = QUOTES[self._output[self.position]]
        end = start
        while True:
            end = self._output.find(quote, end)
            if end < 0:
                self.position, self.facts.is_cut = len(self._output), True
                return None
            backslashes = end - len(self._output[start:end].rstrip("\\")) - start
            if backslashes % 2 == 0 and ENDS_STRING.match(self._output, end + 1):
                break
            end += 1
        self.position = end + 1
        text = ESCAPE.sub(_unescape, self._output[start:end])
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_literal(word: str) -> bool:
    return word in ("null", "true", "false", "None", "True", "False") or bool(
        re.fullmatch(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", word)
    )


def _unescape(match: re.Match[str]) -> str:
    """Return the character of a JSON escape, or half of one."""
    try:
        return str(json.loads(f'"{match[0]}"'))
    except ValueError:
        return match[0][1:]
