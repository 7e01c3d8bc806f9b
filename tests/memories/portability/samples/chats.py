"""Samples of chats with assistants: ChatGPT and Claude."""

import json
from typing import Any

from memories.portability.readers.formats import ChatFilter
from tests.memories.portability.reading import to_lines
from tests.memories.portability.samples.more_chats import MORE_CHATS_SAMPLES
from tests.memories.portability.samples.sample import Expected, Sample, Zip

STARTED = 1_740_000_000.5  # 2025-02-19
SENT = 1_740_086_400.25  # 2025-02-20


def _node(message: dict[str, Any] | None, parent: str | None, children: list[str]) -> dict[str, Any]:
    return {"id": "n", "message": message, "parent": parent, "children": children}


def _chatgpt(*messages: dict[str, Any] | None, name: str = "c1", **fields: Any) -> dict[str, Any]:
    """Build a conversation of these messages, the first of which is the root."""
    mapping = {
        f"n{number}": _node(
            message,
            f"n{number - 1}" if number else None,
            [f"n{number + 1}"] if number + 1 < len(messages) else [],
        )
        for number, message in enumerate(messages)
    }
    return {
        "title": "Garden",
        "create_time": STARTED,
        "update_time": SENT,
        "mapping": mapping,
        "current_node": f"n{len(messages) - 1}",
        "conversation_id": name,
        "id": name,
        "is_archived": False,
        **fields,
    }


def _message(role: str, *parts: Any, content: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "m",
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": SENT,
        "content": content or {"content_type": "text", "parts": list(parts)},
        "status": "finished_successfully",
        "metadata": {},
        "recipient": "all",
        **fields,
    }


def _said(text: str, direction: str) -> dict[str, Any]:
    return {"content_type": "audio_transcription", "text": text, "direction": direction, "decoding_id": None}


SOUND = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_1", "format": "wav"}
PHOTO = {
    "content_type": "image_asset_pointer",
    "asset_pointer": "sediment://file_2",
    "width": 10,
    "height": 9,
}
INSTRUCTIONS = _message(
    "user",
    content={
        "content_type": "user_editable_context",
        "user_profile": "The user provided the following information about themselves:\n"
        "```Preferred name: Ada\nRole: Gardener\nOther Information: I keep bees.```",
        "user_instructions": "How to respond:\n```Be brief.\n\n- No emojis\n- Metric units```",
    },
    create_time=None,
    metadata={"is_visually_hidden_from_conversation": True},
)
MODEL_CONTEXT = _message(
    "assistant",
    content={
        "content_type": "model_editable_context",
        "model_set_context": "1. [2025-01-14]. User keeps bees.\n\n2. [2025-02-01]. User plans a garden:\n"
        "- a pond\nand a shed\n3. User has no date.\n[2025-02-03] - User runs.",
        "repository": None,
    },
    create_time=None,
)
KNOWN = (
    Expected("Preferred name: Ada", "2025-02-19T21:20:00"),
    Expected("Role: Gardener", "2025-02-19"),
    Expected("Other Information: I keep bees.", "2025-02-19"),
    Expected("Be brief.", "2025-02-19"),
    Expected("No emojis", "2025-02-19"),
    Expected("Metric units", "2025-02-19"),
    Expected("User keeps bees.", "2025-01-14T00:00:00"),
    Expected("User plans a garden:\n- a pond\nand a shed", "2025-02-01"),
    Expected("User has no date.", "2025-02-19"),
    Expected("User runs.", "2025-02-03"),
)
WRITES = _message("assistant", "User is allergic to wasps.", recipient="bio")
WRITTEN = _message("tool", "Model set context updated.", author={"role": "tool", "name": "bio"})

