"""Lists and texts: what samples cannot say."""

import io
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files.archives import NamedFile
from memories.portability.readers.texts import memory_list
from memories.portability.readers.texts.chatter import is_closing, is_opening
from memories.portability.readers.texts.memory_list import ListOptions, read_memory_list
from memories.portability.readers.texts.paragraphs import split_paragraph
from tests.memories.portability.reading import read_file, read_sources

OPENINGS = [
    "Gerne!",
    "Ich habe folgende Informationen über dich gespeichert:",
    "Here you go:",
    "あなたについて記憶していることは以下のとおりです。",
    "إليك كل ما أعرفه عنك:",
    "Ось що я пам'ятаю про тебе:",
    "Here is everything I have stored about you:",
    "Sure! Here’s what I know about you:",
    "**Below are all of your stored memories.**",
    "Based on our conversations, this is what I remember about you:",
    "Hier ist alles, was ich über dich gespeichert habe:",
    "Gerne! Das weiß ich über Sie:",
    "Voici tout ce que je sais de vous :",
    "Claro, aquí tienes todo lo que sé sobre ti:",
    "Claro! Aqui está tudo o que sei sobre você:",
    "Certo! Ecco tutto quello che so di te:",
    "Natuurlijk! Hier is alles wat ik over je heb onthouden:",
    "Oto wszystko, co o Tobie zapamiętałem — Twoje wspomnienia:",
    "Här är allt jag har sparat om dig:",
    "Вот что я помню о вас:",
    "以下は、私があなたについて記憶していることです：",
    "以下是我记住的关于你的所有信息：",
    "다음은 제가 당신에 대해 기억하고 있는 내용입니다:",
]
CLOSINGS = [
    "✨ If you'd like, I can turn this into a profile.",
    "他に知りたいことがあれば教えてください。",
    "수정하거나 삭제하고 싶은 내용이 있으면 말씀해 주세요.",
    "هل تريدين تعديل أي شيء؟",
    "That is the complete set; nothing more remains.",
    "This is the complete set of memories.",
    "Let me know if you want more!",
    "Would you like me to update any of these?",
    "If you'd like, I can group them.",
    "Imported from: ChatGPT",
    "Das ist alles, was ich gespeichert habe.",
    "Möchtest du etwas ergänzen?",
    "C'est tout. N'hésitez pas !",
    "Eso es todo. ¿Quieres añadir algo?",
    "Isso é tudo.",
    "Questo è tutto. Fammi sapere!",
    "Dat is alles. Laat maar weten of er iets ontbreekt.",
    "Det är allt jag har.",
    "Это всё.",
    "以上です。",
    "如果你需要更多，请告诉我。",
]
MEMORIES = [
    "I keep bees.",
    "Here is my address: Kerkstraat 5",
    "This is my favourite recipe: two eggs.",
    "Ok with cats, not with dogs.",
    "Based in Lier, works in Ghent.",
    "Everything I own is in Lier.",
    "Note that I am allergic to nuts.",
    "If I call twice, pick up.",
    "My memories of you are dear to me.",
    "Great with children",
    "Das Haus ist in Lier.",
    "Klar denkt sie nur am Morgen.",
    "Todo lo que sé lo aprendí de mi abuela.",
    "Certo non amo il caffè.",
    "You keep bees.",
    "Your daughter is called Noor.",
    "User wants to be told when something is unclear.",
    "To be let in, ring twice.",
    "Should be called after 2 pm",
    "Wil graag kort antwoord",
]


@pytest.mark.parametrize("text", OPENINGS)
def test_opening_of_an_assistant_is_known(text: str) -> None:
    assert is_opening(text)


@pytest.mark.parametrize("text", CLOSINGS)
def test_closing_of_an_assistant_is_known(text: str) -> None:
    assert is_closing(text)


@pytest.mark.parametrize("text", MEMORIES)
def test_memory_is_no_sentence_of_an_assistant(text: str) -> None:
    assert not is_opening(text)
    assert not is_closing(text)


def test_text_with_nothing_but_such_sentences_is_kept() -> None:
    texts = ["Here is everything I have stored about you:", "Let me know if you want more!"]
    assert read_file("\n\n".join(texts)).texts == texts


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["I keep bees", "I run", "I paint"], 3),
        (["likes tea", "hates coffee", "vegan"], 3),
        (["User keeps bees in three hives by the river.", "User runs."], 2),
        (["I hike", "every week."], 1),
        (["I live in Lier,", "Belgium"], 1),
        (["I use an", "iPhone"], 2),
        (["Ich wohne in Lier und arbeite seit vielen Jahren als Pfleger im", "Krankenhaus der Stadt."], 1),
        (["我养蜜蜂。", "我跑步。"], 2),
    ],
)
def test_lines_of_a_paragraph(lines: list[str], count: int) -> None:
    assert len(split_paragraph(lines)) == count


