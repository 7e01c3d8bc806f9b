"""Notes are read whole, whatever they contain, in bounded time and memory."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.notes.markdown.front_matter import MAX_VALUES, split_front_matter
from memories.portability.readers.notes.markdown.note_text import find_inline_tags
from tests.memories.portability.reading import read_file, read_folder, read_zip
from tests.memories.portability.samples import files as samples

LONG = 50_000
NOTE = "---\ntags: [food]\ncreated: 2025-02-03\n---\nHydration is 70 %.\n"


def test_folder_is_read_like_zip(tmp_path: Path) -> None:
    for name, content in samples.NOTES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert sorted(read_folder(tmp_path).texts) == sorted(read_zip(samples.NOTES).texts)


def test_notes_are_no_conversation() -> None:
    """Neighbors lend each other their words, which harms notes that only lie in one folder."""
    assert {item.conversation for item in read_zip(samples.NOTES).items} == {None}


@pytest.mark.parametrize("name", ["Bread.md", "Bread.markdown"])
@pytest.mark.parametrize("content", [NOTE, "- one\n- two\n\nthree"])
def test_note_is_the_same_alone_and_in_zip(name: str, content: str) -> None:
    alone, zipped = read_file(content, name), read_zip({name: content, "Other.md": "Other."})
    assert (alone.texts, alone.tags) == (zipped.texts[:1], zipped.tags[:1])


def test_long_note_comes_whole() -> None:
    text = " ".join(f"I keep {number} bees." for number in range(150_000))
    assert read_zip({"Bees.md": text}).texts == [f"Bees\n\n{text}"]


def test_note_of_picard_links_to_the_note_that_it_replaces() -> None:
    front = "created_at: '2025-01-01T00:00:00Z'\nvisibility: private\n"
    outcome = read_zip(
        {
            "a.md": f"---\nid: b1\n{front}supersedes: a1\n---\n\nNew.",
            "b.md": f"---\nid: a1\n{front}---\n\nOld.",
        }
    )
    [link] = outcome.files["a.md"].links
    assert (outcome.texts, link.newer, link.older) == (["New.", "Old."], "b1", "a1")


# --- Front matter ---------------------------------------------------------------------------------------

VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@hypothesis_settings(max_examples=50)
@given(st.dictionaries(VALUES, VALUES | st.lists(VALUES, max_size=3), max_size=4), st.text(max_size=20))
def test_properties_written_by_yaml_library_are_read_as_they_were(
    properties: dict[str, Any], body: str
) -> None:
    head = yaml.safe_dump(properties, allow_unicode=True, sort_keys=False)
    body = f"x{body}".replace("\r", "")
    assert split_front_matter(f"---\n{head}---\n{body}") == (properties, body)


TEXTS = [
    "---\nI am allergic to nuts.\n---\nI live in Lier.",
    "---\n- a\n---\nb",
    "---\na: b",
    "---",
    "--- \n\n---x",
    "+++\nx\n+++\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_mapping_is_text(text: str) -> None:
    assert split_front_matter(text) == ({}, text)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, letter in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE_HEADS = {
    "aliases": BOMB,
    "itself": "a: &a [*a]",
    "lists": "a: " + "[" * 60_000,
    "mappings": "{a: " * 15_000,
    "items": "- " * 30_000,
    "anchors": "a: " + "&a " * 20_000,
    "open quote": 'a: "' + "x" * 60_000,
    "invalid lines": "a: b: c\n" * 7_000,
}


@pytest.mark.parametrize("head", HOSTILE_HEADS.values(), ids=HOSTILE_HEADS)
def test_hostile_properties_are_read_within_limits(head: str) -> None:
    properties, body = split_front_matter(f"---\n{head}\n---\nI keep bees.")
    assert body.endswith("I keep bees.")
    assert len(str(properties)) < 100 * MAX_VALUES


@hypothesis_settings(max_examples=100)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#\n \t,?%@`0"), max_size=60))
def test_any_properties_are_read(head: str) -> None:
    properties, body = split_front_matter(f"---\n{head}\n---\nbody")
    assert body.endswith("body")
    assert all(isinstance(key, str) for key in properties)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#a/b, #two-words and #c.", ["a/b", "two-words", "c"]),
        ("# Heading\n## More #no\n#yes", ["yes"]),
        ("`#no` and ``` #no ```", []),
        ("```\n#no\n```\n#yes\n~~~\n#no", ["yes"]),
        ("https://x.example/#no [a](#no) a#no &#no #fff0 #123 #2024-05", []),
        ("#[[two words]] #日本 #écrit", ["two words", "日本", "écrit"]),
    ],
)
def test_inline_tags_are_found_as_obsidian_does(text: str, tags: list[str]) -> None:
    assert list(find_inline_tags(text)) == tags


# --- HTML and XML ---------------------------------------------------------------------------------------

HOSTILE_HTML = {
    "div": "<div>" * LONG,
    "bold": "<b>" * LONG,
    "lists": "<ul><li>" * LONG,
    "links": "<a href='https://x.example'>x" * LONG,
    "cells": "<table><tr>" + "<td>x" * LONG,
    "tables": "<table><tr><td>" * LONG,
    "open tag": "<" * LONG,
    "comments": "<!--" * LONG,
    "entities": "&" * LONG,
    "attributes": "<a " + "b=c " * LONG + ">",
    "misnested": "<a><p></a></p>" * LONG,
    "spaces": "<p>" + " " * LONG + "<p>",
}


@pytest.mark.parametrize("html", HOSTILE_HTML.values(), ids=HOSTILE_HTML)
def test_hostile_html_is_read(html: str) -> None:
    assert len(html_to_text(html + "end")) <= 30 * LONG


def test_html_reads_as_it_is_displayed() -> None:
    html = """<html><head><title>no</title><style>p{}</style></head><body><h1>Soup</h1><p>Red <b>lentils</b>
    &amp; cumin.</p><ul><li>boil<ul><li>slowly</li></ul></li><li><p>stir</p></li></ul><ol><li>eat</ol>
    <div>one</div><div>two<br>three</div><div><br></div><table><tr><th>a</th><th>b</th></tr><tr><td><div>1</div></td>
    <td></td></tr></table><pre>x
      y</pre><a href="https://x.example/a">soup</a> <a href="https://x.example">x.example</a><script>no()</script>"""
    assert html_to_text(html) == (
        "Soup\n\nRed lentils & cumin.\n\n- boil\n  - slowly\n- stir\n\n1. eat\n\none\ntwo\nthree\n\na | b\n1 |\n\n"
        "x\n      y\n\nsoup (https://x.example/a) x.example"
    )


@given(st.text(max_size=60))
def test_any_text_is_read_as_html(text: str) -> None:
    assert "\0" not in html_to_text(f"<p>{text}</p>")


HOSTILE_XML = {
    "entities": '<!DOCTYPE a [<!ENTITY a "' + "a" * 100 + '">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 100}">' for old, new in zip("abcdef", "bcdefg", strict=True))
    + "]><en-export><note><title>&g;</title></note></en-export>",
    "depth": "<en-export>" + "<a>" * LONG,
    "truncated": "<en-export><note><title>x</title><content>",
}  # fmt: skip


@pytest.mark.parametrize("xml", HOSTILE_XML.values(), ids=HOSTILE_XML)
def test_hostile_xml_is_refused(xml: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read_file(xml, "a.enex")
    assert refusal.value.error_dict["file"][0].code in ("broken_xml", "too_deep")


def test_external_entity_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    xml = f'<!DOCTYPE a [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]><en-export><note><title>x&a;</title></note>'
    assert read_file(f"{xml}</en-export>", "a.enex").texts == ["x"]


def test_attachments_of_evernote_do_not_count_as_text() -> None:
    resource = f"<resource><data encoding='base64'>{'QUJD' * LONG}</data><title>no</title></resource>"
    xml = f"<en-export><note><title>Bees</title>{resource * 100}</note></en-export>"
    outcome = read_file(xml, "a.enex")
    assert (outcome.texts, outcome.notes) == (["Bees"], {"attachments_dropped": 1})


# --- JSON of apps ---------------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "content",
                    "title",
                    "children",
                    "string",
                    "uuid",
                    "tags",
                    "name",
                    "creationDate",
                    "location",
                ]
            ),
            below,
            max_size=4,
        )
    ),
    max_leaves=10,
)
SHAPES: dict[str, Any] = {
    "keep": lambda value: {"isTrashed": value, "textContent": value, "listContent": value, "labels": value,
                           "annotations": value, "attachments": value, "userEditedTimestampUsec": value},
    "day_one": lambda value: {"entries": [{"uuid": "a", "creationDate": "2024-01-01", "text": "x"}, value]},
    "simplenote": lambda value: {"activeNotes": [value], "trashedNotes": value},
    "standard_notes": lambda value: {"items": [{"uuid": "a", "content_type": "Note", "content": value}, value]},
    "roam": lambda value: [{"title": "a", "children": [{"string": "x"}]}, {"title": value, "children": value}, value],
    "canvas": lambda value: {"edges": [], "nodes": [{"id": 1, "type": "text", "x": 1, "y": 1, "text": value}, value]},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@hypothesis_settings(max_examples=25, deadline=None)
@given(value=ANY)
def test_malformed_entries_are_counted(name: str, value: Any) -> None:
    outcome = read_file(SHAPES[name](value), "a.json")
    assert outcome.kinds == {"a.json": name}
    assert outcome.items or outcome.skipped
