"""What comes from another Picard, and portable-ai-memory."""

from typing import Any

from tests.memories.portability.reading import to_lines
from tests.memories.portability.samples.sample import Expected, Sample, Zip

BEES, OVEN, HIKE = (f"0198c2a4-5d00-7c3d-9b42-5f6a7b8c9d{number:02}" for number in range(3))


def _line(text: str | None, number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "picard": 1,
        "id": f"0198c2a4-5d00-7c3d-9b42-5f6a7b8c9d{number:02}",
        "text": text,
        "tags": [],
        "visibility": "private",
        "expires_at": None,
        "created_at": f"2025-08-{number + 1:02}T10:00:00.123456Z",
        "updated_at": "2025-08-20T10:00:00Z",
        "written_at": "2025-08-20T10:00:00Z",
        "deleted_at": None,
        "version": 1,
        "source": "web",
        "conversation": None,
        "position": None,
        "supersedes": None,
        "history": [],
        **fields,
    }


PICARD_LINES = to_lines([
    _line("I keep bees.", 0, tags=["garden", "To do; now", "imported:chatgpt"]),
    _line("My oven runs hot.", 1, version=2, supersedes=BEES,
          history=[{"version": 1, "text": "My oven is fine.", "written_at": "2025-08-02T10:00:00Z"}]),
    _line("I hiked to the lake.", 2, conversation="7b1f3c52-6d3e-4f0a-8a57-3f0d0f5e2c11", position=4),
])  # fmt: skip

ODD_PICARD_LINES = "\n".join([
    to_lines([_line("I keep bees.", 0)]).strip(),
    "",
    "no JSON",
    "[1, 2]",
    to_lines([_line(None, 1)]).strip(),
    to_lines([_line("Gone", 2, deleted_at="2025-09-01T00:00:00Z")]).strip(),
    to_lines([_line("Ends some day", 3, expires_at="when the cows come home")]).strip(),
    to_lines([_line("Without a day", 4, created_at="long ago")]).strip(),
    to_lines([_line("Half a place", 5, position=3)]).strip(),
    to_lines([_line("No number", 6, version="two")]).strip(),
    '{"picard":1,"text":"half \\ud83d here"}',
    '{"picard":1,"text":"only a text"}',
    '{"picard":1,"text":"cut off",',
])  # fmt: skip

ARCHIVE_FOLDER = "picard-everything-2026-11-30"
ARCHIVE = {
    "README.txt": "All data that this Picard server stores about you.\n\nmemories.jsonl  your memories\n",
    "memories.jsonl": PICARD_LINES,
    "trash.jsonl": to_lines([_line("Trashed", 7), _line("Expired", 8, expires_at="2025-08-09T00:00:00Z")]),
    "profile.json": {
        "id": "0198c2a4-0000-7c3d-9b42-5f6a7b8c9d0e", "email": "ada@example.org", "handle": "ada",
        "display_name": "Ada", "bio": "I write about gardens.", "time_zone": "Europe/Brussels", "language": "english",
        "persona_enabled": True, "public_page_enabled": False, "date_joined": "2025-01-01T00:00:00Z",
    },
    "apps.json": [{"name": "Notes", "scopes": ["memories:read"], "text": "not a memory"}],
    "filters.json": [{"name": "Garden", "parts": {"tag": "garden"}}],
    "activity.jsonl": to_lines([
        {"id": 1, "action": "memory:create", "door": "web", "client_id": "", "actor_id": "0198", "memory_ids": [BEES],
         "happened_at": "2025-08-01T10:00:00Z"},
        {"id": 2, "action": "memory:update", "door": "web", "client_id": "", "actor_id": "0198", "memory_ids": [OVEN],
         "happened_at": "2025-08-02T10:00:00Z"},
    ]),
}  # fmt: skip


def _memory(number: int, content: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"mem-{number}",
        "type": "fact",
        "content": content,
        "content_hash": "sha256:" + "0" * 64,
        "temporal": {"created_at": f"2026-01-{number:02}T09:30:00Z"},
        "provenance": {"platform": "chatgpt"},
        **fields,
    }