def test_indented_lines_belong_to_dated_line_but_headings_and_items_do_not() -> None:
    text = """\
- [2025-03-01] - To buy:
  - bread

  # Later
    tea
**Home**
  - a cat
[2025-04-02] - I hike
far.
- Tea
"""
    outcome = read_file(text)
    assert outcome.texts == ["To buy:\n- bread\n\n# Later\n  tea", "Home: a cat", "I hike\nfar.", "Home: Tea"]
    assert outcome.tags == [(), ("Home",), ("Home",), ("Home",)]


def test_text_of_an_entry_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_list, "MAX_TEXT_BYTES", 10_000)
    for text in ("[2025-01-01] - a\n" + "b\n" * 6_000, "```sh\n" + "# b\n" * 6_000, "|a|\n" * 6_000):
        with pytest.raises(ValidationError) as refusal:
            read_file(text)
        assert refusal.value.error_dict["file"][0].code == "entry_too_large"


@pytest.mark.parametrize(
    "line",
    [
        "```x\n~~~y\n",
        "- **a**\n",
        "# \n",
        "**a**\n",
        "a:\n- b\n",
        "|a|b|\n|-|-|\n",
        "[a] - b\n",
        "- - - x\n",
        "    - a\n",
        f"# a{' ' * 280}b\n",
        f"**a**{' ' * 280}b\n",
    ],
)
def test_hostile_lines_are_read_in_linear_time(line: str) -> None:
    started = time.process_time()
    read_sources(NamedFile(io.BytesIO(line.encode() * (20_000 if len(line) < 100 else 1_500))))
    assert time.process_time() - started < 4


@pytest.mark.parametrize("line", ["---{}x", "* * *{}x", "```{}`", "- **a**{}x"])
def test_long_line_of_spaces_is_read_in_linear_time(line: str) -> None:
    started = time.process_time()
    read_file("- a\n- b\n" + line.format(" " * 100_000))
    assert time.process_time() - started < 4


def test_marks_that_close_a_heading_are_no_part_of_it() -> None:
    outcome = read_file(
        "# Work ##\n\n- I write compilers.\n- I test them.\n\n# C#\n\n- I write it at home.\n"
    )
    assert outcome.tags == [("Work",), ("Work",), ("C#",)]


def test_deep_nesting_is_read() -> None:
    deep = "".join(f"{'  ' * level}- **a{level}**\n" for level in range(500))
    fences = "".join("`" * (500 - level) + "\n- a\n" for level in range(490))
    assert read_file(deep).items
    assert read_file(fences).items


def test_long_list_is_read_as_a_stream() -> None:
    taken = 0

    def write_lines() -> Iterator[str]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield f"User has fact number {number}."

    next(read_memory_list(write_lines(), ListOptions()))
    assert taken <= memory_list.PARAGRAPH_LINES


def test_bold_evidence_tells_the_date() -> None:
    text = (
        "Here is what I know about you:\n\n"
        '* Lives in Lier.\n    * **Evidence:** "here in Lier". **Date:** 2024-05-06.\n'
        "* Keeps bees.\n    * **Date:** [May 7, 2024]\n"
        "\n**Relationships**\n* No information available.\n"
    )
    outcome = read_file(text)
    assert outcome.texts == [
        'Lives in Lier.\nEvidence: "here in Lier". Date: 2024-05-06.',
        "Keeps bees.\nDate: [May 7, 2024]",
    ]
    assert [time and time.day for time in outcome.times] == [6, 7]
    assert outcome.skipped == {"chatter": 2}


@pytest.mark.parametrize("form", ["({})", "[saved {}]", "(Saved on {})", "— {}", "*({})*"])
def test_date_at_the_end_of_each_item(form: str) -> None:
    dates = ("Jan 3, 2025", "2025-01-04")
    text = "".join(
        f"- {name} {form.format(date)}\n" for name, date in zip(("Keeps bees.", "Runs"), dates, strict=True)
    )
    outcome = read_file(text)
    assert outcome.texts == ["Keeps bees.", "Runs"]
    assert [time and time.day for time in outcome.times] == [3, 4]


def test_date_at_the_end_of_some_items_is_part_of_them() -> None:
    outcome = read_file("- Keeps bees\n- Moved to Lier (Jan 3, 2025)\n")
    assert outcome.texts == ["Keeps bees", "Moved to Lier (Jan 3, 2025)"]


def test_items_below_a_dated_entry_with_a_colon_are_of_it() -> None:
    text = "1. [2025-01-01]. User wants:\n- short answers\n- no emoji\n\n2. [2025-01-02]. User runs.\n"
    assert read_file(text).texts == ["User wants:\n- short answers\n- no emoji", "User runs."]


def test_words_of_the_page_between_memories_are_no_memories() -> None:
    outcome = read_file("Memory updated\nUser keeps bees.\nMemory updated\nUser runs.\n")
    assert (outcome.texts, outcome.skipped) == (["User keeps bees.", "User runs."], {"chatter": 2})


