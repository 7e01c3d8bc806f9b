"""Samples of memory servers and of agents' memory, and of JSON in general."""

import gzip
import json
from typing import Any
from zoneinfo import ZoneInfo

from memories.portability.readers.formats import ChatFilter
from tests.memories.portability.reading import to_lines
from tests.memories.portability.samples.sample import Expected, Sample, Zip


def _sample(
    title: str,
    brought: Any,
    *memories: Expected,
    kind: str,
    name: str = "export.json",
    left_out: dict[str, int] | None = None,
    **fields: Any,
) -> Sample:
    """Build a sample of one file."""
    reasons = {(name, reason): count for reason, count in (left_out or {}).items()}
    kinds = frozenset({kind} if memories else ())
    return Sample(title, brought, memories, kinds, name=name, left_out=reasons, **fields)


# --- Knowledge graphs ---------------------------------------------------------------------------------------

ENTITIES: list[dict[str, Any]] = [
    {
        "name": "Ada_Byron",
        "entityType": "person",
        "observations": ["Keeps bees", "Ada Byron is allergic to nuts"],
    },
    {"name": "default_user", "entityType": "person", "observations": ["prefers short answers"]},
    {"name": "bee-hive-app", "entityType": "project", "observations": ["Written in Rust", ""]},
    {"name": "Acme", "entityType": "company", "observations": []},
]
RELATIONS = [
    {"from": "Ada_Byron", "to": "Acme", "relationType": "works_at"},
    {"from": "default_user", "to": "Ada_Byron", "relationType": "isMarriedTo"},
]
GRAPH = {"entities": ENTITIES, "relations": RELATIONS}
GRAPH_MEMORIES = (
    Expected("Ada Byron: Keeps bees", tags=("person",)),
    Expected("Ada Byron is allergic to nuts", tags=("person",)),
    Expected("User: prefers short answers", tags=("person",)),
    Expected("bee-hive-app: Written in Rust", tags=("project",)),
    Expected("Ada Byron works at Acme"),
    Expected("User is married to Ada Byron"),
)
GRAPH_LINES = to_lines(
    [{"type": "entity", **each} for each in ENTITIES] + [{"type": "relation", **each} for each in RELATIONS]
)
GRAPH_SAMPLES = (
    _sample(
        "MCP memory.jsonl with a damaged line",
        GRAPH_LINES + '{"type":"entity","name":\n',
        *GRAPH_MEMORIES,
        kind="mcp_memory",
        name="memory.jsonl",
        left_out={"blank": 2, "not_json": 1},
    ),
    _sample(
        "MCP memory.json of one entity",
        {"type": "entity", **ENTITIES[0]},
        *GRAPH_MEMORIES[:2],
        kind="mcp_memory",
        name="memory.json",
    ),
    _sample("MCP read_graph", GRAPH, *GRAPH_MEMORIES, kind="mcp_memory", left_out={"blank": 2}),
    _sample(
        "MCP read_graph in a tool result",
        {"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": json.dumps(GRAPH)}]}},
        *GRAPH_MEMORIES,
        kind="mcp_memory",
        left_out={"blank": 2},
    ),
    _sample(
        "MCP graph of a server with dates and tags",
        {
            "entities": [
                {
                    "name": "Bo", "entityType": "dog", "tags": ["pets"], "createdAt": "2025-03-04T05:06:07Z",
                    "observations": ["Afraid of thunder", {"content": "Ten years old", "createdAt": "2025-05-06"}, 3],
                }
            ],
            "relations": [{"from": "Bo", "relationType": "likes"}],
        },
        Expected("Bo: Afraid of thunder", "2025-03-04T05:06:07", ("pets", "dog")),
        Expected("Bo: Ten years old", "2025-05-06T00:00", ("pets", "dog")),
        kind="mcp_memory",
        left_out={"not_a_memory": 2},
    ),
)  # fmt: skip

# --- OpenMemory ---------------------------------------------------------------------------------------------


def _openmemory_row(number: int, content: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"0000000{number}-aaaa-bbbb-cccc-000000000000", "user_id": "u1", "app_id": "a1", "content": content,
        "metadata": {}, "state": "active", "created_at": "2025-06-01T08:00:00+00:00", "updated_at": None,
        "archived_at": None, "deleted_at": None, "category_ids": [], **fields,
    }  # fmt: skip


