"""Samples of plain text: pasted lists, answers to the import prompts of assistants, files of coding agents."""

from zoneinfo import ZoneInfo

from tests.memories.portability.samples.sample import Expected, Sample, Zip

TEXT = frozenset({"text"})

CLAUDE_ANSWER = """\
Here is everything I have stored about you:

```
## Instructions
[2025-01-14] - Always answer in British English.
[unknown] - Never use emoji.

## Career
[2024-05-06] - Works as a nurse in Lier.
[2025-02-01] - Studies for:
  - a diploma in beekeeping
  - a driving licence
```

That is the complete set; nothing more remains.
"""

GEMINI_ANSWER = """\
## Demographics Information
* The user's name is Ada.
    * Evidence: User said "call me Ada". Date: [2025-02-03].
* The user lives in Lier.
    * Evidence: User said "here in Lier". Date: [2025-02-04].

## Interests & Preferences
* Keeps bees.
* Evidence: User said "my bees". Date: [2025-02-05].

Imported from: ChatGPT
"""

NUMBERED_ANSWER = """\
Sure! Here's what I know about you:

1. **Family**
   - Has two children, Noor and Jef
   - Pets:
     - Tom
     - Mia
2. **Home:**
   - **City:** Lier
3. **Interests**

- Beekeeping
- Long walks along the Nete

Would you like me to add anything?
"""

GERMAN_ANSWER = """\
Hier ist alles, was ich über dich gespeichert habe:

**Ernährung**
- Isst kein Fleisch.
- Nussallergie

---

**Arbeit**
• Arbeitet nachts.

Das ist die vollständige Liste. Möchtest du etwas ändern?
"""

TABLE_ANSWER = """\
Voici tout ce que j'ai enregistré sur vous :

| Catégorie | Souvenir | Date |
|---|:---:|---|
| Santé | Allergique aux noix. | 2025-01-02 |
| Maison | Habite à Lier. | inconnue |

N'hésitez pas à me demander plus de détails.
"""

JSON_ANSWER = """\
Here are all of the memories I have stored about you:

```json
{"memories": [
  {"category": "diet", "memory": "Does not eat meat.", "date": "2025-01-02"},
  {"category": "home", "memory": "Lives in Lier.", "date": "unknown"}
], "preferences": ["Short answers"]}
```

Let me know if you want more!
"""

CHATGPT_MEMORIES = """\
User keeps bees in Lier and has three hives by the river.

User prefers answers in British English.
User is allergic to nuts.
User's daughter is called Noor
"""

RULES = {
    "proj/CLAUDE.md": "# CLAUDE.md\n\n<!-- not for Claude -->\nThis is the code of the hive monitor.\n\n"
    "## Commands\n\n- `make test`: run the tests\n- Lint with:\n  ```bash\n  # fast\n  make lint\n  ```\n\n"
    "## Style\n\n### Python\nUse ruff.\nNever print.\n",
    "proj/.cursor/rules/python.mdc": "---\ndescription: Python style\nglobs: *.py\nalwaysApply: false\n---\n\n"
    "- Use type hints\n- Keep functions short\n",
    "proj/.github/copilot-instructions.md": "We build with Bazel.\n\nAnswer in English.\n",
    "proj/.github/instructions/web.instructions.md": '---\napplyTo: "web/**"\n---\n- Use semantic HTML\n',
    "proj/.windsurfrules": "- Ask before deleting files\n",
    "proj/.cursorrules": "You write Rust.\n\nKey Principles\n- Write concise code.\n\n> Never commit secrets.\n",
    "proj/CLAUDE.local.md": "@README.md\n\nRun:\n\n```sh\n# all\nmake\n```\n",
    "proj/.claude/settings.json": "{}",
    "proj/memory-bank/projectbrief.md": "# Project Brief\n\nA monitor for hives.\n",
    "proj/memory-bank/progress.md": "# Progress\n\n## Done\n\n- The login works\n",
    "home/.gemini/GEMINI.md": "## Gemini Added Memories\n- The user prefers dark mode.\n",
    "home/.codex/AGENTS.md": "# AGENTS.md\n\n| Tool | Use |\n|---|---|\n| uv | packages |\n",
}