def _store(*memories: Any, **fields: Any) -> dict[str, Any]:
    head = {"schema": "portable-ai-memory", "schema_version": "1.0", "owner": {"id": "user-1"}}
    return {**head, "memories": list(memories), **fields}


# As the specification shows it: types, confidence, provenance, access, an index of conversations, integrity.
FULL_STORE = _store(
    _memory(1, "Plays the cello in an amateur orchestra.", type="skill", status="active", summary=None,
            tags=["music", "hobby"], confidence={"initial": 0.9, "current": 0.8, "decay_model": "time_linear"},
            access={"visibility": "private", "exportable": True, "shared_with": []}, embedding_ref="emb-1",
            provenance={"platform": "chatgpt", "conversation_ref": "conv-1", "extraction_method": "llm_inference"},
            metadata={"language": "en", "domain": "leisure"}),
    _memory(2, "Prefers answers in short sentences.", type="preference", access={"visibility": "public"}),
    _memory(3, "Follows a gluten-free diet.", type="custom", custom_type="dietary", tags=["food"],
            metadata={"note": "told at dinner"}),
    _memory(4, "Calls the garden shed the office.", status="deprecated"),
    _memory(5, "Wants to learn Basque.", type="goal", summary="Basque"),
    export_id="e47ac10b-58cc-4372-a567-0e02b2c3d479", exported_by="extractor/1.2.3", export_date="2026-02-01T00:00:00Z",
    relations=[{"id": "rel-1", "from": "mem-1", "to": "mem-5", "type": "related_to",
                "created_at": "2026-01-05T00:00:00Z"}],
    conversations_index=[{"id": "conv-1", "platform": "chatgpt", "title": "Cello strings",
                          "temporal": {"created_at": "2026-01-01T09:00:00Z"}, "derived_memories": ["mem-1"]}],
    integrity={"canonicalization": "RFC8785", "checksum": "sha256:" + "1" * 64, "total_memories": 5},
)  # fmt: skip

STATUSES = _store(
    _memory(1, "Lives in Ghent.", status="superseded",
            temporal={"created_at": "2026-01-01T09:30:00Z", "superseded_by": "mem-2"}),
    _memory(2, "Lives in Lier."),
    _memory(3, "Has a bicycle.", status="superseded"),
    _memory(4, "Has two bicycles."),
    _memory(5, "Has a car.", status="superseded"),
    _memory(6, "Is called Bob.", status="retracted"),
    _memory(7, "Studied in Mons.", status="archived"),
    relations=[
        {"id": "rel-1", "from": "mem-4", "to": "mem-3", "type": "supersedes", "created_at": "2026-01-05T00:00:00Z"},
        {"id": "rel-2", "from": "mem-7", "to": "mem-6", "type": "supports", "created_at": "2026-01-05T00:00:00Z"},
        "no relation",
    ],
)  # fmt: skip

ENDS = _store(
    _memory(1, "Works nights.", temporal={"created_at": "2026-01-01", "valid_until": "2999-06-30"}),
    _memory(2, "Stays in Oslo.", temporal={"created_at": "2026-01-02T09:30:00Z", "valid_until": "until the thaw"}),
    _memory(3, "Has a parking permit.",
            temporal={"created_at": "2026-01-03T09:30:00Z", "valid_until": "2999-01-01T00:00:00+01:00"}),
    _memory(4, "Was young.", temporal={"created_at": "who knows"}),
    _memory(5, "Is tall.", temporal=None),
)  # fmt: skip

MALFORMED = _store(
    _memory(1, "Keeps bees.", tags="bees", temporal="yesterday", access=[], metadata=7, provenance=None),
    "a text alone", 7, None, [], {"id": "mem-2", "type": "fact"}, {"id": 3, "content": 4},
    relations={"from": "mem-1"},
)  # fmt: skip

