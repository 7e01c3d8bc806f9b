"""Conversations with questions and the turns that answer them, in the shape of LoCoMo (Maharana et al., ACL 2024).

Its licence forbids copies of it here, so whoever evaluates gives a path.
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
    """One memory to be: its text, the ids of the turns that it tells of, its session, and when that was."""

    text: str
    dialog_ids: frozenset[str]
    session: int
    said_at: datetime


@dataclass(frozen=True)
class Question:
    """What is asked, and the ids of the turns that answer it."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    """Who speaks, turns and observations in their order, and the questions that have evidence among the turns."""

    speakers: tuple[str, str]
    turns: list[Item]
    observations: list[Item]
    questions: list[Question]


def read_conversations(path: Path) -> list[Conversation]:
    """Raises OSError, or ValueError, KeyError, TypeError or AttributeError for a file of another shape."""
    return [_parse_conversation(one) for one in json.loads(path.read_text("utf-8"))]


def parse_dialog_ids(written: object) -> frozenset[str]:
    """The ids of turns in what an annotator wrote, each as D<session>:<turn>."""
    return frozenset(f"D{session}:{turn}" for session, turn in DIALOG_ID.findall(str(written)))


def _parse_conversation(one: dict[str, Any]) -> Conversation:
    said = one["conversation"]
    sessions = sorted(int(match[1]) for key in said if (match := SESSION.fullmatch(key)))
    dates = {number: _parse_date(said[f"session_{number}_date_time"]) for number in sessions}
    turns = [
        Item(_format_turn(turn), parse_dialog_ids(turn["dia_id"]), number, dates[number])
        for number in sessions
        for turn in said[f"session_{number}"]
    ]
    observations = [
        Item(text, parse_dialog_ids(source), number, dates[number])
        for number in sessions
        for facts in one["observation"].get(f"session_{number}_observation", {}).values()
        for text, source in facts
    ]
    known = {name for turn in turns for name in turn.dialog_ids}
    asked = [
        Question(q["question"], q["category"], parse_dialog_ids(q.get("evidence")) & known) for q in one["qa"]
    ]
    speakers = (said["speaker_a"], said["speaker_b"])
    return Conversation(speakers, turns, observations, [question for question in asked if question.evidence])


def _format_turn(turn: dict[str, str]) -> str:
    caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return f"{turn['speaker']}: {turn['text']}{caption}"


def _parse_date(written: str) -> datetime:
    return datetime.strptime(written, SESSION_DATE).replace(tzinfo=UTC)
