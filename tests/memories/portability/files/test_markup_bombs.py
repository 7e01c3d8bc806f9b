"""Markup that is small and expands without end is left out, or read in linear time; what is beside it comes.

Nothing is timed: with quadratic or exponential work these tests would take minutes.
"""

import base64
from collections.abc import Callable

import pytest

from tests.memories.portability.files.zips import make_line, store_zip
from tests.memories.portability.reading import read_file

DEEP = 60_000
GEMINI = "Takeout/My Activity/Gemini Apps/MyActivity.html"
NOTION = "Bees 1a2b3c4d5e6f708192a3b4c5d6e7f809.html"
NOTE = "<en-note>I run.</en-note>"
LONG = 200_000
LAUGHS = "".join("<!ENTITY l%d '%s'>" % (n, f"&l{n - 1};" * 10) for n in range(1, 12))  # noqa: UP031
ALIASES = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def enex(content: str, head: str = "", title: str = "Bees") -> str:
    note = f"<note><title>{title}</title><content><![CDATA[{content}]]></content></note>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<en-export>{note}</en-export>'


def note(properties: str) -> str:
    return f"---\n{properties}---\nI keep bees.\n"


def nest(tag: str, count: int = DEEP) -> str:
    return f"<{tag}>" * count + "I keep bees." + f"</{tag}>" * count


def many_attributes() -> str:
    return " ".join(f"a{n}='1'" for n in range(50_000))


def define(entities: str) -> str:
    return f"<!DOCTYPE en-export [{entities}]>"


def div(kind: str, content: str) -> str:
    return f'<html><div class="{kind}">{content}</div></html>'


def activity(cell: str) -> str:
    head = '<div class="header-cell"><p>Gemini Apps<br></p></div>'
    return div(
        "outer-cell", f'{head}<div class="content-cell">Prompted {cell}<br>Jan 1, 2025, 8:00:00 AM UTC</div>'
    )


