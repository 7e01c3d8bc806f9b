"""Samples of chats with assistants: those besides ChatGPT and Claude, and lists of messages."""

from typing import Any
from zoneinfo import ZoneInfo

from memories.portability.readers.formats import ChatFilter
from tests.memories.portability.reading import to_lines
from tests.memories.portability.samples.sample import Expected, Sample, Zip

WITH_ANSWERS = {"chats": ChatFilter.ALL}


def _activity(title: str, time: str, *answers: str, **fields: Any) -> dict[str, Any]:
    return {
        "header": "Gemini Apps",
        "title": title,
        "time": time,
        "products": ["Gemini Apps"],
        "activityControls": ["Gemini Apps Activity"],
        **({"safeHtmlItem": [{"html": answer} for answer in answers]} if answers else {}),
        **fields,
    }


def build_cell(content: str, product: str = "Gemini Apps") -> str:
    return (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
        '<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">'
        f"{product}<br></p></div>"
        f'<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">{content}</div>'
        '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div>'
        '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>'
        f"&emsp;{product}<br><b>Why is this here?</b><br>&emsp;Gemini Apps Activity was on.</div></div></div>"
    )


def build_page(*cells: str) -> str:
    style = "<style>" + ".mdl-typography--body-1 { font-size: 14px } " * 2_000 + "</style>"
    return f"<html><head><title>My Activity</title>{style}</head><body>{''.join(cells)}</body></html>"