CLAUDE_CODE = {
    "memory/MEMORY.md": "# Memory Index\n\n- [User role](user_role.md) — senior nurse\n"
    "- [Old notes](gone.md) — moved to Lier in 2024\n",
    "memory/user_role.md": "---\nname: user-role\ndescription: User is a senior nurse\ntype: user\n---\n\n"
    "Works nights.\n",
    "memory/feedback_tests.md": "---\nname: feedback tests\ndescription: Run the tests first\nmetadata:\n"
    "  type: feedback\n  created: 2026-02-03\n---\nRun the tests first, because a release broke.\n",
}

OPENCLAW = {
    "workspace/SOUL.md": "You are a friendly lobster.",
    "workspace/USER.md": "# USER.md - About Your Human\n\n- **Name:** Ada\n- **Timezone:** Europe/Brussels\n",
    "workspace/AGENTS.md": "# AGENTS.md\n\nBe brief.\n",
}

MEM0_PLUGIN = """\
---
id: 11111111-1111-1111-1111-111111111111
created_at: 2026-01-02T03:04:05Z
type: decision
confidence: 0.9
branch: main
files: BUILD, web/app.ts
categories: builds, tools
---
We build with Bazel.

---
id: 22222222-2222-2222-2222-222222222222
created_at: 2026-01-03T03:04:05Z
type:
confidence:
branch:
files:
categories:
---
Deploys go out on Monday.

---

Not on holidays.
"""