BOMBS: dict[str, tuple[str, Callable[[], str]]] = {
    "YAML aliases": ("a.md", lambda: note(ALIASES)),
    "YAML aliases as tags": ("a.md", lambda: note(f"{ALIASES}tags: *a11\n")),
    "YAML that contains itself": ("a.md", lambda: note("tags: &a [*a, {b: *a}]\n")),
    "YAML merge keys": ("a.md", lambda: note("a: &a {b: 1}\n" + "c: {<<: [" + "*a, " * 5_000 + "*a]}\n")),
    "YAML lists in lists": ("a.md", lambda: note("tags: " + "[" * DEEP + "]" * DEEP + "\n")),
    "YAML maps in maps": ("a.md", lambda: note("a: " + "{a: " * 5_000 + "}" * 5_000 + "\n")),
    "YAML indentation": ("a.md", lambda: note("".join(f"{' ' * n}a:\n" for n in range(600)))),
    "YAML object": ("a.md", lambda: note("a: !!python/object/apply:os.system ['touch /tmp/never']\n")),
    "YAML long number": ("a.md", lambda: note(f"a: {'9' * LONG}\nb: 1{':59' * 30_000}\n")),
    "YAML spaces": ("a.md", lambda: note(f"a:{' ' * LONG}b\n{' ' * LONG}\n")),
    "YAML in TOML": ("a.md", lambda: "+++\na = " + "[" * DEEP + "]" * DEEP + "\n+++\nI keep bees.\n"),
    "XML entities": ("a.enex", lambda: enex(NOTE, define(f"<!ENTITY l0 'x'>{LAUGHS}"), "&l11;")),
    "XML long entity": ("a.enex", lambda: enex(NOTE, define(f"<!ENTITY a '{'x' * 50_000}'>"), "&a;" * 20_000)),
    "XML external entity": ("a.enex", lambda: enex(NOTE, define("<!ENTITY a SYSTEM 'file:///etc/passwd'>"), "&a;")),
    "XML external document type": ("a.enex", lambda: enex(NOTE, "<!DOCTYPE en-export SYSTEM 'http://127.0.0.1:9/a.dtd'>")),
    "XML elements in elements": ("a.enex", lambda: f"<en-export>{nest('note')}</en-export>"),
    "XML attributes": ("a.enex", lambda: f"<en-export {many_attributes()}></en-export>"),
    "HTML in ENEX": ("a.enex", lambda: enex(f"<en-note>{nest('div')}</en-note>")),
    "HTML entities in ENEX": ("a.enex", lambda: enex(f"{define(LAUGHS)}<en-note>&l11;</en-note>")),
    "HTML elements in elements": ("a.html", lambda: f"<html><body>{nest('div')}</body></html>"),
    "HTML lists in lists": ("a.html", lambda: f"<ul>{nest('li', 20_000)}</ul>"),
    "HTML quotes in quotes": ("notes/a.html", lambda: nest("blockquote", 20_000)),
    "HTML tables in tables": ("a.html", lambda: "<table><tr><td>" * 5_000),
    "HTML formatting that is not closed": ("a.html", lambda: "<b><p>" * 3_000 + "I keep bees."),
    "HTML elements that are not closed": ("a.html", lambda: "<html><body>" + "<p>a" * 50_000),
    "HTML less-than signs": ("a.html", lambda: "<html>" + "<" * LONG),
    "HTML comment": ("a.html", lambda: "<html>" + "<!--" * 50_000),
    "HTML attributes": ("a.html", lambda: f"<html><p {many_attributes()}>a"),
    "HTML script": ("a.html", lambda: "<html>" + "<script>" * 50_000),
    "Keep's HTML": ("Takeout/Keep/a.html", lambda: div("note", div("content", nest("div")))),
    "Gemini's HTML": (GEMINI, lambda: activity(nest("div"))),
    "Gemini's cells": (GEMINI, lambda: activity("") * 3_000),
    "Notion's HTML": (NOTION, lambda: div("page sans", div("page-body", nest("div")))),
    "CSV quote": ("a.csv", lambda: 'text,tags\n"' + "I keep bees.\n" * 20_000),
    "CSV columns": ("a.csv", lambda: "text" + ",a" * 5_000 + "\nI keep bees." + "," * 5_000 + "\n"),
    "CSV quotes": ("a.csv", lambda: "text\n" + '"' * LONG + "\n"),
    "CSV delimiters": ("a.csv", lambda: ",;\t|" * 2_000),
    "Markdown headings": ("a.md", lambda: "# " * LONG),
    "Markdown stars": ("a.md", lambda: "*" * LONG + "a" + "**" * LONG),
    "Markdown brackets": ("a.md", lambda: "[" * LONG + "](a)"),
    "Markdown links": ("a.md", lambda: "[[a|" * 50_000),
    "Markdown fences": ("a.md", lambda: "```\n" * 50_001),
    "Markdown lists in lists": ("a.md", lambda: "".join(f"{' ' * (n % 900)}- a\n" for n in range(9_000))),
    "Markdown tags": ("a.md", lambda: "#a" * LONG),
    "Markdown table": ("a.md", lambda: "|a" * 50_000 + "\n" + "|-" * 50_000 + "\n" + "|b" * 50_000 + "\n"),
    "lines of dates": ("a.txt", lambda: "[2025-01-01" * 30_000),
    "lines of colons": ("a.txt", lambda: "Assistant: " * 30_000),
    "line of spaces": ("a.txt", lambda: "a" + " " * LONG + "b"),
    "lines of separators": ("My Clippings.txt", lambda: "==========\n" * 20_000),
    "properties": ("a.md", lambda: "a:: b\n" * 20_000),
    "page of spaces": ("pages/a.md", lambda: "title:: a\n" + " " * LONG + "b"),
    "mails": ("a.txt", lambda: "From: a\nTo: " + "a@b.c, " * 30_000),
    "data URL": ("a.md", lambda: f"![](data:image/png;base64,{base64.b64encode(bytes(LONG)).decode()})\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_markup_bomb_is_read_or_left_out_and_loses_no_other(name: str) -> None:
    path, build = BOMBS[name]
    outcome = read_file(store_zip([(path, build().encode()), ("bees.jsonl", make_line("I sail."))]))
    assert outcome.files["bees.jsonl"].texts == ["I sail."]
    assert outcome.files[path].items or outcome.files[path].skipped
    assert sum(len(item.text) for item in outcome.items) < 10_000_000
    assert not any("root:" in item.text for item in outcome.items)