GEMINI_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Gemini: Takeout as JSON, with other products and other activity, and the answers",
        Zip(
            {
                "Takeout/archive_browser.html": "<html><title>Archive</title></html>",
                "Takeout/My Activity/Gemini Apps/MyActivity.json": [
                    _activity("Gave feedback: Good response", "2026-02-03T07:00:00.000Z"),
                    _activity("Created Gemini Canvas titled Bees", "2026-02-02T09:00:00.000Z", "<p>Bees</p>"),
                    _activity(
                        "Prompted What do bees eat?\nIn winter?",
                        "2026-02-02T07:24:02.806Z",
                        "<p>Honey, <strong>mostly</strong>.</p><ul><li>Sugar</li></ul><script>alert(1)</script>",
                        subtitles=[{"name": "-  bee.png", "url": "bee.png"}],
                    ),
                    7,
                ],
                "Takeout/My Activity/Gemini Apps/bee.png": b"\x89PNG",
                "Takeout/My Activity/Search/MyActivity.json": [
                    _activity("Searched for gemini", "2026-02-02T07:24:02.806Z", header="Search", products=["Search"])
                ],
            }
        ),
        (
            Expected("What do bees eat?\nIn winter?", "2026-02-02T07:24:02"),
            Expected("Assistant: Honey, mostly.\n\n- Sugar", "2026-02-02T07:24:02"),
        ),
        frozenset({"gemini"}),
        left_out={
            ("Takeout/archive_browser.html", "no_personal_text"): 1,
            ("Takeout/My Activity/Gemini Apps/MyActivity.json", "other_activity"): 2,
            ("Takeout/My Activity/Gemini Apps/MyActivity.json", "not_a_memory"): 1,
            ("Takeout/My Activity/Gemini Apps/bee.png", "attachment"): 1,
            ("Takeout/My Activity/Search/MyActivity.json", "other_activity"): 1,
        },
        notes={"attachments_dropped": 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "Gemini: Takeout as JSON in a language whose words for a prompt are learned from the file",
        [
            _activity(f"Heeft gevraagd: {text}", "2026-02-02T07:24:02Z", "<p>Ja.</p>", header="Gemini-apps")
            for text in ("Wat eten bijen?", "Hoe lang leeft een koningin?", "Wat kost een kast?", "Zwermen ze?")
        ]
        + [_activity("Prompted What do they cost:", "2026-01-02T07:24:02Z", "<p>A lot.</p>")]
        + [_activity("Feedback gegeven", "2026-02-02T07:24:02Z", header="Gemini-apps")],
        (
            Expected("Wat eten bijen?", "2026-02-02"),
            Expected("Hoe lang leeft een koningin?", "2026-02-02"),
            Expected("Wat kost een kast?", "2026-02-02"),
            Expected("Zwermen ze?", "2026-02-02"),
            Expected("What do they cost:", "2026-01-02"),
        ),
        frozenset({"gemini"}),
        name="MijnActiviteit.json",
        left_out={("MijnActiviteit.json", "other_activity"): 1, ("MijnActiviteit.json", "of_the_assistant"): 5},
    ),
    Sample(
        "Gemini: the page of Takeout, in German, Swedish and French",
        build_page(
            build_cell(
                "Eingegebener Prompt: Wann schwärmen<br>meine Bienen?<br>1 Datei angehängt.<br>-&nbsp;"
                '<a href="stock.jpg">stock.jpg</a><br>18.04.2026, 17:38:51 MESZ<br><p>Im <b>Mai</b>.</p>'
            ),
            build_cell("Gav instruktionen&nbsp;vilken ras är lugn?<br>4 mars 2026 09:15:00 CET<br><p>Buckfast.</p>"),
            build_cell("Requête&nbsp;Où planter du thym ?<br>2 sept. 2026, 09:00:00 UTC+02:00<br><p>Au soleil.</p>"),
            build_cell("Feedback gegeben<br>18.04.2026, 17:38:51 MESZ<br>"),
            build_cell('Gesucht: <a href="https://www.google.com/search">x</a><br>18.04.2026, 17:38:51 MESZ', "Suche"),
        ),
        (
            Expected("Wann schwärmen\nmeine Bienen?", "2026-04-18T15:38:51"),
            Expected("Assistant: Im Mai.", "2026-04-18T15:38:51"),
            Expected("vilken ras är lugn?", "2026-03-04T08:15:00"),
            Expected("Assistant: Buckfast.", "2026-03-04"),
            Expected("Où planter du thym ?", "2026-09-02T07:00:00"),
            Expected("Assistant: Au soleil.", "2026-09-02"),
        ),
        frozenset({"gemini"}),
        name="MeineAktivitäten.html",
        left_out={("MeineAktivitäten.html", "other_activity"): 2},
        notes={"attachments_dropped": 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "Gemini: the page of Takeout in English, local times, and a time that nobody reads",
        build_page(
            build_cell("Prompted&nbsp;I am allergic to nuts.<br>Jul 3, 2026, 9:15:00\u202fAM PDT<br><p>Noted.</p>"),
            build_cell("Prompted And to cashews?<br>Jul 3, 2026, 9:16:00 AM XQT<br><p>Too.</p>"),
            build_cell("Prompted I hike.<br>99.99.2026, 25:99:00<br><p>Nice.</p>"),
        ),
        (
            Expected("I am allergic to nuts.", "2026-07-03T16:15:00"),
            Expected("And to cashews?", "2026-07-03T16:16:00"),
            Expected("I hike."),
        ),
        frozenset({"gemini"}),
        name="My Activity.html",
        left_out={("My Activity.html", "of_the_assistant"): 3},
        notes={"undated": 1},
        options={"zone": ZoneInfo("America/Los_Angeles")},
    ),
    Sample(
        "Gemini: a conversation of Workspace, and Gems",
        Zip(
            {
                "Takeout/Gemini in Workspace/Conversation History/conversation_1.txt": {
                    "title": "Bees",
                    "creation_time": "2026-08-15T23:41:00+00:00",
                    "conversation_turns": [
                        {"user_turn": {"prompt": "I keep bees.", "turn_index": 0}},
                        {"system_turn": {"text": [{"data": "Nice."}], "turn_index": 1}},
                        {"user_turn": {"prompt": "Gone.", "turn_deleted_time": "2026-08-16T00:00:00+00:00"}},
                    ],
                },
                "Takeout/Gemini/gemini_gems_data.html": "<div><p>Name: Beekeeper</p><p>Description: Helps me</p>"
                "<p>Instructions: Be kind.<br>Be brief.</p></div>",
                "Takeout/Gemini/gemini_scheduled_actions_data.html": "<div></div>",
            }
        ),
        (Expected("I keep bees.", "2026-08-15T23:41"), Expected("Beekeeper: Helps me\n\nBe kind.\nBe brief.")),
        frozenset({"gemini"}),
        left_out={
            ("Takeout/Gemini in Workspace/Conversation History/conversation_1.txt", "of_the_assistant"): 1,
            ("Takeout/Gemini in Workspace/Conversation History/conversation_1.txt", "in_trash"): 1,
            ("Takeout/Gemini/gemini_scheduled_actions_data.html", "no_personal_text"): 1,
        },
    ),
)  # fmt: skip


