"""The lines of activities in HTML, in which places and line breaks tell what a text is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

MAX_HTML_CHARACTERS = 2_000_000  # of one piece; parsed, it takes up to a hundred times its characters
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
})  # fmt: skip
SPACED = frozenset({"p", "pre", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript"})
SPACES = re.compile(r"[ \t\r\n\f]+")
ELSEWHERE = ("http:", "https:", "mailto:", "#", "data:", "javascript:", "//")


@dataclass
class HtmlLine:
    """A line of text; a no-break space stays. is_in_block: it is in an element of its own, or after one."""

    text: str
    is_in_block: bool
    has_file: bool


def parse_html(html: str) -> etree._Element | None:
    """Return the root of a piece of HTML; None for an empty one. Nothing is loaded."""
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root: etree._Element | None = etree.fromstring(html.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, etree.ParserError, ValueError):
        return None
    return root


def iterate_lines(root: etree._Element) -> Iterator[HtmlLine]:
    """Yield the lines of an element, also empty ones."""
    pieces: list[str] = []
    line = HtmlLine("", is_in_block=False, has_file=False)
    unseen = 0
    is_in_block = False
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = str(element.tag)
        is_start = event == "start"
        if tag in UNSEEN:
            unseen += 1 if is_start else -1
        is_break = tag == "br" and is_start
        if is_break or (tag in BLOCKS and element is not root):
            line.text = SPACES.sub(" ", "".join(pieces)).strip(" ")
            if line.text or is_break:
                yield line
            if tag in SPACED and not is_start:
                yield HtmlLine("", is_in_block=True, has_file=False)
            is_in_block = is_in_block or not is_break
            pieces = ["- "] if tag == "li" and is_start else []
            line = HtmlLine("", is_in_block, has_file=False)
        if is_start and tag in ("a", "img"):
            target = (element.get("href") or element.get("src") or "").strip().lower()
            line.has_file = line.has_file or (bool(target) and not target.startswith(ELSEWHERE))
        text = element.text if is_start else element.tail if element is not root else None
        if text and not unseen:
            pieces.append(text)
    line.text = SPACES.sub(" ", "".join(pieces)).strip(" ")
    yield line