CHATGPT_ZIP = Zip(
    {
        "export/conversations-000.json": [
            _chatgpt(
                _message("system", ""),
                INSTRUCTIONS,
                MODEL_CONTEXT,
                _message("user", "I planted a fig tree."),
                WRITES,
                WRITTEN,
                _message("assistant", "Nice \ue200cite\ue202turn0search1\ue201. Noted."),
            )
        ],
        "export/more/conversations-001.json": [
            _chatgpt(
                None,
                INSTRUCTIONS,
                MODEL_CONTEXT,
                _message("user", "And a pear.", create_time=None),
                WRITES,
                name="c2",
            )
        ],
        "export/chat.html": "<html><body>ChatGPT data</body></html>",
        "export/user.json": {"id": "user-1", "email": "ada@example.org", "chatgpt_plus_user": True},
        "export/message_feedback.json": [{"id": "1", "conversation_id": "c1", "rating": "thumbs_up"}],
        "export/shared_conversations.json": [],
        "export/file_2-photo.jpeg": b"\xff\xd8\xff\xe0",
        "export/c1/audio/file_1.wav": b"RIFF\0\0\0\0WAVE",
    }
)
CHATGPT_BESIDE = {
    ("export/chat.html", "same_content"): 1,
    ("export/user.json", "no_personal_text"): 1,
    ("export/message_feedback.json", "no_personal_text"): 1,
    ("export/shared_conversations.json", "no_personal_text"): 1,
    ("export/file_2-photo.jpeg", "attachment"): 1,
    ("export/c1/audio/file_1.wav", "attachment"): 1,
}
FIRST, SECOND = "export/conversations-000.json", "export/more/conversations-001.json"
WASPS = Expected("User is allergic to wasps.", "2025-02-20")
ONLY_MEMORIES = {"chats": ChatFilter.NONE}