OPENMEMORY_ROWS = [
    _openmemory_row(1, "Drinks no coffee after noon", category_ids=["c1"]),
    _openmemory_row(2, "Used to smoke", state="deleted", deleted_at="2025-07-03T00:00:00+00:00"),
    _openmemory_row(3, "Worked at Acme", state="archived", archived_at="2025-07-03T00:00:00+00:00"),
    _openmemory_row(4, "Plans a surprise party", state="paused"),
    _openmemory_row(5, "Plays the cello"),
]
OPENMEMORY_BACKUP = {
    "user": {"id": "u1", "user_id": "ada", "name": "Ada", "email": None, "metadata": {}},
    "apps": [{"id": "a1", "owner_id": "u1", "name": "claude", "description": "A desktop app for chats"}],
    "categories": [
        {"id": "c1", "name": "health", "description": "Body and health in general"},
        {"id": "c2", "name": "music", "description": None},
    ],
    "memories": OPENMEMORY_ROWS,
    "memory_categories": [{"memory_id": OPENMEMORY_ROWS[4]["id"], "category_id": "c2"}],
    "status_history": [{"id": "h1", "memory_id": OPENMEMORY_ROWS[1]["id"], "new_state": "deleted"}],
    "access_controls": [],
    "export_meta": {"version": "1"},
}
OPENMEMORY_LINES = to_lines(
    [
        {
            "id": row["id"], "content": row["content"], "metadata": {}, "created_at": row["created_at"],
            "updated_at": None, "state": row["state"], "app": "claude", "categories": ["health"],
        }
        for row in OPENMEMORY_ROWS[:2]
    ]
)  # fmt: skip
OPENMEMORY_SAMPLES = (
    Sample(
        "OpenMemory backup zip",
        Zip({
            "memories.json": OPENMEMORY_BACKUP,
            "memories.jsonl.gz": gzip.compress(OPENMEMORY_LINES.encode(), mtime=0),
        }),
        (
            Expected("Drinks no coffee after noon", "2025-06-01T08:00:00", ("health",)),
            Expected("Plays the cello", "2025-06-01T08:00:00", ("music",)),
        ),
        frozenset({"openmemory"}),
        left_out={
            ("memories.json", "in_trash"): 1,
            ("memories.json", "archived"): 1,
            ("memories.json", "paused"): 1,
            ("memories.jsonl", "same_content"): 2,
        },
    ),
    Sample(
        "OpenMemory memories.jsonl.gz alone",
        gzip.compress(OPENMEMORY_LINES.encode(), mtime=0),
        (Expected("Drinks no coffee after noon", "2025-06-01", ("health",)),),
        frozenset({"openmemory"}),
        name="memories.jsonl.gz",
        left_out={("memories.jsonl", "in_trash"): 1},
    ),
    _sample(
        "OpenMemory list of its API",
        {
            "items": [
                {
                    "id": "m1", "content": "Drinks oolong", "created_at": 1_748_764_800, "state": "active",
                    "app_id": "a1", "app_name": "cursor", "categories": ["drinks"], "metadata_": {"tags": ["tea"]},
                }
            ],
            "total": 1, "page": 1, "size": 50, "pages": 1,
        },
        Expected("Drinks oolong", "2025-06-01T08:00:00", ("drinks", "tea")),
        kind="openmemory",
    ),
)  # fmt: skip

# --- mem0 ---------------------------------------------------------------------------------------------------