def _fragments(*pairs: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "files": [], "model": "deepseek-chat", "inserted_at": "2025-04-29T11:59:13.202000+08:00",
        "fragments": [{"type": kind, "content": text} for kind, text in pairs], **fields,
    }  # fmt: skip


TEA = _fragments(("REQUEST", "I like tea."))
GREEN = _fragments(("REQUEST", "Green."), files=[{"id": 1}])
DEEPSEEK = [
    {
        "id": "d1", "title": "Tea", "inserted_at": "2025-04-29T11:59:11.635000+08:00",
        "mapping": {
            "root": {"id": "root", "parent": None, "children": ["1"], "message": None},
            "1": {"id": "1", "parent": "root", "children": ["2", "3"], "message": TEA},
            "2": {"id": "2", "parent": "1", "children": [], "message": _fragments(("RESPONSE", "Abandoned."))},
            "3": {
                "id": "3", "parent": "1", "children": ["4"],
                "message": _fragments(("THINK", "hm"), ("RESPONSE", "Which?"), inserted_at=None),
            },
            "4": {"id": "4", "parent": "3", "children": ["5"], "message": _fragments(("SEARCH", "tea"))},
            "5": {"id": "5", "parent": "4", "children": [], "message": GREEN},
        },
    },
    7,
]  # fmt: skip


def _bson(milliseconds: int) -> dict[str, Any]:
    return {"$date": {"$numberLong": str(milliseconds)}}


GROK_FOLDER = "ttl/30d/export_data/u1"
GROK = {
    "conversations": [
        {
            "conversation": {"id": "g1", "title": "Bees", "create_time": "2025-10-01T08:00:00Z"},
            "responses": [
                {"response": {"_id": "r1", "sender": "human", "message": "I keep bees.",
                              "create_time": _bson(1_759_305_600_000), "file_attachments": ["a1"]}},
                {"response": {"_id": "r2", "sender": "ASSISTANT", "message": "Nice.",
                              "create_time": _bson(1_759_305_601_000)}},
                {"response": {"_id": "r3", "sender": "grok-3", "message": "", "create_time": None}},
                {"response": {"_id": "r4", "sender": "human", "message": "Twelve hives."}},
            ],
        }
    ],
    "projects": [{"name": "Honey", "custom_personality": "Talk like a beekeeper."}, {"name": "Empty"}],
    "tasks": [],
    "media_posts": [{"original_prompt": "a bee", "link": "https://x"}],
}  # fmt: skip

PERPLEXITY_ENTRIES = [
    {"query": "Which hive is best?", "answer": "It depends.", "created_at": "2025-06-01T10:00:00Z"},
    {"query": "In Leeds?", "answer": "", "created_at": None},
]


def _lechat(role: str, content: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "m", "version": 0, "chatId": "l1", "content": content, "contentChunks": None, "role": role,
        "createdAt": "2025-11-01T10:00:00.000Z", "reaction": "neutral", "files": [], **fields,
    }  # fmt: skip


COPILOT = (
    "\ufeffConversation,Time,Author,Message\r\n"
    'Bees,2026-02-17T14:36:12,AI,"Nice, really.\r\nHow many?"\r\n'
    "Bees,2026-02-17T14:36:11,Human,I keep bees.\r\n"
    "Tea,2026-02-16T10:00:00,AI,Noted.\r\n"
    "Tea,2026-02-16T10:00:00,Human,I like tea.\r\n"
    "Tea,2026-02-16T09:00:00,Human,\r\n"
)

