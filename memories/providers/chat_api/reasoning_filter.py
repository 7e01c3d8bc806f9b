"""Reasoning in a chat model's output: what it thought before the answer is removed, also while the output streams.

Models mark it in several ways: tags (`<think>`, `[THINK]`), channels (`<|channel|>analysis<|message|>`), a heading
(reasoning_headings.py), or a sentence that announces it. Some write only the closing tag, because the opening one is
part of their prompt.
"""

import re
from enum import Enum

from memories.providers.chat_api import reasoning_headings

_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|monologue"
# With the words around it, as in `<seed:think>`, `<antThinking>` or `<chain_of_thought>`.
_TAG = rf"/?\s*(?:[a-z]{{1,12}}[:_-]){{0,3}}[a-z]{{0,8}}?(?:{_NAMES})(?:[_-](?:process|content|block|trace))?"
MARKER = re.compile(
    rf"<\s*(?P<tag>{_TAG})(?:\s[^<>]{{0,80}})?>"
    r"|(?P<details><details\s[^<>]{0,120}?\btype\s*=\s*[\"']?reasoning\b[^<>]{0,200}>"
    r"|<details>\s{0,8}<summary>\s{0,8}(?:thinking|thoughts?|reasoning)\b)"
    r"|\[(?P<bracket>/?think(?:ing)?)\]"
    r"|◁(?P<triangle>/?think)▷"
    r"|<[|｜](?P<token>/?[\w▁]{1,24})[|｜]>"  # DeepSeek's tokens have wide bars
    r"|<\|(?P<opening>\w{1,24})>"  # <|channel>thought ... <channel|>
    r"|<(?P<closing>\w{1,24})\|>"
    r"|<unused(?P<unused>9[45])>",
    re.IGNORECASE,
)
# The end of the output so far may be the beginning of a marker.
UNFINISHED = re.compile(
    rf"(?:<(?:[|｜/\w▁:-]{{0,40}}|\s*{_TAG}\s[^<>]{{0,80}}|details\s[^<>]{{0,320}}"
    r"|details>\s{0,8}(?:<[a-z]{0,7}(?:>\s{0,8}[a-z]{0,9})?)?)|\[/?[a-z]{0,8}|◁[^▷]{0,8})\Z",
    re.IGNORECASE,
)
DETAILS_END = re.compile(r"</details>", re.IGNORECASE)
OPENING_TOKENS = {"start_thinking", "begin_of_thought", "inner_prefix", "think", "thinking", "begin_think"}
CLOSING_TOKENS = {"end_thinking", "end_of_thought", "inner_suffix", "/think", "/thinking", "end_think"}
ANSWER_TOKENS = {"start_response", "begin_of_solution", "start_text"}
HEADER_TOKENS = {"start", "im_start", "begin", "start_header_id"}
BODY_TOKENS = {"message", "content", "end_header_id"}
END_TOKENS = {
    "end",
    "return",
    "call",
    "im_end",
    "eot_id",
    "eom_id",
    "endoftext",
    "end_of_text",
    "end_of_turn",
}
# How an output can begin without a marker, and what then ends the reasoning. Channel names without their tokens
# stand directly before the text.
PLAIN = (
    (
        re.compile(r"\s*(?:analysis|commentary)(?=[ \t]*[A-Z])"),
        re.compile(r"assistant\s*(?:commentary\s*)?final"),
    ),
    (
        re.compile(r"\s*here(?: is|'s) my thought process:", re.IGNORECASE),
        re.compile(r"here(?: is|'s) my response:", re.IGNORECASE),
    ),
    (reasoning_headings.OPENING, reasoning_headings.CLOSING),
)
CHANNEL = re.compile(r"\s*(analysis|commentary|final)\s*(?=<\|message\|>)")
BEGINNINGS = ("analysis", "commentary", "final", "here is my thought process:", "here's my thought process:")
LONGEST_CLOSING = 120  # characters; at least so many of a hidden text are looked at again
FINAL = "final"


class _State(Enum):
    ANSWER = "answer"
    REASONING = "reasoning"
    HEADER = "header"  # role and channel of what follows