CONVERSATION: dict[str, Any] = {
    "schema": "portable-ai-memory-conversation",
    "schema_version": "1.0",
    "id": "conv-1",
    "provider": {"name": "claude", "conversation_id": "c1"},
    "title": "Cello strings",
    "temporal": {"created_at": "2026-01-01T09:00:00Z"},
    "system_instruction": "Be helpful.",
    "messages": [
        {"id": "m1", "role": "user", "content": {"type": "text", "text": "My cello needs new strings."},
         "created_at": "2026-01-01T09:00:01Z", "children_ids": ["m2"]},
        {"id": "m2", "role": "assistant", "content": {"type": "text", "text": "Which ones?"},
         "created_at": "2026-01-01T09:00:02Z"},
        {"id": "m3", "role": "user", "created_at": "2026-01-01T09:00:03Z", "attachments": [{"type": "image"}],
         "content": {"type": "multipart", "parts": [{"type": "text", "text": "Such as these."}, {"type": "image"}]}},
        {"id": "m4", "role": "tool", "content": {"type": "text", "text": "found 3"}, "created_at": "2026-01-01"},
        {"id": "m5", "role": "user", "created_at": "2026-01-01T09:00:05Z", "content": {"type": "multipart",
         "parts": [{"type": "image", "ref": "a.png"}]}},
        {"id": "m6", "role": "system", "content": {"type": "text", "text": "x"}, "created_at": "2026-01-01T09:00:06Z"},
        {"id": "m7", "role": ["user"], "content": {"type": "text", "text": "x"}, "created_at": "2026-01-01T09:00:07Z"},
        "no message",
    ],
}  # fmt: skip
EMBEDDINGS = {
    "schema": "portable-ai-memory-embeddings",
    "schema_version": "1.0",
    "embeddings": [
        {"id": "emb-1", "memory_id": "mem-1", "model": "text-embedding-3-small", "dimensions": 2,
         "created_at": "2026-01-01T09:00:00Z", "vector": [0.1, 0.2]},
    ],
}  # fmt: skip

# A store that Picard exported: names of tags, the place in a conversation and earlier texts are in the metadata.
PICARD_STORE = _store(
    _memory(1, "Keeps bees.", tags=["to-do", "garden", "added"], access={"visibility": "public"},
            provenance={"platform": "picard", "conversation_ref": "7b1f3c52-6d3e-4f0a-8a57-3f0d0f5e2c11"},
            metadata={"picard": {"tags": ["To do", "garden", "日本"], "position": 2, "version": 2,
                                 "written_at": "2026-02-01T00:00:00Z",
                                 "history": [{"version": 1, "text": "Keeps a bee.",
                                              "written_at": "2026-01-01T09:30:00Z"}]}}),
    _memory(2, "Hikes.", metadata={"picard": {"tags": "none", "position": "2", "version": True, "history": [4]}}),
    exported_by="picard/0.2.0",
)  # fmt: skip

# A memory.jsonl that Picard exported, and what the MCP memory server makes of it when it saves the file.
GRAPH_LINES: list[dict[str, Any]] = [
    {"type": "entity", "name": "garden", "entityType": "tag", "observations": []},
    {"type": "entity", "name": "To do; now", "entityType": "tag", "observations": []},
    {"type": "entity", "name": f"memory {BEES}", "entityType": "memory", "observations": ["I keep bees."],
     "picard": {"id": BEES, "tags": ["garden", "To do; now"], "visibility": "private",
                "created_at": "2025-08-01T10:00:00.123456Z", "updated_at": "2025-08-20T10:00:00Z"}},
    {"type": "relation", "from": f"memory {BEES}", "to": "garden", "relationType": "tagged"},
    {"type": "relation", "from": f"memory {BEES}", "to": "To do; now", "relationType": "tagged"},
    {"type": "entity", "name": f"memory {OVEN}", "entityType": "memory", "observations": ["My oven runs hot."],
     "picard": {"id": OVEN, "visibility": "private", "created_at": "2025-08-02T10:00:00Z"}},
    {"type": "relation", "from": f"memory {OVEN}", "to": f"memory {BEES}", "relationType": "supersedes"},
]  # fmt: skip
SAVED_GRAPH_LINES: list[dict[str, Any]] = [
    *[{key: value for key, value in line.items() if key != "picard"} for line in GRAPH_LINES
      if line["type"] == "entity"],
    {"type": "entity", "name": "Bo", "entityType": "person", "observations": ["Likes tea"]},
    *[line for line in GRAPH_LINES if line["type"] == "relation"],
]  # fmt: skip
SAVED_GRAPH_LINES[2]["observations"] = ["I keep bees.", "The bees are Carniolan."]