MEM0_SAMPLES = (
    _sample(
        "mem0 results with metadata, ends and agents",
        {
            "count": 7, "next": None, "previous": None,
            "results": [
                {
                    "id": "r1", "memory": "Works nights", "user_id": "ada", "hash": "ab", "categories": ["work"],
                    "metadata": {"category": "shifts", "tags": ["job"]}, "expiration_date": "2999-12-31",
                    "created_at": "2025-06-01T08:00:00-07:00", "updated_at": "2025-06-02T08:00:00-07:00",
                },
                {"id": "r2", "memory": "Prefers Python", "user_id": "ada", "agent_id": "coder", "metadata": None},
                {"id": "r3", "memory": "I answer briefly", "agent_id": "coder", "user_id": None},
                {"id": "r4", "memory": "Recommended a film", "user_id": "ada", "metadata": {"role": "assistant"}},
                {"id": "r5", "memory": "Is moving", "user_id": "ada", "metadata": {"enabled": False}},
                {"id": "r6", "memory": "Has a cold", "user_id": "ada", "expiration_date": "until she is well"},
                {"id": "r7", "memory": None, "user_id": "ada"},
            ],
        },
        Expected("Works nights", "2025-06-01T15:00:00", ("work", "job", "shifts")),
        Expected("Prefers Python"),
        kind="mem0",
        left_out={"of_an_agent": 1, "of_the_assistant": 1, "paused": 1, "unread_expiry": 1, "not_a_memory": 1},
    ),
    _sample(
        "mem0 answer to adding, with relations",
        {
            "results": [
                {"id": "r1", "memory": "Lives in Lier", "event": "ADD", "created_at": "2025-06-01"},
                {"id": "r2", "memory": "Lives in Ghent", "event": "DELETE"},
            ],
            "relations": [
                {"source": "ada", "relationship": "lives_in", "destination": "lier"},
                {"source": "ada", "relationship": "owns", "target": "bo"},
                {"source": "ada"},
            ],
        },
        Expected("Lives in Lier", "2025-05-31T22:00:00"),
        Expected("Ada lives in lier"),
        Expected("Ada owns bo"),
        kind="mem0",
        left_out={"in_trash": 1, "not_a_memory": 1},
        options={"zone": ZoneInfo("Europe/Brussels")},
    ),
    _sample(
        "mem0 list of several users",
        [
            {"id": "r1", "memory": "Is a vegan", "user_id": "ada", "hash": "ab", "created_at": "2025-06-01T08:00:00Z"},
            {"id": "r2", "memory": "Eats meat", "user_id": "bob", "hash": "cd", "created_at": "2025-06-01T08:00:00Z"},
        ],
        Expected("Is a vegan", "2025-06-01", ("user:ada",)),
        Expected("Eats meat", "2025-06-01", ("user:bob",)),
        kind="mem0",
        notes={"several_users": 2},
    ),
    _sample(
        "mem0 lines",
        '{"id": "r1", "memory": "Is left-handed", "user_id": "ada", "metadata": "{\\"category\\": \\"body\\"}"}\nx\n',
        Expected("Is left-handed", tags=("body",)),
        kind="mem0",
        name="mem0.jsonl",
        left_out={"not_json": 1},
    ),
    _sample(
        "mem0 points of a vector store",
        [{
            "id": "p1", "vector": [0.25, -0.5],
            "payload": {"data": "Is a night owl", "hash": "ab", "user_id": "ada", "created_at": "2025-06-01T08:00:00Z"},
        }],
        Expected("Is a night owl", "2025-06-01T08:00:00"),
        kind="mem0",
    ),
)  # fmt: skip

# --- Other memory servers -----------------------------------------------------------------------------------