TEXTS_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "lines without blank ones",
        "I keep bees\nI run\nI paint",
        (Expected("I keep bees"), Expected("I run"), Expected("I paint")),
        TEXT,
    ),
    Sample(
        "ChatGPT's memory page, copied",
        CHATGPT_MEMORIES,
        (
            Expected("User keeps bees in Lier and has three hives by the river."),
            Expected("User prefers answers in British English."),
            Expected("User is allergic to nuts."),
            Expected("User's daughter is called Noor"),
        ),
        TEXT,
    ),
    Sample(
        "prose that an editor broke, beside short lines",
        "My grandmother was born in Ghent and moved to Lier when she was\ntwelve years old. She kept bees for most of "
        "her\nlife and taught me all that I know about honey.\n\nI hike\nevery week.\n\nI live in Lier,\nBelgium\n",
        (
            Expected(
                "My grandmother was born in Ghent and moved to Lier when she was\ntwelve years old. She kept bees for "
                "most of her\nlife and taught me all that I know about honey."
            ),
            Expected("I hike\nevery week."),
            Expected("I live in Lier,\nBelgium"),
        ),
        TEXT,
    ),
    Sample(
        "an answer to Claude's import prompt, in the zone of its owner",
        CLAUDE_ANSWER,
        (
            Expected("Always answer in British English.", "2025-01-14T08:00", ("Instructions",)),
            Expected("Never use emoji.", "", ("Instructions",)),
            Expected("Works as a nurse in Lier.", "2024-05-06T07:00", ("Career",)),
            Expected("Studies for:\n- a diploma in beekeeping\n- a driving licence", "2025-02-01", ("Career",)),
        ),
        TEXT,
        left_out={("", "chatter"): 2},
        options={"zone": ZoneInfo("America/Los_Angeles")},
    ),
    Sample(
        "an answer to Claude's import prompt as a Markdown file",
        CLAUDE_ANSWER.replace("```\n", ""),
        (
            Expected("Always answer in British English.", "2025-01-14", ("Instructions",)),
            Expected("Never use emoji.", "", ("Instructions",)),
            Expected("Works as a nurse in Lier.", "2024-05-06", ("Career",)),
            Expected("Studies for:\n- a diploma in beekeeping\n- a driving licence", "2025-02-01", ("Career",)),
        ),
        TEXT,
        name="memory.export.md",
        left_out={("memory.export.md", "chatter"): 2},
    ),
    Sample(
        "an answer to Gemini's import prompt, with evidence",
        GEMINI_ANSWER,
        (
            Expected(
                'The user\'s name is Ada.\nEvidence: User said "call me Ada". Date: [2025-02-03].', "2025-02-03",
                ("Demographics Information",),
            ),
            Expected(
                'The user lives in Lier.\nEvidence: User said "here in Lier". Date: [2025-02-04].', "2025-02-04",
                ("Demographics Information",),
            ),
            Expected(
                'Keeps bees.\nEvidence: User said "my bees". Date: [2025-02-05].', "2025-02-05",
                ("Interests & Preferences",),
            ),
        ),
        TEXT,
        left_out={("", "chatter"): 1},
    ),
    Sample(
        "an answer with numbered headings and nested items",
        NUMBERED_ANSWER,
        (
            Expected("Has two children, Noor and Jef", "", ("Family",)),
            Expected("Pets: Tom, Mia", "", ("Family",)),
            Expected("City: Lier", "", ("Home",)),
            Expected("Interests: Beekeeping", "", ("Interests",)),
            Expected("Long walks along the Nete", "", ("Interests",)),
        ),
        TEXT,
        left_out={("", "chatter"): 2},
    ),
    Sample(
        "an answer in German with rules and bullets",
        GERMAN_ANSWER,
        (
            Expected("Isst kein Fleisch.", "", ("Ernährung",)),
            Expected("Ernährung: Nussallergie", "", ("Ernährung",)),
            Expected("Arbeitet nachts.", "", ("Arbeit",)),
        ),
        TEXT,
        left_out={("", "chatter"): 2},
    ),
    Sample(
        "an answer in French with a table",
        TABLE_ANSWER,
        (Expected("Allergique aux noix.", "2025-01-02", ("Santé",)), Expected("Habite à Lier.", "", ("Maison",))),
        TEXT,
        left_out={("", "chatter"): 2},
    ),
    Sample(
        "an answer with JSON in a fence",
        JSON_ANSWER,
        (
            Expected("Does not eat meat.", "2025-01-02", ("diet",)),
            Expected("Lives in Lier.", "", ("home",)),
            Expected("Short answers", "", ("preferences",)),
        ),
        TEXT,
        left_out={("", "chatter"): 2},
    ),
    Sample(
        "a dated line, then an offer",
        "[2025-01-01] - One.\n\nLet me know if you want more!",
        (Expected("One.", "2025-01-01"),),
        TEXT,
        left_out={("", "chatter"): 1},
    ),
    Sample(
        "memories that sound like an assistant's sentences",
        "Here is my address for parcels: Kerkstraat 5\n\n- Based in Lier\n- If you call me, let it ring\n"
        "- Note that I am allergic to nuts\n\nNote that I cannot eat nuts.\n\nMy memories of you are dear to me.",
        (
            Expected("Here is my address for parcels: Kerkstraat 5"), Expected("Based in Lier"),
            Expected("If you call me, let it ring"), Expected("Note that I am allergic to nuts"),
            Expected("Note that I cannot eat nuts."), Expected("My memories of you are dear to me."),
        ),
        TEXT,
    ),
    Sample(
        "nested items, rules and marks of all kinds",
        "- Kids:\n  - Noor\n  - Jef\n* * *\n+ Runs far\n– Hikes a lot\n***\n1) Swims too\n___\n- \n• Reads books\n---\n"
        "- Packs for trips:\n  - a tent, with pegs\n  - a stove\n",
        (
            Expected("Kids: Noor, Jef"), Expected("Runs far"), Expected("Hikes a lot"), Expected("Swims too"),
            Expected("Reads books"), Expected("Packs for trips:\n- a tent, with pegs\n- a stove"),
        ),
        TEXT,
    ),
    Sample(
        "labels in brackets, and dates of many forms",
        "[work] - Writes compilers\n[2025-01-14]. Keeps bees.\n- [Jan 5, 2025] – Runs\n[2099-01-01] - Passport ends\n"
        "[early 2024] - Moved to Lier\n[2024-05] - Left the bank\n[date unknown] - Likes tea\n",
        (
            Expected("Writes compilers", "", ("work",)), Expected("Keeps bees.", "2025-01-14"),
            Expected("Runs", "2025-01-05"), Expected("2099-01-01: Passport ends"),
            Expected("early 2024: Moved to Lier"), Expected("Left the bank", "2024-05-01"), Expected("Likes tea"),
        ),
        TEXT,
        notes={"undated": 1},
    ),
    Sample(
        "dates without brackets",
        "2024-05-06: Moved to Lier\n2024-06-07 - Bought two hives\n2024-07-08 — Got a cat\n",
        (
            Expected("Moved to Lier", "2024-05-06"), Expected("Bought two hives", "2024-06-07"),
            Expected("Got a cat", "2024-07-08"),
        ),
        TEXT,
    ),
    Sample(
        "dates in words without brackets",
        "Jan 5, 2025: I moved.\n6 Jan 2025 - I paint.\n",
        (Expected("I moved.", "2025-01-05"), Expected("I paint.", "2025-01-06")),
        TEXT,
    ),
    Sample(
        "one date at the start of a line is part of the text",
        "2019-05-04: we married\nI keep bees\nI run\n",
        (Expected("2019-05-04: we married"), Expected("I keep bees"), Expected("I run")),
        TEXT,
    ),
    Sample(
        "code with comments stays whole",
        "- Deploy with:\n  ```bash\n  # restart\n  make deploy\n  ```\n- Run tests first\n\n```sh\n# list\nls\n```\n",
        (
            Expected("Deploy with:\n```bash\n# restart\nmake deploy\n```"), Expected("Run tests first"),
            Expected("```sh\n# list\nls\n```"),
        ),
        TEXT,
    ),
    Sample(
        "a rule is no memory, and nothing above it is lost",
        "I am allergic to nuts.\n---\nI live in Lier.\n",
        (Expected("I am allergic to nuts."), Expected("I live in Lier.")),
        TEXT,
    ),
    Sample(
        "headings in bold that are memories themselves, and empty ones",
        "# About me\n\n## Empty\n\n## Facts\n**Vegetarian**\n\n**Born in Ghent**\n\n## Family\n"
        "Kids:\n- Noor\n- Jef\n\nI run a lot every day.\n",
        (
            Expected("Facts: Vegetarian", "", ("About me", "Facts")),
            Expected("Born in Ghent", "", ("About me", "Facts")),
            Expected("Kids: Noor", "", ("About me", "Family", "Kids")),
            Expected("Kids: Jef", "", ("About me", "Family", "Kids")),
            Expected("I run a lot every day.", "", ("About me", "Family")),
        ),
        TEXT,
        left_out={("", "blank"): 1},
    ),
    Sample(
        "a Markdown file with nothing but items",
        "# From ChatGPT\n\n- Keeps bees in Lier.\n- Runs every day.\n- Vegan\n",
        (
            Expected("Keeps bees in Lier.", "", ("From ChatGPT",)), Expected("Runs every day.", "", ("From ChatGPT",)),
            Expected("From ChatGPT: Vegan", "", ("From ChatGPT",)),
        ),
        TEXT,
        name="list.md",
    ),
    Sample(
        "files named after memories",
        Zip({"export/my memories.md": "- tea\n- long walks\n", "export/facts.txt": "* Is tall\n* Has a cat\n"}),
        (Expected("tea"), Expected("long walks"), Expected("Is tall"), Expected("Has a cat")),
        TEXT,
    ),
    Sample(
        "old encodings and line endings",
        "- Ich züchte Bienen.\r\n- Ich wohne in Köln.\r\n".encode("cp1252"),
        (Expected("Ich züchte Bienen."), Expected("Ich wohne in Köln.")),
        TEXT,
        name="liste.txt",
    ),
    Sample(
        "rules of coding agents",
        Zip(RULES),
        (
            Expected("This is the code of the hive monitor."),
            Expected("Commands: `make test`: run the tests"),
            Expected("Commands: Lint with:\n```bash\n# fast\nmake lint\n```"),
            Expected("Style > Python: Use ruff."),
            Expected("Style > Python: Never print."),
            Expected("Python style (*.py): Use type hints"),
            Expected("Python style (*.py): Keep functions short"),
            Expected("We build with Bazel."),
            Expected("Answer in English."),
            Expected("web/**: Use semantic HTML"),
            Expected("Ask before deleting files"),
            Expected("You write Rust."),
            Expected("Key Principles: Write concise code."),
            Expected("Never commit secrets."),
            Expected("Run:\n```sh\n# all\nmake\n```"),
            Expected("A monitor for hives."),
            Expected("Progress > Done: The login works"),
            Expected("The user prefers dark mode."),
            Expected("uv: packages"),
        ),
        frozenset({"agent_rules"}),
        left_out={("proj/.claude/settings.json", "not_content"): 1, ("proj/CLAUDE.local.md", "not_a_memory"): 1},
    ),
    Sample(
        "an answer with emoji, numbers, notes and totals around a table",
        "# Memory export\n\n### 🏠 2. Home & Family\n- *Kids*:\n  - **Noor** (12)\n  - **Jef** (9), plays chess.\n\n"
        "| # | Memory |\n|---|---|\n| 1 | Has a cat named Tom |\n\nTotal: 2 memories\n\n"
        "**Note:** I may have missed some details. Let me know!\n",
        (
            Expected("Kids:\n- Noor (12)\n- Jef (9), plays chess.", "", ("Home & Family",)),
            Expected("Has a cat named Tom", "", ("Home & Family",)),
        ),
        TEXT,
        left_out={("", "chatter"): 3},
    ),
    Sample(
        "a diary, and lines led by one above",
        "2025-01-01\nI kept bees.\n\n## 2025-01-02\n- I ran.\n\n# Kids\nNames:\nNoor\nJef\n\nWishes:\n"
        "Noor wants a dog.\nJef wants a cat.\n",
        (
            Expected("I kept bees.", "2025-01-01"), Expected("I ran.", "2025-01-02"),
            Expected("Names: Noor, Jef", "", ("Kids",)), Expected("Noor wants a dog.", "", ("Kids", "Wishes")),
            Expected("Jef wants a cat.", "", ("Kids", "Wishes")),
        ),
        TEXT,
    ),
    Sample(
        "conversations copied from a page and saved as Markdown",
        (
            ("page.txt", "You said:\nI keep bees.\nHow many hives?\n\nChatGPT said:\nThree.\n\nYou said:\nI run.\n"),
            ("saved.md", "## Prompt:\nI paint.\n\n## Response:\nNice.\n"),
            ("turns.txt", "**User:** I hike.\n\n**Claude:** Where?\n\n**User:** In Wales.\n\n**Claude:** Ah.\n"),
        ),
        (
            Expected("I keep bees.\nHow many hives?"), Expected("I run."), Expected("I paint."), Expected("I hike."),
            Expected("In Wales."),
        ),
        frozenset({"transcript"}),
        left_out={
            ("page.txt", "of_the_assistant"): 1, ("saved.md", "of_the_assistant"): 1,
            ("turns.txt", "of_the_assistant"): 2,
        },
    ),
    Sample(
        "lines with names in front are no conversation",
        "User: Ada\nCity: Lier\nAssistant: Bo\n",
        (Expected("User: Ada"), Expected("City: Lier"), Expected("Assistant: Bo")),
        TEXT,
    ),
    Sample(
        "quoted, escaped and wide brackets",
        (
            ("a.txt", "> [2025-01-01] - I keep bees.\n> [2025-01-02] - I run.\n"),
            ("b.txt", "\\[2025-01-03\\] - I hike.\n【2025-01-04】 我养蜜蜂。\n"),
        ),
        (
            Expected("I keep bees.", "2025-01-01"), Expected("I run.", "2025-01-02"), Expected("I hike.", "2025-01-03"),
            Expected("我养蜜蜂。", "2025-01-04"),
        ),
        TEXT,
    ),
    Sample(
        "Claude Code's memory folder",
        Zip(CLAUDE_CODE),
        (
            Expected("Old notes: moved to Lier in 2024"),
            Expected("User is a senior nurse\n\nWorks nights.", "", ("user",)),
            Expected("Run the tests first, because a release broke.", "2026-02-03", ("feedback",)),
        ),
        frozenset({"agent_rules", "claude_code"}),
        left_out={("memory/MEMORY.md", "same_content"): 1},
    ),
    Sample(
        "OpenClaw's workspace: what is about the agent stays out",
        Zip(OPENCLAW),
        (Expected("Name: Ada"), Expected("Timezone: Europe/Brussels"), Expected("Be brief.")),
        frozenset({"agent_rules"}),
        left_out={("workspace/SOUL.md", "of_an_agent"): 1},
    ),
    Sample(
        "mem0's plugin: a block for each memory",
        MEM0_PLUGIN,
        (
            Expected("We build with Bazel.", "2026-01-02T03:04:05", ("builds", "tools", "decision")),
            Expected("Deploys go out on Monday.\n\n---\n\nNot on holidays.", "2026-01-03"),
        ),
        frozenset({"mem0_markdown"}),
        name="mem0-export-hive-2026-02-01.md",
        notes={"fields_dropped": 1},
    ),
)  # fmt: skip