class ReasoningFilter:
    """Passes on what is not reasoning.

    is_opened: the output begins within reasoning. is_held: return nothing before the end, unless a marker opens the
    reasoning; until an answer is whole, nobody can tell whether a closing tag will follow.
    """

    def __init__(self, *, is_opened: bool = False, is_held: bool = False) -> None:
        self.has_reasoning = is_opened
        self.was_unopened = False  # a closing tag without an opening one
        self.is_retracted = False  # the same, after text was passed on: it was reasoning
        self._state = _State.REASONING if is_opened else _State.ANSWER
        self._holds = is_held
        self._closing: re.Pattern[str] | None = None
        self._begins = not is_opened
        self._input = ""
        self._answer = ""  # not yet passed on
        self._header, self._is_channel, self._ends_with_line = "", False, False
        self._has_passed = False

    @property
    def is_unfinished(self) -> bool:
        """Whether the output ends within reasoning."""
        return self._state is _State.REASONING or (self._state is _State.HEADER and self._is_channel)

    def feed(self, piece: str) -> str:
        self._input += piece
        self._read(is_end=False)
        return "" if self._holds else self._pass_on()

    def end(self) -> str:
        self._read(is_end=True)
        return self._pass_on()

    def _pass_on(self) -> str:
        text, self._answer = self._answer, ""
        self._has_passed = self._has_passed or bool(text)
        return text

    def _read(self, *, is_end: bool) -> None:
        while self._input:
            if self._begins:
                if not is_end and _may_begin(self._input):
                    return
                self._read_beginning()
            if self._closing is not None:
                if not (match := self._closing.search(self._input)):
                    self._input = self._input[-LONGEST_CLOSING:]
                    return
                self._closing, self._state, self._input = None, _State.ANSWER, self._input[match.end() :]
                continue
            match = MARKER.search(self._input)
            if match is None:
                unfinished = None if is_end else UNFINISHED.search(self._input)
                until = unfinished.start() if unfinished else len(self._input)
                self._take(self._input[:until])
                self._input = self._input[until:]
                return
            self._take(self._input[: match.start()])
            self._input = self._input[match.end() :]
            self._take_marker(match)

    def _read_beginning(self) -> None:
        self._begins = False
        if CHANNEL.match(self._input):
            self._state, self._is_channel = _State.HEADER, True
            return
        for opening, closing in PLAIN:
            if opening.match(self._input):
                self._open()
                self._closing = closing
                return

    def _take(self, text: str) -> None:
        if self._state is _State.ANSWER:
            self._answer += text
        elif self._state is _State.HEADER:
            self._header += text
            if self._ends_with_line and "\n" in self._header:
                self._state, self._answer = _State.ANSWER, self._answer + self._header.partition("\n")[2]

    def _take_marker(self, match: re.Match[str]) -> None:
        """Change the state by one marker; the others, such as the beginning of an answer, only disappear."""
        name = (match["tag"] or match["bracket"] or match["triangle"] or "").replace(" ", "").lower()
        special = (match["token"] or "").replace("▁", "_").lower()
        if match["details"]:  # folded text of pages: its end means nothing elsewhere
            self._open()
            self._closing = DETAILS_END
        elif name:
            self._close() if name.startswith("/") else self._open()
        elif match["opening"] or match["unused"] == "94" or special in OPENING_TOKENS:
            self._open()
        elif match["closing"] or match["unused"] == "95" or special in CLOSING_TOKENS:
            self._close()
        elif special in ANSWER_TOKENS:
            self._state = _State.ANSWER
        elif special == "channel" or special in HEADER_TOKENS or special in END_TOKENS:
            self._state, self._header = _State.HEADER, ""
            self._is_channel, self._ends_with_line = special == "channel", special == "im_start"
        elif special in BODY_TOKENS and self._state is _State.HEADER:
            is_hidden = self._is_channel and not self._header.strip().lower().startswith(FINAL)
            self._state, self._is_channel = _State.ANSWER, False
            if is_hidden:
                self._open()

    def _open(self) -> None:
        self._state, self.has_reasoning, self._holds = _State.REASONING, True, False

    def _close(self) -> None:
        """End the reasoning. If none was open, everything before was reasoning."""
        if self._state is not _State.REASONING:
            self.was_unopened, self.is_retracted = True, self._has_passed
            self.has_reasoning, self._answer = True, ""
        self._state, self._holds = _State.ANSWER, False


def _may_begin(output: str) -> bool:
    """Return whether more of the output must be known to tell how it begins."""
    text = output.lstrip().lower()
    return (
        any(each.startswith(text) for each in BEGINNINGS)
        or re.fullmatch(r"(?:analysis|commentary|final)\s*(?:<\|?\w*\|?)?", text) is not None
        or reasoning_headings.may_open(output)
    )