FACT_TIMES = {"created_at": "2025-03-01T00:00:00Z", "valid_at": "2025-02-01T00:00:00Z", "expired_at": None}
LETTA_BLOCKS = [
    {"id": "block-1", "label": "human", "value": "Name: Ada\n- Keeps bees.\n", "limit": 5_000, "read_only": False,
     "description": "What is known about the person that the agent talks to."},
    {"id": "block-2", "label": "persona", "value": "I am Sam, a curious agent.", "limit": 5_000},
    {"id": "block-3", "label": "garden", "value": "# Spring\n- Sow clover", "limit": 5_000},
    {"id": "block-4", "label": "human", "value": " ", "limit": 5_000},
]  # fmt: skip
LETTA_MESSAGES = [
    {"role": "system", "content": [{"type": "text", "text": "You are Sam."}]},
    {"role": "user", "content": [{"type": "text", "text": '{"type": "login", "last_login": "Never"}'}]},
    {"role": "user", "created_at": "2025-05-01T10:00:00+00:00",
     "content": [{"type": "text", "text": '{"type": "user_message", "message": "My hive is blue."}'}]},
    {"role": "assistant", "created_at": "2025-05-01T10:00:05+00:00", "content": [{"type": "text", "text": "(thinks)"}],
     "tool_calls": [{"function": {"name": "send_message", "arguments": '{"message": "Nice!"}'}}]},
    {"role": "tool", "content": [{"type": "text", "text": "{}"}]},
]  # fmt: skip
LETTA_FILE = {
    "agents": [{"id": "agent-0", "name": "Sam", "system": "You are Sam.", "messages": LETTA_MESSAGES}],
    "groups": [], "blocks": LETTA_BLOCKS[:2], "files": [{"id": "file-0"}], "sources": [],
    "tools": [{"id": "tool-0", "source_code": "def send_message(): pass"}], "mcp_servers": [],
}  # fmt: skip
SERVER_SAMPLES = (
    _sample(
        "Zep graph: edges, nodes and episodes",
        {
            "edges": [
                {"uuid": "1", "name": "LIVES_IN", "fact": "Ada lives in Lier", "invalid_at": None, **FACT_TIMES},
                {"uuid": "2", "name": "LIVES_IN", "fact": "Ada lives in Ghent", **FACT_TIMES,
                 "invalid_at": "2025-02-01T00:00:00Z"},
                {"uuid": "3", "name": "WORKS_AT", "fact": "Ada worked at Acme", **FACT_TIMES,
                 "expired_at": "2025-04-01T00:00:00Z"},
            ],
            "nodes": [
                {"uuid": "n1", "name": "Lier", "summary": "A town with a clock tower", "labels": ["Entity", "Place"],
                 "created_at": "2025-03-01T00:00:00Z", "attributes": {}},
                {"uuid": "n2", "name": "Acme", "summary": "", "labels": ["Entity"]},
            ],
            "episodes": [
                {"uuid": "e1", "content": "I moved to Lier.", "role": "Ada", "role_type": "user", "source": "message",
                 "created_at": "2025-03-01T00:00:00Z"},
                {"uuid": "e2", "content": "How nice!", "role_type": "assistant", "source": "message"},
                {"uuid": "e3", "content": "{\"a\": 1}", "source": "json"},
            ],
        },
        Expected("Ada lives in Lier", "2025-03-01"),
        Expected("Lier: A town with a clock tower", "2025-03-01", ("Place",)),
        Expected("I moved to Lier.", "2025-03-01"),
        kind="zep",
        left_out={"superseded": 2, "blank": 1, "of_the_assistant": 1, "not_a_memory": 1},
    ),
    _sample(
        "Zep memory of a session",
        {
            "context": "<FACTS>Ada keeps bees</FACTS>",
            "facts": ["Ada keeps bees"],
            "relevant_facts": [{"uuid": "f1", "fact": "Ada keeps bees", "rating": 0.5, **FACT_TIMES}],
            "messages": [{"role": "Ada", "role_type": "user", "content": "Hello."}],
        },
        Expected("Ada keeps bees", "2025-03-01"),
        kind="zep",
        left_out={"repeated": 1, "conversation": 1},
        options={"chats": ChatFilter.NONE},
    ),
    _sample(
        "Letta blocks",
        LETTA_BLOCKS,
        Expected("Name: Ada"),
        Expected("Keeps bees."),
        Expected("Spring: Sow clover", tags=("garden",)),
        kind="letta",
        left_out={"of_an_agent": 1, "blank": 1},
    ),
    _sample(
        "Letta agent file",
        LETTA_FILE,
        Expected("Name: Ada"),
        Expected("Keeps bees."),
        Expected("My hive is blue.", "2025-05-01T10:00:00"),
        kind="letta",
        name="sam.af",
        left_out={"of_an_agent": 1, "hidden": 3, "of_the_assistant": 1, "attachment": 1},
    ),
    _sample(
        "Letta agent file of before 2025, with answers",
        {"agent_type": "memgpt_agent", "core_memory": LETTA_BLOCKS[:1], "messages": LETTA_MESSAGES[2:4], "tools": []},
        Expected("Name: Ada"),
        Expected("Keeps bees."),
        Expected("My hive is blue.", "2025-05-01"),
        Expected("Assistant: Nice!", "2025-05-01"),
        kind="letta",
        name="old.af",
        options={"chats": ChatFilter.ALL},
    ),
    _sample(
        "Letta passages with embeddings",
        [{"id": "passage-1", "text": "Ada has two cats", "archive_id": "archive-1", "embedding": [0.5, 0.25],
          "tags": ["pets"], "created_at": "2025-05-01T10:00:00Z"}],
        Expected("Ada has two cats", "2025-05-01", ("pets",)),
        kind="letta",
    ),
    _sample(
        "LangGraph store with LangMem",
        {"items": [
            {"namespace": ["user_123", "memories"], "key": "5f0c", "value": {"text": "Likes rye bread"},
             "created_at": "2025-05-01T10:00:00+00:00", "updated_at": "2025-05-02T10:00:00+00:00", "score": None},
            {"namespace": ["memories", "hobbies"], "key": "5f0d",
             "value": {"kind": "Memory", "content": {"content": "User runs on Sundays"}},
             "created_at": "2025-05-01T10:00:00+00:00"},
            {"namespace": ["profile"], "key": "5f0e", "created_at": "2025-05-01T10:00:00+00:00",
             "value": {"kind": "Profile", "content": {"name": "Ada", "interests": ["bees", "chess"]}}},
            {"namespace": ["agent", "instructions"], "key": "5f0f", "value": {"prompt": "You are a helpful bot."}},
            {"namespace": ["memories"], "key": "5f10", "value": {}},
        ]},
        Expected("Likes rye bread", "2025-05-01"),
        Expected("User runs on Sundays", "2025-05-01", ("hobbies",)),
        Expected("Name: Ada", "2025-05-01", ("profile",)),
        Expected("Interests: bees, chess", "2025-05-01", ("profile",)),
        kind="langgraph",
        left_out={"of_an_agent": 1, "not_a_memory": 1},
    ),
    _sample(
        "Supermemory documents and what was learnt",
        {"documents": [
            {"id": "d1", "title": "Bees", "content": "I keep two hives.", "type": "text", "status": "done",
             "containerTags": ["sm_project_default", "garden"], "createdAt": "2025-01-15T10:30:00.000Z",
             "summaryEmbedding": [0.5], "memoryEntries": [
                 {"id": "1", "memory": "Ada keeps two hives", "isLatest": True, "isForgotten": False,
                  "createdAt": "2025-01-15T10:31:00.000Z", "history": [{"id": "0", "memory": "Ada keeps a hive"}]},
                 {"id": "2", "memory": "Ada fears wasps", "isLatest": True, "isForgotten": True},
                 {"id": "3", "memory": "Ada visits Bruges", "isLatest": True, "forgetAfter": "2999-01-01T00:00:00Z"},
             ]},
            {"id": "d2", "title": "How bees dance", "url": "https://example.org/bees", "type": "webpage",
             "status": "done", "summary": "An article on how bees dance.", "containerTags": []},
            {"id": "d3", "title": "scan.pdf", "content": None, "type": "pdf", "status": "failed", "containerTags": []},
        ], "pagination": {"currentPage": 1, "totalItems": 3}},
        Expected("Bees\n\nI keep two hives.", "2025-01-15", ("garden",)),
        Expected("Ada keeps two hives", "2025-01-15", ("garden",)),
        Expected("Ada visits Bruges", tags=("garden",)),
        Expected("How bees dance\n\nAn article on how bees dance.\nhttps://example.org/bees"),
        kind="supermemory",
        left_out={"superseded": 1, "in_trash": 1, "no_text": 1},
    ),
    _sample(
        "Memobase profile and events",
        {"errno": 0, "errmsg": "", "data": {
            "profiles": [
                {"id": "1", "content": "Ada", "created_at": "2025-01-01T00:00:00Z",
                 "attributes": {"topic": "basic_info", "sub_topic": "name"}},
                {"id": "2", "content": 5, "attributes": {"topic": "x", "sub_topic": "y"}},
            ],
            "events": [{"id": "3", "created_at": "2025-01-02T00:00:00Z",
                        "event_data": {"event_tip": "- Ada bought a hive", "profile_delta": []}}],
        }},
        Expected("Name: Ada", "2025-01-01", ("basic_info",)),
        Expected("Ada bought a hive", "2025-01-02"),
        kind="memobase",
        left_out={"not_a_memory": 1},
    ),
)  # fmt: skip