def test_bold_within_a_cell_of_a_table() -> None:
    table = "| Memory | Date saved |\n|---|---|\n| **Allergic** to nuts<br/>and kiwis | Jan 3, 2025 |\n"
    outcome = read_file(table)
    assert (outcome.texts, outcome.notes) == (["Allergic to nuts\nand kiwis"], {})
    assert outcome.times[0] is not None


@pytest.mark.parametrize(
    ("person", "assistant"),
    [
        ("Du hast gesagt:", "ChatGPT hat gesagt:"),
        ("Vous avez dit :", "ChatGPT a dit :"),
        ("Has dicho:", "ChatGPT ha dicho:"),
        ("Você disse:", "O ChatGPT disse:"),
        ("Hai detto:", "ChatGPT ha detto:"),
        ("Je zei:", "ChatGPT zei:"),
        ("你说：", "ChatGPT 说："),
        ("Вы сказали:", "ChatGPT сказал:"),
    ],
)
def test_copied_conversation_in_other_languages(person: str, assistant: str) -> None:
    outcome = read_file(f"{person}\nI keep bees\n\n{assistant}\nYou are a genius\n")
    assert (outcome.texts, outcome.skipped) == (["I keep bees"], {"of_the_assistant": 1})


def test_conversation_saved_by_an_extension() -> None:
    fields = "**User:** Ada (ada@example.org)  \n**Created:** 1/13/2025 10:00:00  \n**Link:** [x](https://x.org)  \n"
    turns = "## Prompt:\n1/13/2025, 10:00:00\n\nI keep bees.\n\n## Response:\n1/13/2025, 10:00:05\n\nNice!\n"
    outcome = read_file(f"# Bees\n\n{fields}\n{turns}", "chat.md")
    assert (outcome.texts, outcome.skipped) == (["I keep bees."], {"not_a_memory": 1, "of_the_assistant": 1})
    assert outcome.times[0] is not None


def test_file_of_memories_that_an_assistant_has_written() -> None:
    text = "# 🧠 ChatGPT Memory Export\n\n**Exported:** 2025-06-01\n\n## 👤 Me\n\n- **Name**: Ada\n- Keeps bees.\n"
    outcome = read_file(f"{text}\n*Generated by ChatGPT*\n", "chatgpt-memory.md")
    assert (outcome.texts, outcome.tags) == (["Name: Ada", "Keeps bees."], [("Me",)] * 2)
    assert outcome.skipped == {"chatter": 3}


def test_parts_of_an_answer() -> None:
    text = (
        "Here is part 1:\n```\n[2025-01-03] - Keeps bees.\n```\nAnd part 2:\n```\n[2025-01-04] - Runs.\n```\n"
    )
    outcome = read_file(f"{text}That’s everything.")
    assert (outcome.texts, outcome.skipped) == (["Keeps bees.", "Runs."], {"chatter": 3})


@pytest.mark.parametrize(("first", "month"), [("1/13/2025", 2), ("13/1/2025", 3)])
def test_other_dates_of_a_list_tell_which_is_the_month(first: str, month: int) -> None:
    for zone in (ZoneInfo("Europe/Brussels"), ZoneInfo("America/Los_Angeles")):
        (_first, time) = read_file(f"[{first}] - Keeps bees.\n[2/3/2025] - Runs.\n", zone=zone).times
        assert time is not None
        assert time.astimezone(zone).month == month


def test_date_in_bold_leads_its_entry() -> None:
    outcome = read_file("[2025-01-02] - Paints.\n**2025-01-03** — Keeps bees.\n- **2025-01-04:** Runs.\n")
    assert outcome.texts == ["Paints.", "Keeps bees.", "Runs."]
    assert [time and time.day for time in outcome.times] == [2, 3, 4]


@pytest.mark.parametrize(
    "opening", ["Sure! Here is the list:", "Hier ist die Liste:", "Here are the facts as JSON:"]
)
def test_sentences_around_a_block_of_json_are_no_memories(opening: str) -> None:
    block = '```json\n[{"memory": "Keeps bees", "date": "2025-01-01"}, {"memory": "Runs"}]\n```'
    outcome = read_file(f"{opening}\n{block}\nAnything else?")
    assert (outcome.texts, outcome.skipped) == (["Keeps bees", "Runs"], {"chatter": 2})


@pytest.mark.parametrize(
    "memory",
    [
        "Any questions I ask in French should be answered in French.",
        "Anything more than 5 km is too far for me.",
        "Here is a list of my allergies: nuts, kiwis.",
    ],
)
def test_memories_that_begin_like_an_assistants_sentence_stay(memory: str) -> None:
    assert read_file(f"- Keeps bees.\n- {memory}\n").texts == ["Keeps bees.", memory]