CHATGPT_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "ChatGPT: a folded, numbered zip with instructions and memories in every conversation",
        CHATGPT_ZIP,
        (
            *KNOWN,
            Expected("I planted a fig tree.", "2025-02-20"),
            WASPS,
            Expected("And a pear.", "2025-02-19"),
        ),
        frozenset({"chatgpt"}),
        left_out={(FIRST, "no_text"): 1, (FIRST, "of_the_assistant"): 1, **CHATGPT_BESIDE},
    ),
    Sample(
        "ChatGPT: nothing of the conversations, only what ChatGPT knows",
        CHATGPT_ZIP,
        (*KNOWN, WASPS),
        frozenset({"chatgpt"}),
        left_out={
            (FIRST, "no_text"): 1,
            (FIRST, "conversation"): 2,
            (SECOND, "conversation"): 1,
            **CHATGPT_BESIDE,
        },
        options=ONLY_MEMORIES,
    ),
    Sample(
        "ChatGPT: voice of both sides, with the answers",
        [
            _chatgpt(
                _message("user", content={"content_type": "multimodal_text", "parts": [
                    _said("I speak with my bees.", "in"), SOUND,
                ]}),
                _message("assistant", content={"content_type": "multimodal_text", "parts": [
                    _said("What do they say?", "out"), SOUND,
                ]}),
                _message("", content={"content_type": "multimodal_text", "parts": [_said("They hum.", "in")]}),
            )
        ],
        (
            Expected("I speak with my bees.", "2025-02-20"),
            Expected("Assistant: What do they say?", "2025-02-20"),
            Expected("They hum.", "2025-02-20"),
        ),
        frozenset({"chatgpt"}),
        name="conversations.json",
        options={"chats": ChatFilter.ALL},
    ),
    Sample(
        "ChatGPT: hidden turns, pictures, code, tools and thoughts",
        [
            _chatgpt(
                _message("system", "You are a helpful assistant."),
                _message("user", "Original custom instructions no longer available",
                         metadata={"is_visually_hidden_from_conversation": True}),
                _message("user", content={"content_type": "multimodal_text", "parts": [PHOTO, "My oven."]}),
                _message("user", content={"content_type": "multimodal_text", "parts": [PHOTO]}),
                _message("assistant", content={"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
                _message("assistant", content={"content_type": "code", "text": "1 + 1"}, recipient="python"),
                _message("tool", content={"content_type": "execution_output", "text": "2"}),
                _message("tool", content={"content_type": "tether_quote", "text": "A page", "url": "https://x"}),
                _message("assistant", content={"content_type": "reasoning_recap", "content": "Thought"}),
                _message("assistant", "search(\"ovens\")", recipient="browser"),
                _message("assistant", "It is hot."),
            )
        ],
        (Expected("My oven.", "2025-02-20"),),
        frozenset({"chatgpt"}),
        left_out={("", "hidden"): 2, ("", "no_text"): 7, ("", "of_the_assistant"): 1},
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "ChatGPT: one conversation as an object, with an abandoned branch and no current node",
        {
            "title": "Tea",
            "create_time": "2025-03-01T08:00:00Z",
            "mapping": {
                "root": _node(None, None, ["a", "b"]),
                "a": _node(_message("user", "What I took back."), "root", []),
                "b": _node(_message("user", "I like green tea.", create_time=0), "root", []),
            },
        },
        (Expected("I like green tea.", "2025-03-01T08:00:00"),),
        frozenset({"chatgpt"}),
        name="tea.json",
    ),
    Sample(
        "ChatGPT: conversations below a key, behind a long object",
        {
            "user": {"settings": [{"name": "x" * 900} for _ in range(80)]},
            "conversations": [_chatgpt(_message("user", "I hike.")), 7, {"mapping": 1}],
        },
        (Expected("I hike.", "2025-02-20"),),
        frozenset({"chatgpt"}),
        left_out={("", "not_a_memory"): 2},
    ),
    Sample(
        "ChatGPT: only the page that shows the conversations",
        "<html><head><style>" + "a { color: red }\n" * 5_000 + "</style></head><body><script>\n    var jsonData = "
        + json.dumps([_chatgpt(_message("user", "I hike; [often].\nAnd far."))]) + ";\n    var assetsJson = {};\n"
        "function load() { return jsonData; }\n</script></body></html>",
        (Expected("I hike; [often].\nAnd far.", "2025-02-20"),),
        frozenset({"chatgpt"}),
        name="chat.html",
    ),
    Sample(
        "ChatGPT: memories and instructions in files of their own",
        Zip(
            {
                "conversations.json": [_chatgpt(_message("user", "I hike."))],
                "user_memories.json": {
                    "memories": [
                        {"id": "1", "content": "Lives in Leeds.", "created_at": "2025-01-02T03:04:05Z"},
                        "Has two cats.",
                        {"content": "Gone.", "deleted_at": "2025-01-03"},
                        {"id": "2"},
                    ]
                },
                "custom_instructions.json": {
                    "about_user_message": "I run a small shop.",
                    "about_model_message": "Be brief.",
                },
            }
        ),
        (
            Expected("I hike.", "2025-02-20"),
            Expected("Lives in Leeds.", "2025-01-02T03:04:05"),
            Expected("Has two cats."),
            Expected("I run a small shop."),
            Expected("Be brief."),
        ),
        frozenset({"chatgpt"}),
        left_out={("user_memories.json", "in_trash"): 1, ("user_memories.json", "not_a_memory"): 1},
    ),
)  # fmt: skip

ABOUT = (
    "**Brief history**\n\n*Recent months*\n\nMoved to Lier.\n\n**Roof:** needs *slate*\n\n"
    "## Home\n- **Cats** - two\n- Kids:\n  - Noor\n  - Jef\n\nShe likes:\n- tea\n- bread\n\n"
    "***\n\nWidth is 2 * 3 m and `**kwargs` stays.\n\n**Vegan since 2019**\n"
)
ABOUT_TEXTS = (
    "Brief history: Recent months: Moved to Lier.",
    "Brief history: Recent months: Roof: needs slate",
    "Home: Cats - two",
    "Home: Kids:\n- Noor\n- Jef",
    "Home: She likes: tea",
    "Home: She likes: bread",
    "Home: Width is 2 * 3 m and `**kwargs` stays.",
    "Home: Vegan since 2019",
)
CLAUDE_PROJECT = {
    "uuid": "p1", "name": "Compiler", "description": "A toy", "prompt_template": "Answer in Rust.",
    "is_private": True, "is_starter_project": False, "creator": {"uuid": "a1", "full_name": "Ada"},
    "created_at": "2025-04-01T10:00:00Z", "updated_at": "2025-04-02T10:00:00Z",
    "docs": [
        {"uuid": "d1", "filename": "notes.md", "content": "It has no types.", "created_at": "2025-04-03T10:00:00Z"},
        {"uuid": "d2", "filename": "empty.md", "content": ""},
    ],
}  # fmt: skip
STARTER = {**CLAUDE_PROJECT, "uuid": "p2", "name": "How to use Claude", "is_starter_project": True}
CLAUDE_PROJECT_MEMORIES = (
    Expected("Compiler: A toy", "2025-04-01", ("Compiler",)),
    Expected("Answer in Rust.", "2025-04-01", ("Compiler",)),
    Expected("notes.md\n\nIt has no types.", "2025-04-03", ("Compiler",)),
)
CLAUDE_USERS = [
    {"uuid": "a1", "full_name": "Ada", "email_address": "ada@example.org", "verified_phone_number": None}
]


def _human(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "uuid": "m", "sender": "human", "text": text, "content": [{"type": "text", "text": text}],
        "created_at": "2025-05-01T10:00:01.000000Z", "attachments": [], "files": [], **fields,
    }  # fmt: skip


CLAUDE_CONVERSATION = {
    "uuid": "u1", "name": "Bread", "summary": "", "created_at": "2025-05-01T10:00:00.000000Z",
    "account": {"uuid": "a1"},
    "chat_messages": [
        _human("My oven runs hot.", files=[{"file_name": "oven.jpg"}]),
        {
            **_human("Lower it then.", sender="assistant"),
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Lower it then."}],
        },
        _human("See this:", attachments=[{"file_name": "", "file_type": "txt", "extracted_content": "Rye, 500 g"}]),
        _human("", content=[], attachments=[{"file_name": "paste.txt", "extracted_content": "I bake on Fridays."}]),
        _human("", content=[], files=[{"file_name": "loaf.jpg"}]),
        {**_human("", sender="assistant"), "content": [{"type": "tool_use", "name": "web_search", "input": {}}]},
        _human("Undated.", created_at=None),
        None,
    ],
}  # fmt: skip
CLAUDE_SAID = (
    Expected("My oven runs hot.", "2025-05-01T10:00:01"),
    Expected("See this:\n\nRye, 500 g", "2025-05-01T10:00:01"),
    Expected("I bake on Fridays.", "2025-05-01T10:00:01"),
    Expected("Undated.", "2025-05-01T10:00:00"),
)

CLAUDE_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Claude before September 2026",
        Zip(
            {
                "conversations.json": [CLAUDE_CONVERSATION],
                "memories.json": [
                    {
                        "conversations_memory": ABOUT,
                        "project_memories": {"p1": "Called Ferris.", "p9": "Of a lost project."},
                        "account_uuid": "a1",
                    }
                ],
                "projects.json": [CLAUDE_PROJECT, STARTER],
                "users.json": CLAUDE_USERS,
            }
        ),
        (
            *CLAUDE_SAID,
            *(Expected(text) for text in ABOUT_TEXTS),
            Expected("Called Ferris.", tags=("Compiler",)),
            Expected("Of a lost project."),
            *CLAUDE_PROJECT_MEMORIES,
        ),
        frozenset({"claude"}),
        left_out={
            ("conversations.json", "of_the_assistant"): 1,
            ("conversations.json", "no_text"): 2,
            ("conversations.json", "not_a_memory"): 1,
            ("projects.json", "no_text"): 1,
            ("projects.json", "no_personal_text"): 1,
            ("users.json", "no_personal_text"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Claude since September 2026: a zip for each category, zipped together",
        Zip(
            {
                "conversations-000.zip": {"conversations.json": [CLAUDE_CONVERSATION]},
                "memories-000.zip": {
                    "memories/a1.json": {
                        "conversations_memory": "I keep bees.",
                        "project_memories": [{"project_uuid": "p1", "memory": "Called Ferris."}],
                        "memory_files": [
                            {"path": "/a.md", "content": "I run.\n", "updated_at": "2026-09-20T08:00:00Z"},
                            {"path": "/b.md", "content": "---\nname: food\n---\n# Food\n- No nuts", "updated_at": None},
                            7,
                        ],
                        "account_uuid": "a1",
                    }
                },
                "projects-000.zip": {"projects/p1.json": CLAUDE_PROJECT},
                "light_metadata-000.zip": {"users.json": CLAUDE_USERS},
                "manifest-1.json": {"created_at": "2026-09-21", "data_files": [{"category": "memories"}]},
            }
        ),
        (
            *CLAUDE_SAID,
            Expected("I keep bees."),
            Expected("Called Ferris.", tags=("Compiler",)),
            Expected("I run.", "2026-09-20T08"),
            Expected("Food: No nuts"),
            *CLAUDE_PROJECT_MEMORIES,
        ),
        frozenset({"claude"}),
        left_out={
            ("conversations-000.zip/conversations.json", "of_the_assistant"): 1,
            ("conversations-000.zip/conversations.json", "no_text"): 2,
            ("conversations-000.zip/conversations.json", "not_a_memory"): 1,
            ("memories-000.zip/memories/a1.json", "not_a_memory"): 1,
            ("projects-000.zip/projects/p1.json", "no_text"): 1,
            ("light_metadata-000.zip/users.json", "no_personal_text"): 1,
            ("manifest-1.json", "no_personal_text"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Claude: memory files alone, under any name",
        {"memory_files": [{"path": "/me.md", "content": "I run.", "updated_at": "2026-09-20T08:00:00Z"}]},
        (Expected("I run.", "2026-09-20"),),
        frozenset({"claude"}),
        name="download (3).json",
        options=ONLY_MEMORIES,
    ),
    Sample(
        "Claude: a conversation a line, and memories in other forms",
        Zip(
            {
                "lines.jsonl": to_lines([{"uuid": "a", "chat_messages": [_human("I sew.")]}, {"uuid": "b"}]) + "no\n",
                "memories.json": {"conversations_memory": ["I run."], "memory_files": {"/a.md": "I hike.", "/b.md": 7}},
            }
        ),
        (Expected("I sew.", "2025-05-01"), Expected("I run."), Expected("I hike.")),
        frozenset({"claude"}),
        left_out={("lines.jsonl", "not_a_memory"): 1, ("memories.json", "not_a_memory"): 1},
    ),
    Sample(
        "Claude: a chat about a design, with the answers",
        {
            "uuid": "d1", "title": "Poster", "project": {"uuid": "x", "name": "Fair"},
            "created_at": "2026-08-01T10:00:00Z",
            "messages": [
                {
                    "role": "user",
                    "content": {
                        "content": "A poster for the honey fair.", "authorAccountUuid": "a1",
                        "attachments": [{"name": "logo.svg"}],
                    },
                },
                {
                    "role": "assistant",
                    "content": {
                        "contentBlocks": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "Here."}]
                    },
                },
                {"role": "user", "content": {"contentBlocks": [
                    {"type": "user_interjection", "message": {"content": "In yellow, please."}},
                ]}},
            ],
        },
        (
            Expected("A poster for the honey fair.", "2026-08-01"),
            Expected("Assistant: Here.", "2026-08-01"),
            Expected("In yellow, please.", "2026-08-01"),
        ),
        frozenset({"claude"}),
        name="design_chats/d1.json",
        notes={"attachments_dropped": 1},
        options={"chats": ChatFilter.ALL},
    ),
)  # fmt: skip

CHATS_SAMPLES = (*CHATGPT_SAMPLES, *CLAUDE_SAMPLES, *MORE_CHATS_SAMPLES)