# --- JSON in general ----------------------------------------------------------------------------------------

GENERAL_SAMPLES = (
    _sample(
        "JSON list of many shapes of entries",
        [
            {"id": 1},
            "I keep bees",
            {"content": "Vegetarian", "tags": "food, health"},
            {"title": "Allergies", "text": "Nuts", "created": "2025-01-02"},
            {"note": "Sings in a choir", "category": "music", "date": "6 May 2024"},
            {"fact": "Born in Lier", "labels": [{"name": "birth"}], "timestamp": {"$date": "2024-05-06T07:08:09Z"}},
            {"content": [{"type": "text", "text": "Has a cello"}], "attachments": [{"name": "cello.jpg"}]},
            ["Speaks Dutch", ["Speaks French"]],
            {"text": "Seen on a day", "created_at": "the other day"},
            {"title": "Tea", "content": "<p>I like <b>green</b> tea</p>", "history": ["I like tea"]},
            {"Memory": "Swims on Fridays", "Created At": "2025-01-03"},
            {"text": "Was deleted", "deleted": True},
            {"memory": "Runs", "reason": "Because her doctor told her to move more."},
            7,
        ],
        Expected("I keep bees"),
        Expected("Vegetarian", tags=("food", "health")),
        Expected("Allergies: Nuts", "2025-01-02"),
        Expected("Sings in a choir", "2024-05-06", ("music",)),
        Expected("Born in Lier", "2024-05-06T07:08:09", ("birth",)),
        Expected("Has a cello"),
        Expected("Speaks Dutch"),
        Expected("Speaks French"),
        Expected("Seen on a day"),
        Expected("Tea: I like green tea"),
        Expected("Swims on Fridays", "2025-01-03"),
        Expected("Runs"),
        kind="list",
        left_out={"not_a_memory": 2, "in_trash": 1, "superseded": 1},
        notes={"attachments_dropped": 1, "undated": 1, "fields_dropped": 1},
    ),
    _sample(
        "JSON Lines with content",
        to_lines([{"content": "I keep bees", "created_at": "2025-01-02T03:04:05Z"}, {"content": "I run"}, {"n": 1}]),
        Expected("I keep bees", "2025-01-02T03:04:05"),
        Expected("I run"),
        kind="list",
        name="notes.txt",
        left_out={"not_a_memory": 1},
    ),
    _sample(
        "JSON with ends of validity in many ways",
        [
            {"text": "Ends one day", "expires_at": "2999-06-30"},
            {"text": "Ends never", "expiry": "never"},
            {"text": "Lives for a time", "ttl": 3_600},
            {"text": "Ends sometime", "metadata": {"valid_until": "when it rains"}},
            {"text": "Has ended", "valid_to": "2020-01-01"},
        ],
        Expected("Ends one day"),
        Expected("Ends never"),
        kind="list",
        left_out={"unread_expiry": 2, "superseded": 1},
    ),
    _sample(
        "JSON with memories by topic",
        {
            "version": 2,
            "memories": {"food": ["I like tea.", "coffee"], "work": [{"text": "I weld.", "date": "2025-01-02"}]},
        },
        Expected("I like tea.", tags=("food",)),
        Expected("Food: coffee", tags=("food",)),
        Expected("I weld.", "2025-01-02", ("work",)),
        kind="list",
    ),
    _sample(
        "JSON with memories by ID, within other objects",
        {"ok": True, "data": {"user": {"theme": "x" * 70_000}, "memories": {
            "9b2f0c1d-0000-4000-8000-000000000001": {"content": "I run", "createdAt": 1_735_776_000_000},
            "9b2f0c1d-0000-4000-8000-000000000002": "I paint",
        }}},
        Expected("I run", "2025-01-02"),
        Expected("I paint"),
        kind="list",
    ),
    _sample(
        "JSON profile of a person",
        {
            "name": "Ada", "age": 36, "likes": ["tea", "rye bread"], "vegetarian": True, "job": "welder",
            "partner": {"name": "Bob", "birthday": "3 May"}, "pets": [{"name": "Bo", "kind": "dog"}],
            "preferences": {"tone": "brief", "units": "metric"}, "phone": None,
            "facts": ["Ada moved to Lier in 2019.", "She sings in a choir."],
        },
        Expected("Ada moved to Lier in 2019."),
        Expected("She sings in a choir."),
        Expected("Name: Ada"),
        Expected("Age: 36"),
        Expected("Likes: tea, rye bread"),
        Expected("Vegetarian: yes"),
        Expected("Job: welder"),
        Expected("Partner: Bob, birthday: 3 May"),
        Expected("Pets: Bo, kind: dog"),
        Expected("Preferences: tone: brief"),
        Expected("Preferences: units: metric"),
        kind="list",
    ),
    _sample(
        "JSON pairs of key and value",
        {"memories": [
            {"userId": "1", "key": "diet", "value": "vegetarian", "updated_at": "2025-01-02T00:00:00Z"},
            {"userId": "1", "key": "home_town", "value": "Lier", "tokenCount": 2},
        ], "totalTokens": 4},
        Expected("Diet: vegetarian", "2025-01-02"),
        Expected("Home town: Lier"),
        kind="list",
    ),
    _sample(
        "JSON search results around memories",
        {"retrievedMemories": [
            {"distance": 0.25, "memory": {
                "name": "projects/1/memories/2", "fact": "Rows on Sundays", "createTime": "2025-01-02T00:00:00Z",
            }},
        ], "nextPageToken": ""},
        Expected("Rows on Sundays", "2025-01-02"),
        kind="list",
    ),
    _sample(
        "JSON facts of named entities",
        [
            {"entity": "Bob", "facts": ["is allergic to cats", "Bob likes jazz"]},
            {"topic": "garden", "facts": ["Clover grows well."]},
        ],
        Expected("Bob: is allergic to cats"),
        Expected("Bob likes jazz"),
        Expected("Clover grows well.", tags=("garden",)),
        kind="list",
    ),
    _sample(
        "JSON tool result with mem0's answer",
        {"content": [{"type": "text", "text": '{"results": [{"id": "1", "memory": "Skates"}]}'}], "isError": False},
        Expected("Skates"),
        kind="list",
    ),
    _sample(
        "JSON columns of Chroma",
        {
            "ids": ["1", "2"], "documents": ["Keeps bees", None], "embeddings": [[0.5], [0.25]],
            "metadatas": [{"date": "2025-01-02", "tags": "pets"}, None],
        },
        Expected("Keeps bees", "2025-01-02", ("pets",)),
        kind="list",
        left_out={"not_a_memory": 1},
    ),
    Sample(
        "JSON of all names in a zip, some of it no memories",
        Zip({
            "backup/a.json": [{"text": "I keep bees"}],
            "backup/weight.json": [{"date": "2025-01-01", "value": 81.2}],
            "backup/settings.json": {"theme": "dark", "editor.fontSize": 12, "language": "en"},
            "backup/settings2.json": [{"key": "theme", "value": "dark"}, {"key": "wraps lines", "value": True}],
            "backup/package.json": {"name": "hive", "version": "1.0.0", "description": "An app for bees"},
            "backup/issues.json": [{"id": 1, "node_id": "x", "title": "It fails", "body": "It fails at night for me."}],
            "backup/log.jsonl": to_lines([{"level": "info", "text": "server is up"}] * 2),
            "backup/calendar.json": [{"summary": "Dinner with Bob", "start": "2025-01-01", "end": "2025-01-02"}],
            "backup/words.json": {"save": "Save your changes", "cancel": "Cancel the action"},
        }),
        (Expected("I keep bees"),),
        frozenset({"list"}),
        left_out={
            (f"backup/{name}", "unknown_json"): 1
            for name in (
                "weight.json", "settings.json", "settings2.json", "package.json", "issues.json", "log.jsonl",
                "calendar.json", "words.json",
            )
        },
    ),
)  # fmt: skip

MEMORY_TOOL_SAMPLES: tuple[Sample, ...] = (
    *GRAPH_SAMPLES,
    *OPENMEMORY_SAMPLES,
    *MEM0_SAMPLES,
    *SERVER_SAMPLES,
    *GENERAL_SAMPLES,
)
