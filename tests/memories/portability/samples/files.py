"""Miniature export files of other products, with made-up content."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

TRANSFER = """\
**Preferences**
[2025-03-01] - I like my tea without sugar.
[unknown] - I write British English.
- [2025-04-02] – I am allergic to peanuts,
  and to cashews.
"""


def chatgpt_conversation(turns: list[tuple[str, str]], name: str = "c1", **fields: Any) -> dict[str, Any]:
    """Build a conversation tree: an empty root, an abandoned branch, and the branch of these turns."""
    mapping: dict[str, Any] = {
        "root": {"id": "root", "message": None, "parent": None, "children": ["n0", "left"]},
        "left": {
            "id": "left",
            "message": _message("user", "What I took back."),
            "parent": "root",
            "children": [],
        },
    }
    for number, (role, text) in enumerate(turns):
        parent = f"n{number - 1}" if number else "root"
        children = [f"n{number + 1}"] if number + 1 < len(turns) else []
        mapping[f"n{number}"] = {
            "id": f"n{number}", "message": _message(role, text), "parent": parent, "children": children
        }  # fmt: skip
    return {
        "title": "Tea",
        "create_time": 1_740_000_000.5,
        "update_time": 1_740_000_100.5,
        "mapping": mapping,
        "current_node": f"n{len(turns) - 1}",
        "conversation_id": name,
        **fields,
    }


def _message(role: str, text: str) -> dict[str, Any]:
    return {
        "id": f"m-{text}",
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1_740_000_001.25,
        "content": {"content_type": "text", "parts": [text]},
    }


TURNS = [("system", ""), ("user", "I like green tea."), ("assistant", "Noted."), ("user", "And I hike.")]


def chatgpt_zip(*, numbered: bool = False) -> io.BytesIO:
    conversations = [chatgpt_conversation(TURNS), chatgpt_conversation([("user", "My cat is Tom.")], "c2")]
    files = (
        {f"conversations-{n:03}.json": json.dumps([one]) for n, one in enumerate(conversations)}
        if numbered
        else {"conversations.json": json.dumps(conversations)}
    )
    memory = [{"id": "1", "content": "I live in Leeds.", "created_at": "2025-01-02T03:04:05Z"}]
    return zip_of(
        {**files, "memory.json": json.dumps(memory), "user.json": '{"id": "user-1"}', "chat.html": "<html>"}
    )


CLAUDE_MEMORIES = [
    {
        "conversations_memory": "**Work context**\n\nI write compilers.\n\n"
        "**Home**\n\n- I have two cats.\n- I bake bread.",
        "project_memories": {"p1": "The compiler is called Ferris."},
        "account_uuid": "a1",
    }
]
CLAUDE_CONVERSATIONS = [
    {
        "uuid": "u1",
        "name": "Bread",
        "created_at": "2025-05-01T10:00:00.000000Z",
        "account": {"uuid": "a1"},
        "chat_messages": [
            {
                "uuid": "m1", "sender": "human", "text": "My oven runs hot.",
                "content": [{"type": "text", "text": "My oven runs hot."}],
                "created_at": "2025-05-01T10:00:01.000000Z", "attachments": [], "files": [],
            },
            {
                "uuid": "m2", "sender": "assistant", "text": "Lower it then.",
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Lower it then."}],
                "created_at": "2025-05-01T10:00:02.000000Z",
            },
            {"uuid": "m3", "sender": "human", "text": "", "content": [], "created_at": "2025-05-01T10:00:03Z"},
        ],
    }
]  # fmt: skip


def claude_zip() -> io.BytesIO:
    return zip_of(
        {
            "memories.json": json.dumps(CLAUDE_MEMORIES),
            "conversations.json": json.dumps(CLAUDE_CONVERSATIONS),
            "users.json": "[]",
            "projects.json": "[]",
        }
    )


MEM0 = {
    "results": [
        {
            "id": "0b7c", "memory": "Loves hiking", "hash": "ab", "user_id": "ada", "categories": ["hobbies"],
            "metadata": None, "created_at": "2025-06-01T08:00:00-07:00", "updated_at": None,
        },
        {"id": "0b7d", "memory": "Vegetarian since 2019", "created_at": "2025-06-02T08:00:00-07:00"},
    ]
}  # fmt: skip

PAM = {
    "schema": "portable-ai-memory",
    "schema_version": "1.0",
    "owner": {"id": "user-1"},
    "memories": [
        {
            "id": "mem-1", "type": "skill", "content": "Knows SQL well", "content_hash": "sha256:00",
            "tags": ["work"], "temporal": {"created_at": "2025-07-01T00:00:00Z"},
            "provenance": {"platform": "claude"},
        },
        {"id": "mem-2", "type": "fact", "status": "superseded", "content": "Lives in York"},
    ],
}  # fmt: skip

NOTES: dict[str, str | bytes] = {
    "Vault/Bread.md": "---\ntags: [food, baking]\ncreated: 2025-02-03\n---\n"
    "Hydration is 70 %. See #sourdough and `#not`.\n",
    "Vault/Daily/2025-01-02.md": "Met Bo.\n\n```\n#!/bin/sh\n```\n",
    "Vault/empty.md": "---\ntags:\n  - none\n---\n",
    "Vault/.obsidian/app.md": "settings",
    "Vault/latin.md": b"caf\xe9",
}

CSV = 'text,tags,visibility,created_at\r\n"Likes ""tea""\nand more",food;home,public,2025-08-01T00:00:00Z\r\n'


def zip_of(files: Mapping[str, str | bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def file_of(content: Any) -> io.BytesIO:
    """Return a file with this text or bytes, or with anything else as JSON."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    return io.BytesIO((content if isinstance(content, str) else json.dumps(content)).encode())
