"""Text of HTML: without markup, scripts and styles, and with its paragraphs, lists and tables as lines."""

import re
from typing import cast

from lxml import etree

from memories.portability.files.json_stream import make_entry_too_large_error

MAX_HTML_CHARACTERS = 20_000_000
MAX_LIST_DEPTH = 6  # deeper items are indented no further
PIECE_CHARACTERS = 65_536  # given to the parser at once
INDENT = "  "
SPACES = re.compile(r"[ \t\r\n\f\xa0]+")

DROPPED = frozenset(
    {"script", "style", "head", "template", "noscript", "svg", "math", "object", "iframe", "en-crypt"}
)
PARAGRAPHS = frozenset(
    {
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "table",
        "figure",
        "hr",
        "section",
        "article",
    }
)
LINES = frozenset(
    {"div", "li", "tr", "dt", "dd", "header", "footer", "main", "nav", "aside", "address", "caption", "summary",
     "details", "figcaption", "form", "fieldset", "legend", "option", "body", "html", "en-note", "tbody", "thead"}
)  # fmt: skip
LISTS = frozenset({"ul", "ol", "menu", "dl"})
CELLS = frozenset({"td", "th"})
EVERNOTE_TASK = re.compile(r"--en-checked:\s*(true|false)")
CHECKED, UNCHECKED = "[x] ", "[ ] "


def html_to_text(html: str, *, with_links: bool = True) -> str:
    """Return the text of an HTML document or fragment.

    Lines are as they are displayed; items begin with "- " or their number, tasks with "[x] " or "[ ] ". with_links: the
    address of a link follows its text in parentheses. Reads in linear time, whatever is nested in what. Raises
    ValidationError (file) above MAX_HTML_CHARACTERS.
    """
    if len(html) > MAX_HTML_CHARACTERS:
        raise make_entry_too_large_error()
    writer = _TextWriter(with_links=with_links)
    parser = etree.HTMLParser(
        target=cast("etree.ParserTarget", writer), no_network=True, huge_tree=True, encoding="utf-8"
    )
    data = html.replace("\0", "").encode("utf-8", "replace")
    for start in range(0, len(data), PIECE_CHARACTERS):
        parser.feed(data[start : start + PIECE_CHARACTERS])
    if data:
        parser.close()
    return writer.get_text()


class _TextWriter:
    """Collects the text of parser events; keeps counters of open elements in place of a tree."""

    def __init__(self, *, with_links: bool) -> None:
        self._with_links = with_links
        self._lines: list[str] = []
        self._line: list[str] = []
        self._blank_wanted = False
        self._dropped = 0
        self._preformatted = 0
        self._lists: list[int | None] = []  # the number of the next item; None if items have none
        self._links: list[tuple[str, int]] = []  # the address of an open link, and where its text begins
        self._marker = ""
        self._tables: list[int] = []  # how many cells of the current row of each open table were met

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in DROPPED:
            self._dropped += 1
        elif tag == "body":
            self._dropped = 0
        elif tag == "br":
            self._break_line()
        elif tag in PARAGRAPHS:
            self._start_block(is_paragraph=True)
            self._preformatted += tag == "pre"
            self._tables += [0] if tag == "table" else []
        elif tag in LISTS:
            self._start_block(is_paragraph=not self._lists)
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._start_block()
            self._marker = self._take_item_marker()
            if match := EVERNOTE_TASK.search(attributes.get("style", "")):
                self._marker += CHECKED if match[1] == "true" else UNCHECKED
        elif tag in CELLS and self._tables:
            self._line += [" | "] if self._tables[-1] else []
            self._tables[-1] += 1
        elif tag in LINES:
            self._start_block(is_row=tag == "tr")
        elif tag == "en-todo" or (tag == "input" and attributes.get("type") == "checkbox"):
            self._line.append(CHECKED if attributes.get("checked", "false") != "false" else UNCHECKED)
        elif tag == "a":
            self._links.append((attributes.get("href", ""), len(self._line)))

    def end(self, tag: str) -> None:
        if tag in DROPPED:
            self._dropped = max(self._dropped - 1, 0)
        elif tag in PARAGRAPHS:
            if tag == "table" and self._tables:
                self._tables[-1] = 0
                self._end_line()
                self._tables.pop()
            self._start_block(is_paragraph=True)
            self._preformatted = max(self._preformatted - (tag == "pre"), 0)
        elif tag in LISTS:
            if self._lists:
                self._lists.pop()
            self._start_block(is_paragraph=not self._lists)
        elif tag in LINES:
            self._start_block(is_row=tag == "tr")
            self._marker = "" if tag == "li" else self._marker
        elif tag == "a" and self._links:
            self._close_link(*self._links.pop())

    def data(self, text: str) -> None:
        if self._dropped:
            return
        if self._preformatted:
            first, *others = text.split("\n")
            self._line.append(first)
            for line in others:
                self._break_line()
                self._line.append(line)
        else:
            self._line.append(SPACES.sub(" ", text))

    def comment(self, text: str) -> None:
        pass

    def pi(self, target: str, data: str | None = None) -> None:
        pass

    def close(self) -> None:
        self._end_line()

    def get_text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def _start_block(self, *, is_paragraph: bool = False, is_row: bool = False) -> None:
        """Begin a new line, after a blank one for a paragraph; what is in a cell stays in the line of its row."""
        if is_row and self._tables:
            self._tables[-1] = 0
        if self._tables and self._tables[-1]:
            self._line.append(" ")
            return
        self._end_line()
        self._blank_wanted = self._blank_wanted or (is_paragraph and not self._lists)

    def _take_item_marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        indent = INDENT * max(min(len(self._lists), MAX_LIST_DEPTH) - 1, 0)
        return f"{indent}- " if number is None else f"{indent}{number}. "

    def _close_link(self, address: str, start: int) -> None:
        if (
            not self._with_links
            or self._dropped
            or not address.startswith(("http://", "https://", "mailto:", "tel:"))
        ):
            return
        text = "".join(self._line[start:]).strip()
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if text and bare.rstrip("/") not in (text, f"http://{text}", f"https://{text}"):
            self._line.append(f" ({bare})")
        elif not text and self._line[start:]:
            self._line.append(bare)

    def _break_line(self) -> None:
        """End the line, also an empty one."""
        if self._tables and self._tables[-1]:
            self._line.append(" ")
        elif not self._end_line() and self._lines:
            self._blank_wanted = True

    def _end_line(self) -> bool:
        """Add the line unless it is empty; return whether it was added."""
        text = "".join(self._line)
        text = text.rstrip() if self._preformatted else SPACES.sub(" ", text).strip()
        self._line = []
        self._links = [(address, 0) for address, _start in self._links[-1:]]
        if not text.strip(" |"):
            return False
        if self._blank_wanted and self._lines:
            self._lines.append("")
        self._blank_wanted = False
        self._lines.append(f"{self._marker}{text}")
        self._marker = " " * len(self._marker) if self._marker else ""
        return True
