"""Conversations keep one place a turn, and broken ones do not affect others."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.readers.chats import gemini
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem
from tests.memories.portability.reading import read_file, read_sources, read_zip
from tests.memories.portability.samples import chats, more_chats
from tests.memories.portability.samples.files import chatgpt_conversation
from tests.memories.portability.samples.sample import Sample

CONVERSATIONS = (
    "ChatGPT: a folded, numbered zip with instructions and memories in every conversation",
    "Claude before September 2026",
    "Grok: the whole export",
    "DeepSeek: the branch that was written last",
    "Copilot: the activity of the privacy dashboard, newest first",
    "Messages by role: conversations in a list, with other words for the same",
    "Codex: a rollout",
)
BY_TITLE = {sample.title: sample for sample in chats.CHATS_SAMPLES}


def read_places(sample: Sample, chosen: ChatFilter) -> dict[tuple[str, int], str]:
    items: list[ImportItem] = read_sources(*sample.open_files(), chats=chosen).items
    places = [(item.conversation, item.position, item.text) for item in items if item.conversation]
    assert len({place[:2] for place in places}) == len(places)
    return {(conversation, position or 0): text for conversation, position, text in places}


@pytest.mark.parametrize("title", CONVERSATIONS)
def test_turn_has_one_place_whatever_is_imported(title: str) -> None:
    mine, both = (read_places(BY_TITLE[title], chosen) for chosen in (ChatFilter.MINE, ChatFilter.ALL))
    assert mine.items() <= both.items()
    assert read_places(BY_TITLE[title], ChatFilter.NONE) == {}


def test_newest_message_of_copilot_has_the_last_place() -> None:
    outcome = read_file(more_chats.COPILOT, "activity.csv", chats=ChatFilter.ALL)
    bees = sorted((item.position or 0, item.text) for item in outcome.items if item.conversation == "Bees")
    assert bees == [(0, "I keep bees."), (1, "Assistant: Nice, really.\nHow many?")]


BROKEN_TREES: dict[str, Any] = {
    "cycle": {
        "a": {"message": None, "parent": "b", "children": []},
        "b": {"parent": "a", "children": ["a"]},
    },
    "missing parent": {"a": {"message": {"author": None, "content": None}, "parent": "gone", "children": []}},
    "numbers": {"a": 1},
    "list": [],
    "empty": {},
}


@pytest.mark.parametrize("tree", BROKEN_TREES.values(), ids=BROKEN_TREES)
def test_malformed_conversation_does_not_affect_others(tree: Any) -> None:
    broken = {"mapping": tree, "current_node": "a"}
    good = chatgpt_conversation([("user", "My cat is Tom.")])
    assert read_file([broken, good]).texts == ["My cat is Tom."]


def test_cut_conversations_come_up_to_the_damage() -> None:
    text = json.dumps(
        [chatgpt_conversation([("user", f"Cat {number}")], f"c{number}") for number in range(9)]
    )
    members = {"conversations.json": text[:-900], "memory.json": ["I hike."]}
    outcome = read_zip(members)
    assert outcome.files["conversations.json"].skipped["broken"] == 1
    assert outcome.texts[:2] == ["Cat 0", "Cat 1"]
    assert "I hike." in outcome.texts
    with pytest.raises(ValidationError):
        read_file(text[:-900])


def test_activity_of_any_length_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini, "CHUNK_BYTES", 100)
    monkeypatch.setattr(gemini, "MAX_HTML_CHARACTERS", 3_000)
    written = (f"Prompted&nbsp;Bee {number} é<br>Jul 3, 2026, 9:15:00 AM UTC<br>" for number in range(5))
    cells = [*map(more_chats.build_cell, written)]
    cells.insert(2, more_chats.build_cell("Prompted&nbsp;" + "x" * 9_000))
    outcome = read_file(more_chats.build_page(*cells), "MyActivity.html")
    assert outcome.texts == [f"Bee {number} é" for number in range(5)]
    assert outcome.skipped == {"too_large": 1}


@pytest.mark.parametrize(
    "value",
    [
        [{"name": "Ann", "role": "manager", "text": "Met in Leeds."}],
        [{"from": "bob@example.org", "body": "An e-mail"}],
        [{"type": "user", "name": "Bob"}],
        {"mapping": {"properties": {"title": {"type": "text"}}}},
        [{"question": "1 + 1?", "answer": "2"}],
        {"conversations": 3, "messages": "none"},
    ],
)
def test_other_json_is_no_chat(value: Any) -> None:
    try:
        kinds = set(read_file(value, "other.json").kinds.values())
    except ValidationError:
        return
    assert kinds <= {"list", "unknown"}


def test_voice_notes_of_claude_are_texts() -> None:
    block = {"type": "voice_note", "title": "Voice", "text": "I keep bees."}
    message = {
        "uuid": "m",
        "sender": "human",
        "text": "",
        "content": [block],
        "created_at": "2025-05-01T10:00:00Z",
    }
    conversation = {"uuid": "u", "name": "", "chat_messages": [message]}
    assert read_file([conversation], "conversations.json").texts == ["I keep bees."]


def test_thread_of_perplexity_saved_as_markdown() -> None:
    logo = '<img src="https://r2cdn.perplexity.ai/pplx-full-logo-primary-dark%402x.png" class="logo" width="120"/>'
    text = "# I keep bees,\nwhat do they eat?\n\n# Nectar\n\nNectar.[^1]\n\n---\n\n# And hens?\n\nCorn.\n"
    content = f'{logo}\n\n{text}\n<div align="center">⁂</div>\n\n[^1]: https://example.org\n'
    outcome = read_file(content, "bees.md")
    assert (outcome.kind, outcome.texts) == ("perplexity", ["I keep bees,\nwhat do they eat?", "And hens?"])
    assert outcome.skipped == {"of_the_assistant": 2}
