"""Conversations with questions and the turns that answer them, in the LoCoMo format (Maharana et al., ACL 2024).

LoCoMo's license does not allow a copy in this repository, so the path is an argument.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIALOG_ID = re.compile(r"D:?(\d+):(\d+)")  # some are malformed: "D8:6; D9:17", "D:11:26"
SESSION = re.compile(r"session_(\d+)")
SESSION_DATE = "%I:%M %p on %d %B, %Y"


@dataclass(frozen=True)
class Item:
    """A memory to create: its text, the IDs of the turns it covers, its time, and its session, None outside of any."""

    text: str
    dialog_ids: frozenset[str]
    session: int | None
    said_at: datetime


@dataclass(frozen=True)
class Question:
    """A question and the IDs of the turns that answer it."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    """The speakers, ordered turns and observations, and the questions with evidence among the turns."""

    speakers: tuple[str, str]
    turns: list[Item]
    observations: list[Item]
    questions: list[Question]


def read_conversations(path: Path) -> list[Conversation]:
    """Read a file. Raises OSError, or ValueError, KeyError, TypeError or AttributeError for another format."""
    return [_parse_conversation(entry) for entry in json.loads(path.read_text("utf-8"))]


def parse_dialog_ids(annotation: object) -> frozenset[str]:
    """Extract turn IDs, each as D<session>:<turn>, from an annotation."""
    return frozenset(f"D{session}:{turn}" for session, turn in DIALOG_ID.findall(str(annotation)))


def _parse_conversation(entry: dict[str, Any]) -> Conversation:
    sessions_by_key = entry["conversation"]
    sessions = sorted(int(match[1]) for key in sessions_by_key if (match := SESSION.fullmatch(key)))
    dates = {number: _parse_date(sessions_by_key[f"session_{number}_date_time"]) for number in sessions}
    turns = [
        Item(_format_turn(turn), parse_dialog_ids(turn["dia_id"]), number, dates[number])
        for number in sessions
        for turn in sessions_by_key[f"session_{number}"]
    ]
    observations = [
        Item(text, parse_dialog_ids(source), number, dates[number])
        for number in sessions
        for facts in entry["observation"].get(f"session_{number}_observation", {}).values()
        for text, source in facts
    ]
    turn_ids = {name for turn in turns for name in turn.dialog_ids}
    questions = [
        Question(q["question"], q["category"], parse_dialog_ids(q.get("evidence")) & turn_ids)
        for q in entry["qa"]
    ]
    speakers = (sessions_by_key["speaker_a"], sessions_by_key["speaker_b"])
    return Conversation(
        speakers, turns, observations, [question for question in questions if question.evidence]
    )


def _format_turn(turn: dict[str, str]) -> str:
    caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return f"{turn['speaker']}: {turn['text']}{caption}"


def _parse_date(annotation: str) -> datetime:
    return datetime.strptime(annotation, SESSION_DATE).replace(tzinfo=UTC)