_PICARD_MEMORIES = (
    Expected(
        "I keep bees.", "2025-08-01T10:00:00.123456+00:00", ("garden", "To do; now", "imported:chatgpt")
    ),
    Expected("My oven runs hot.", "2025-08-02T10:00"),
    Expected("I hiked to the lake.", "2025-08-03T10:00"),
)
PICARD, PAM, GRAPH = frozenset({"picard"}), frozenset({"pam"}), frozenset({"mcp_memory"})

PICARD_AND_PAM_SAMPLES: tuple[Sample, ...] = (
    Sample("Picard JSON Lines", PICARD_LINES, _PICARD_MEMORIES, PICARD, name="picard-jsonl-2026-11-30.jsonl"),
    Sample("Picard JSON Lines without a name", PICARD_LINES, _PICARD_MEMORIES, PICARD),
    Sample(
        "Picard JSON Lines with odd lines",
        ODD_PICARD_LINES,
        (
            Expected("I keep bees.", "2025-08-01"),
            Expected("Without a day"),
            Expected("half \ud83d here"),  # left out when it is staged
            Expected("only a text"),
        ),
        PICARD,
        name="memories.jsonl",
        left_out={
            ("memories.jsonl", "not_json"): 2,
            ("memories.jsonl", "not_a_memory"): 3,
            ("memories.jsonl", "unreadable"): 1,
            ("memories.jsonl", "in_trash"): 1,
            ("memories.jsonl", "unread_expiry"): 1,
        },
        notes={"undated": 1},
    ),
    Sample(
        "Picard archive of everything",
        Zip(ARCHIVE),
        _PICARD_MEMORIES,
        PICARD,
        left_out={
            ("README.txt", "no_personal_text"): 1,
            ("trash.jsonl", "in_trash"): 2,
            ("profile.json", "no_personal_text"): 1,
            ("apps.json", "no_personal_text"): 1,
            ("filters.json", "no_personal_text"): 1,
            ("activity.jsonl", "no_personal_text"): 1,
        },
    ),
    Sample(
        "Picard archive of everything, unpacked and zipped again beside a note",
        Zip({
            **{f"{ARCHIVE_FOLDER}/{name}": content for name, content in ARCHIVE.items()},
            "Notes/Activity.md": "I like tea.\n",
        }),
        (*_PICARD_MEMORIES, Expected("Activity\n\nI like tea.")),
        frozenset({"picard", "markdown"}),
        left_out={
            (f"{ARCHIVE_FOLDER}/README.txt", "no_personal_text"): 1,
            (f"{ARCHIVE_FOLDER}/trash.jsonl", "in_trash"): 2,
            (f"{ARCHIVE_FOLDER}/profile.json", "no_personal_text"): 1,
            (f"{ARCHIVE_FOLDER}/apps.json", "no_personal_text"): 1,
            (f"{ARCHIVE_FOLDER}/filters.json", "no_personal_text"): 1,
            (f"{ARCHIVE_FOLDER}/activity.jsonl", "no_personal_text"): 1,
        },
    ),
    Sample(
        "portable-ai-memory, every part of the format",
        FULL_STORE,
        (
            Expected("Plays the cello in an amateur orchestra.", "2026-01-01T09:30:00", ("music", "hobby")),
            Expected("Prefers answers in short sentences.", "2026-01-02"),
            Expected("Follows a gluten-free diet.", "2026-01-03", ("food",)),
            Expected("Calls the garden shed the office.", "2026-01-04"),
            Expected("Wants to learn Basque.", "2026-01-05"),
        ),
        PAM,
        notes={"fields_dropped": 2},
    ),
    Sample(
        "portable-ai-memory with what replaces what",
        STATUSES,
        (
            Expected("Lives in Ghent.", "2026-01-01"),
            Expected("Lives in Lier.", "2026-01-02"),
            Expected("Has a bicycle.", "2026-01-03"),
            Expected("Has two bicycles.", "2026-01-04"),
        ),
        PAM,
        left_out={("", "superseded"): 2, ("", "archived"): 1},
    ),
    Sample(
        "portable-ai-memory with ends of validity",
        ENDS,
        (
            Expected("Works nights.", "2026-01-01T00:00:00"),
            Expected("Has a parking permit.", "2026-01-03"),
            Expected("Was young."),
            Expected("Is tall."),
        ),
        PAM,
        left_out={("", "unread_expiry"): 1},
        notes={"undated": 1},
    ),
    Sample(
        "portable-ai-memory with malformed entries",
        MALFORMED,
        (Expected("Keeps bees."),),
        PAM,
        left_out={("", "not_a_memory"): 6},
    ),
    Sample(
        "portable-ai-memory bundle with conversations and embeddings",
        Zip({"memory-store.json": _store(_memory(1, "Plays the cello.")),
             "conversations/conv-1.json": CONVERSATION, "embeddings.json": EMBEDDINGS}),
        (
            Expected("Plays the cello.", "2026-01-01T09:30"),
            Expected("My cello needs new strings.", "2026-01-01T09:00:01"),
            Expected("Such as these.", "2026-01-01T09:00:03"),
        ),
        PAM,
        left_out={
            ("conversations/conv-1.json", "of_the_assistant"): 1,
            ("conversations/conv-1.json", "no_text"): 2,
            ("conversations/conv-1.json", "hidden"): 2,
            ("conversations/conv-1.json", "not_a_memory"): 2,
            ("embeddings.json", "no_personal_text"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "portable-ai-memory of a Picard, with a tag added by another product",
        PICARD_STORE,
        (
            Expected("Keeps bees.", "2026-01-01", ("To do", "garden", "日本", "added")),
            Expected("Hikes.", "2026-01-02"),
        ),
        PAM,
    ),
    Sample(
        "memory.jsonl of a Picard",
        to_lines(GRAPH_LINES),
        (
            Expected("I keep bees.", "2025-08-01T10:00:00.123456+00:00", ("garden", "To do; now")),
            Expected("My oven runs hot.", "2025-08-02T10:00"),
        ),
        GRAPH,
        name="picard-mcp-2026-11-30.jsonl",
    ),
    Sample(
        "memory.jsonl of a Picard that the MCP memory server saved, with more in it",
        to_lines(SAVED_GRAPH_LINES).strip(),
        (
            Expected("I keep bees.", "2025-08-19", ("garden", "To do; now")),  # the time in the id
            Expected("The bees are Carniolan.", "", ("garden", "To do; now")),
            Expected("My oven runs hot.", "2025-08-19"),
            Expected("Bo: Likes tea", "", ("person",)),
        ),
        GRAPH,
        name="memory.jsonl",
    ),
    Sample(
        "read_graph of the MCP memory server with memories of a Picard",
        {
            "entities": [line for line in SAVED_GRAPH_LINES if line["type"] == "entity"],
            "relations": [line for line in SAVED_GRAPH_LINES if line["type"] == "relation"],
        },
        (
            Expected("I keep bees.", "2025-08-19", ("garden", "To do; now")),
            Expected("The bees are Carniolan.", "", ("garden", "To do; now")),
            Expected("My oven runs hot.", "2025-08-19"),
            Expected("Bo: Likes tea", "", ("person",)),
        ),
        GRAPH,
    ),
)  # fmt: skip