PRODUCT_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "DeepSeek: the branch that was written last",
        Zip({"conversations.json": DEEPSEEK, "user.json": {"user_id": "u", "email": "ada@example.org"}}),
        (
            Expected("I like tea.", "2025-04-29T03:59:13"),
            Expected("Assistant: Which?", "2025-04-29T03:59:11"),
            Expected("Green.", "2025-04-29"),
        ),
        frozenset({"deepseek"}),
        left_out={
            ("conversations.json", "no_text"): 1,
            ("conversations.json", "not_a_memory"): 1,
            ("user.json", "no_personal_text"): 1,
        },
        notes={"attachments_dropped": 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "DeepSeek: a shared conversation",
        {
            "code": 0,
            "data": {
                "biz_data": {
                    "title": "Tea", "inserted_at": 1_745_899_151.6,
                    "messages": [
                        {"role": "USER", "content": "I like tea.", "inserted_at": 1_745_899_153.2},
                        {"role": "ASSISTANT", "content": "Which?", "thinking_content": "hm"},
                    ],
                }
            },
        },
        (Expected("I like tea.", "2025-04-29T03:59:13"),),
        frozenset({"deepseek"}),
        left_out={("", "of_the_assistant"): 1},
    ),
    Sample(
        "Grok: the whole export",
        Zip(
            {
                f"{GROK_FOLDER}/prod-grok-backend.json": GROK,
                f"{GROK_FOLDER}/prod-mc-auth-mgmt-api.json": {"user": {"email": "ada@example.org"}},
                f"{GROK_FOLDER}/prod-mc-asset-server/a1/content": "print('a file that was uploaded')",
            }
        ),
        (
            Expected("I keep bees.", "2025-10-01T08:00:00"),
            Expected("Twelve hives.", "2025-10-01T08:00:00"),
            Expected("Talk like a beekeeper.", tags=("Honey",)),
        ),
        frozenset({"grok"}),
        left_out={
            (f"{GROK_FOLDER}/prod-grok-backend.json", "of_the_assistant"): 1,
            (f"{GROK_FOLDER}/prod-grok-backend.json", "no_text"): 1,
            (f"{GROK_FOLDER}/prod-grok-backend.json", "blank"): 1,
            (f"{GROK_FOLDER}/prod-grok-backend.json", "attachment"): 1,
            (f"{GROK_FOLDER}/prod-mc-auth-mgmt-api.json", "no_personal_text"): 1,
            (f"{GROK_FOLDER}/prod-mc-asset-server/a1/content", "attachment"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Grok: in an archive of X",
        'window.YTD.grok_chat_item.part0 = [\n  {\n    "grokChatItem" : {\n      "sender" : {\n        "name" : "User"'
        '\n      },\n      "chatId" : "1",\n      "message" : "I sail.",\n      "createdAt" : "2025-03-01T08:00:00Z"'
        '\n    }\n  },\n  {\n    "grokChatItem" : {"sender" : {"name" : "Agent"}, "chatId" : "1", "message" : "Ahoy."}'
        "\n  }\n]",
        (Expected("I sail.", "2025-03-01T08"),),
        frozenset({"grok"}),
        name="grok-chat-item.js",
        left_out={("grok-chat-item.js", "of_the_assistant"): 1},
    ),
    Sample(
        "Perplexity: conversations as the company gives them out, and files of extensions",
        Zip(
            {
                "conversations.json": {
                    "conversations": [
                        {"context_title": "Hives", "created_at": "2025-06-01T09:00:00Z", "entries": PERPLEXITY_ENTRIES},
                        3,
                    ]
                },
                "flat.json": {
                    "metadata": {"thread_id": "t1", "thread_created_at": "2024-01-01T10:00:00Z"},
                    "conversations": [{"uuid": "e1", "query": "I live in Lier.", "answer": "Nice."}],
                },
                "raw.json": {
                    "status": "success",
                    "entries": [
                        {
                            "context_uuid": "x", "query_str": "I run.",
                            "entry_created_datetime": "2024-02-01T00:10:00",
                            "blocks": [{"markdown_block": {"chunks": ["Go", "od."]}}],
                        }
                    ],
                },
            }
        ),
        (
            Expected("Which hive is best?", "2025-06-01T10:00"),
            Expected("Assistant: It depends.", "2025-06-01T10:00"),
            Expected("In Leeds?", "2025-06-01T09:00"),
            Expected("I live in Lier.", "2024-01-01T10:00"),
            Expected("Assistant: Nice.", "2024-01-01T10:00"),
            Expected("I run.", "2024-02-01T00:10"),
            Expected("Assistant: Good.", "2024-02-01T00:10"),
        ),
        frozenset({"perplexity"}),
        left_out={("conversations.json", "not_a_memory"): 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "Le Chat: a file a chat",
        Zip(
            {
                "chat-l1.json": [
                    _lechat("user", "I keep bees.", files=[{"type": "image", "name": "hive.jpg"}]),
                    _lechat("assistant", "", contentChunks=[
                        {"type": "text", "text": "Nice."}, {"type": "reference", "referenceIds": [1]},
                    ]),
                    _lechat("user", "", contentChunks=[{"type": "text", "text": "And ducks."}]),
                ],
                "chat-l1-files/hive.jpg": b"\xff\xd8\xff",
            }
        ),
        (
            Expected("I keep bees.", "2025-11-01T10"),
            Expected("Assistant: Nice.", "2025-11-01T10"),
            Expected("And ducks.", "2025-11-01T10"),
        ),
        frozenset({"lechat"}),
        left_out={("chat-l1-files/hive.jpg", "attachment"): 1},
        notes={"attachments_dropped": 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "Copilot: the activity of the privacy dashboard, newest first",
        COPILOT,
        (Expected("I keep bees.", "2026-02-17T14:36:11"), Expected("I like tea.", "2026-02-16T10")),
        frozenset({"copilot"}),
        name="copilot-activity-history.csv",
        left_out={
            ("copilot-activity-history.csv", "of_the_assistant"): 2,
            ("copilot-activity-history.csv", "no_text"): 1,
        },
    ),
    Sample(
        "Copilot: the tables of chats and of Windows",
        (
            (
                "copilot-chat-activity.csv",
                "CreatedAt;MessageContent;Author;ChatName\n17/02/2026 14:36:11 +00:00;I run.;user;Sport\n"
                "17/02/2026 14:36:12 +00:00;Good.;Copilot;Sport\n",
            ),
            ("windows.csv", "Timestamp,ClientApp,Prompt\n2026-02-17T14:36:11Z,Notepad,Write about my bees\n"),
        ),
        (
            Expected("I run.", "2026-02-17T14:36:11"),
            Expected("Assistant: Good.", "2026-02-17T14:36:12"),
            Expected("Write about my bees", "2026-02-17T14:36:11"),
        ),
        frozenset({"copilot"}),
        options=WITH_ANSWERS,
    ),
)  # fmt: skip

MESSAGES = [
    {"role": "system", "content": "You are a pirate."},
    {"role": "user", "content": "I keep bees.", "timestamp": 1_740_000_000},
    {"role": "assistant", "content": "Arr.", "tool_calls": [{"id": "t"}]},
    {"role": "tool", "content": "42"},
    {"role": "user", "content": [
        {"type": "text", "text": "And ducks."}, {"type": "image_url", "image_url": {"url": "x"}},
    ]},
]  # fmt: skip
BEES, DUCKS = Expected("I keep bees.", "2025-02-19"), Expected("And ducks.")
MESSAGES_LEFT = {("", "hidden"): 1, ("", "of_the_assistant"): 1, ("", "no_text"): 1}
PICTURE = {"attachments_dropped": 1}


def _code_line(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": "/home/ada", "sessionId": "s1",
        "type": kind, "message": {"role": kind, "content": content}, "uuid": "x",
        "timestamp": "2026-03-01T10:00:00.000Z", **fields,
    }  # fmt: skip


def _codex_line(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "2025-10-29T00:59:38.317Z", "type": kind, "payload": payload}


def _codex_message(role: str, kind: str, text: str) -> dict[str, Any]:
    return _codex_line("response_item", type="message", role=role, content=[{"type": kind, "text": text}])


LIST_SAMPLES: tuple[Sample, ...] = (
    Sample("Messages by role: a list", MESSAGES, (BEES, DUCKS), frozenset({"chat"}), left_out=MESSAGES_LEFT,
           notes=PICTURE),
    Sample(
        "Messages by role: an object of an extension that saves chats",
        {"title": "Bees", "created_at": "2025-02-20T10:00:00Z", "messages": MESSAGES},
        (BEES, Expected("And ducks.", "2025-02-20T10")),
        frozenset({"chat"}),
        left_out=MESSAGES_LEFT,
        notes=PICTURE,
    ),
    Sample(
        "Messages by role: conversations in a list, with other words for the same",
        [
            {"id": "a", "turns": [{"sender": "Human", "text": "I hike."}, {"sender": "Gemini", "text": "Where?"}]},
            {"id": "b", "conversations": [{"from": "human", "value": "I run."}, {"from": "gpt", "value": "Fast?"}]},
            {"id": "c", "chat": {"history": {"messages": {
                "1": {"role": "user", "content": "I swim.", "timestamp": 1_740_000_000}, "2": {"role": "assistant"},
            }}}},
            {"id": "d", "messages": [{"isCreatedByUser": True, "text": "I ski.", "sender": "User"}, "odd"]},
            {"id": "e", "contents": [{"role": "user", "parts": [{"text": "I row."}, {"inlineData": {}}]},
                                     {"role": "model", "parts": [{"text": "hm", "thought": True}]}]},
        ],
        (
            Expected("I hike."), Expected("I run."), Expected("I swim.", "2025-02-19"), Expected("I ski."),
            Expected("I row."),
        ),
        frozenset({"chat"}),
        left_out={("", "of_the_assistant"): 2, ("", "no_text"): 2, ("", "not_a_memory"): 1},
        notes=PICTURE,
    ),
    Sample(
        "Messages by role: a log of an API, a call a line",
        to_lines([
            {"messages": MESSAGES[:2], "choices": [{"message": {"role": "assistant", "content": "Arr."}}]},
            {"request": {"messages": [{"role": "user", "content": "I hike."}]}, "response": {}},
        ]) + "no json\n",
        (BEES, Expected("Assistant: Arr."), Expected("I hike.")),
        frozenset({"chat"}),
        name="calls.jsonl",
        left_out={("calls.jsonl", "hidden"): 1, ("calls.jsonl", "not_json"): 1},
        options=WITH_ANSWERS,
    ),
    Sample(
        "Messages by role: a message a line",
        to_lines([{"role": "user", "text": "I keep bees."}, {"role": "assistant", "text": "Arr."}]),
        (Expected("I keep bees."),),
        frozenset({"chat"}),
        left_out={("", "of_the_assistant"): 1},
    ),
    Sample(
        "Messages by role: other programs",
        Zip(
            {
                "gemini-cli.json": {"sessionId": "s", "messages": [
                    {"type": "user", "content": "I run.", "timestamp": "2026-01-01T08:00:00Z"},
                    {"type": "gemini", "content": "Fast?"}, {"type": "info", "content": "Updated."},
                ]},
                "opencode.json": {"info": {"id": "o"}, "messages": [
                    {"info": {"role": "user", "time": {"created": 1_740_000_000_000}},
                     "parts": [{"type": "text", "text": "I row."}]},
                ]},
                "exporter.json": {"metadata": {"title": "T"}, "messages": [
                    {"role": "Prompt", "say": "I ski."}, {"role": "Response", "say": "Where?"},
                ]},
                "vs-code.json": {"requesterUsername": "ada", "requests": [
                    {"message": {"text": "I use tabs."}, "response": [{"value": "Fine."}], "timestamp": 1_740_000_000},
                ]},
                "message_1.json": {"participants": [{"name": "Meta AI"}, {"name": "Ada"}], "messages": [
                    {"sender_name": "Meta AI", "timestamp_ms": 1_740_000_001_000, "content": "Where?"},
                    {"sender_name": "Ada", "timestamp_ms": 1_740_000_000_000, "content": "I like caf\u00c3\u00a9s."},
                ]},
                "qwen.json": {"success": True, "data": [{"id": "q", "chat": {"history": {"messages": {
                    "a": {"role": "user", "content": "I knit.", "timestamp": 1_740_000_000},
                    "b": {"role": "assistant", "content": "", "content_list": [{"content": "Ok", "phase": "answer"}]},
                }}}}]},
                "librechat.json": {"conversationId": "l", "messages": [{
                    "isCreatedByUser": True, "text": "I dive.", "children": [
                        {"isCreatedByUser": False, "text": "Deep?", "children": [
                            {"isCreatedByUser": True, "text": "30 m.", "children": []},
                        ]},
                    ],
                }]},
                "pairs.jsonl": to_lines([{"prompt": "I swim.", "completion": "Far?"}]),
                "ai-studio": {"runSettings": {}, "chunkedPrompt": {"chunks": [
                    {"text": "I climb.", "role": "user"}, {"text": "hm", "role": "model", "isThought": True},
                ]}},
                "api.json": {"object": "list", "data": [
                    {"role": "user", "thread_id": "t", "content": [{"type": "text", "text": {"value": "I fish."}}]},
                ]},
            }
        ),
        (
            Expected("I run.", "2026-01-01T08"), Expected("I row.", "2025-02-19"), Expected("I ski."),
            Expected("I use tabs.", "2025-02-19"), Expected("I like cafés.", "2025-02-19"),
            Expected("I knit.", "2025-02-19"), Expected("I dive."), Expected("30 m."), Expected("I swim."),
            Expected("I climb."), Expected("I fish."),
        ),
        frozenset({"chat"}),
        left_out={
            ("gemini-cli.json", "of_the_assistant"): 1, ("gemini-cli.json", "hidden"): 1,
            ("exporter.json", "of_the_assistant"): 1, ("vs-code.json", "of_the_assistant"): 1,
            ("message_1.json", "of_the_assistant"): 1, ("qwen.json", "of_the_assistant"): 1,
            ("librechat.json", "of_the_assistant"): 1, ("pairs.jsonl", "of_the_assistant"): 1,
            ("ai-studio", "of_the_assistant"): 1,
        },
    ),
    Sample(
        "Messages by role: nothing but memories",
        {"messages": MESSAGES},
        (),
        frozenset(),
        left_out={("", "hidden"): 1, ("", "conversation"): 3, ("", "no_text"): 1},
        options={"chats": ChatFilter.NONE},
    ),
    Sample(
        "Claude Code: a session and the history of prompts",
        Zip(
            {
                "projects/bees/s1.jsonl": to_lines([
                    {"type": "summary", "summary": "Bees", "leafUuid": "x"},
                    _code_line("user", "<command-name>/clear</command-name>"),
                    _code_line("user", "Caveat: The messages below were generated.", isMeta=True),
                    _code_line("user", "Always use tabs.<system-reminder>Be\ncareful.</system-reminder>"),
                    _code_line("assistant", [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use"}]),
                    _code_line("user", [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]),
                    _code_line("assistant", [{"type": "text", "text": "Done."}]),
                    _code_line("user", "Search the code.", isSidechain=True),
                    _code_line("user", [{"type": "text", "text": "Thanks, I am in Lier."}]),
                ]),
                "history.jsonl": to_lines([
                    {"display": "Always use tabs, please.", "pastedContents": {}, "timestamp": 1_740_000_000_000,
                     "project": "/home/ada", "sessionId": "s1"},
                    {"display": "/clear", "timestamp": 1_740_000_000_001},
                ]),
            }
        ),
        (
            Expected("Always use tabs.", "2026-03-01T10"),
            Expected("Thanks, I am in Lier.", "2026-03-01T10"),
            Expected("Always use tabs, please.", "2025-02-19"),
        ),
        frozenset({"agent_session"}),
        left_out={
            ("projects/bees/s1.jsonl", "hidden"): 2,
            ("projects/bees/s1.jsonl", "no_text"): 3,
            ("projects/bees/s1.jsonl", "of_the_assistant"): 1,
            ("projects/bees/s1.jsonl", "of_an_agent"): 1,
            ("history.jsonl", "hidden"): 1,
        },
    ),
    Sample(
        "Codex: a rollout",
        to_lines([
            _codex_line("session_meta", id="s2", cwd="/home/ada", instructions=None),
            _codex_message("user", "input_text", "<environment_context>Linux</environment_context>"),
            _codex_message("developer", "input_text", "Be careful."),
            _codex_message("user", "input_text", "I prefer Rust."),
            _codex_line("event_msg", type="user_message", message="I prefer Rust."),
            _codex_line("response_item", type="function_call", name="shell", arguments="{}"),
            _codex_message("assistant", "output_text", "Noted."),
        ]),
        (Expected("I prefer Rust.", "2025-10-29T00:59:38"),),
        frozenset({"agent_session"}),
        name="rollout-2025-10-29.jsonl",
        left_out={
            ("rollout-2025-10-29.jsonl", "hidden"): 2,
            ("rollout-2025-10-29.jsonl", "no_text"): 3,
            ("rollout-2025-10-29.jsonl", "of_the_assistant"): 1,
        },
    ),
)  # fmt: skip

MORE_CHATS_SAMPLES = (*GEMINI_SAMPLES, *PRODUCT_SAMPLES, *LIST_SAMPLES)
