"""What a chat server accepts, and how its model answers: learned from its responses, remembered by the process.

Servers with OpenAI's API differ. Models that reason refuse a temperature; older servers do not know
`max_completion_tokens`; some prompt formats have no system role.
"""

import re
import time
from dataclasses import dataclass, replace

from memories.providers.chat_settings import ChatSettings

LIMIT_NAMES = (
    "max_completion_tokens",
    "max_tokens",
    "",
)  # in the order in which they are tried; "": no limit
REJECTIONS = (400, 422)
PROBE_INTERVAL_S = 600.0
# A fixed text, so that finding out what a server accepts shows it nothing of a user.
PROBE_MESSAGES = (("system", "Answer with one word."), ("human", "Is water wet?"))

CONTEXT = re.compile(r"context (?:length|window|size)|too long|too many tokens", re.IGNORECASE)
NEEDS_MORE_TOKENS = re.compile(r"could not finish|higher max_", re.IGNORECASE)
SYSTEM_ROLE = re.compile(
    r"\b(?:system|developer)['\"` ]{0,2} ?(?:role|message|prompt|instruction)s?\b"
    r"|role['\"`]? (?:does not|is not|must|should|can)\b|\broles? must alternate|\bonly .{0,40}\broles\b",
    re.IGNORECASE,
)
STREAMING = re.compile(
    r"['\"`]stream['\"`]|\bto stream\b|\bstreaming\b|\bstream (?:is )?not\b", re.IGNORECASE
)


@dataclass(frozen=True)
class ChatHabits:
    """How one model at one server is asked and read.

    limit_name: one of LIMIT_NAMES. streams: an answer comes in pieces. reasons: it uses up the token limit for that.
    omits_opening: its answers begin within reasoning, without a marker; None: not known yet.
    """

    takes_temperature: bool = True
    limit_name: str = LIMIT_NAMES[0]
    takes_system_role: bool = True
    streams: bool = True
    reasons: bool = False
    omits_opening: bool | None = None

    def describe(self) -> list[str]:
        """Return how requests and answers differ from the usual ones, for operators."""
        differences = {
            "no temperature": not self.takes_temperature,
            self.limit_name or "no token limit": self.limit_name != LIMIT_NAMES[0],
            "no system role": not self.takes_system_role,
            "no streaming": not self.streams,
            "more tokens for reasoning": self.reasons,
            "unmarked reasoning": self.omits_opening,
        }
        return [name for name, applies in differences.items() if applies]


_habits: dict[tuple[str, str], ChatHabits] = {}
_probed_at: dict[tuple[str, str], float] = {}


def get_habits(chat: ChatSettings) -> ChatHabits:
    return _habits.get(_get_key(chat), ChatHabits())


def remember_habits(chat: ChatSettings, habits: ChatHabits) -> None:
    _habits[_get_key(chat)] = habits


def forget_habits() -> None:
    _habits.clear()
    _probed_at.clear()


def begin_probe(chat: ChatSettings) -> bool:
    """Return whether it may be found out now what the server accepts: at most once per PROBE_INTERVAL_S."""
    key, now = _get_key(chat), time.monotonic()
    if now - _probed_at.get(key, -PROBE_INTERVAL_S) < PROBE_INTERVAL_S:
        return False
    _probed_at[key] = now
    return True


def adapt_to_error(habits: ChatHabits, status: int, body: str) -> ChatHabits | None:
    """Return habits that avoid what an error response names, None if it names nothing that can be avoided.

    Such a change is never taken back, so a request is repeated only a few times.
    """
    adapted = habits
    if habits.takes_system_role and SYSTEM_ROLE.search(
        body
    ):  # a prompt format fails with 500 at some servers
        adapted = replace(adapted, takes_system_role=False)
    if status in REJECTIONS and not CONTEXT.search(body):
        if NEEDS_MORE_TOKENS.search(body):
            adapted = replace(adapted, reasons=True)
        elif habits.limit_name and habits.limit_name in body:
            following = LIMIT_NAMES[LIMIT_NAMES.index(habits.limit_name) + 1]
            adapted = replace(adapted, limit_name=following)
        if habits.streams and STREAMING.search(body):
            adapted = replace(adapted, streams=False)
        if habits.takes_temperature and "temperature" in body.lower():
            adapted = replace(adapted, takes_temperature=False)
    return None if adapted == habits else adapted


def list_bare_habits(habits: ChatHabits) -> list[ChatHabits]:
    """Return the plainest forms of a request, for a server that does not say why it refuses this one."""
    bare = replace(habits, takes_temperature=False, takes_system_role=False)
    return [
        *(replace(bare, limit_name=name) for name in LIMIT_NAMES),
        replace(bare, limit_name="", streams=False),
    ]


def _get_key(chat: ChatSettings) -> tuple[str, str]:
    return chat.url, chat.model
