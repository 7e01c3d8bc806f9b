"""Plain text from a chat model's output: no link, image, definition or HTML tag is left for a client to follow.

A client may render an answer as Markdown. A hostile memory could then make the model hide the question in the URL of an
image. So the output is parsed as Markdown, only its text is used, and what could be Markdown again is broken up. URLs
stay if the memories or the question contain them.
"""

import html
import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Citations are between these while Markdown is parsed, since a definition would turn [1] into a link.
CITATION_START, CITATION_END = "\ue000", "\ue001"
# Controls, bidirectional controls, tags (invisible copies of ASCII), and the two above.
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ue000\ue001\U000e0000-\U000e007f]")
AUTOLINK = re.compile(r"<(https?://[^\s<>]+)>", re.IGNORECASE)
URL = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}:(?://|\\\\)|//(?=\w)|\bwww\.|\b(?:mailto|xmpp|javascript|vbscript):"
    r"|\bdata:\w+/|(?<![\w.-])[\w.-]+\.[a-z]{2,24}(?::\d{1,5})?[/?#](?=[\w/?#%&=-]))[^\s<>\ue000\ue001]*",
    re.IGNORECASE,
)
URL_ENDS = ".,;:!?)]}'\"\u201d\u2019\u00bb*_`"  # punctuation after a URL
TAG = re.compile(r"<[^<>]*>?")
BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*(?![\w*])")
EMPTY_BRACKETS = re.compile(r"\(\s*\)|<\s*>")
BRACKETS = {"[": "]", "\u3010": "\u3011", "\uff3b": "\uff3d"}
LINE_START = re.compile(r"(?:\A|\n)[ \t]*(?:[-+*>#]{1,6}|\d{1,3}[.)]?)?[ \t]*\Z")
URL_MARKS = re.compile(r"[.:/\\&!*_`]")  # a word with one of them may become a URL, an entity, or bold


def render_plain_text(output: str, known_urls: Collection[str]) -> str:
    """Return the text of Markdown. Citations between CITATION_START and CITATION_END become [1]."""
    import nh3

    text = AUTOLINK.sub(r"\1", output)
    if "<" in text or "&" in text:
        text = html.unescape(nh3.clean(text, tags=set()))
    text = "\n".join(_render_blocks(_load_parser().parse(text)))
    text = BOLD.sub(r"\1", text)
    text = URL.sub(lambda match: _keep_known_url(match[0], known_urls), text)
    text = EMPTY_BRACKETS.sub("", text)
    text = text.replace(CITATION_START, "[").replace(CITATION_END, "]")
    text = text.replace("](", "] (").replace("]:", "] :")
    text = re.sub(r"<(?=[A-Za-z/!?])", "< ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def find_urls(texts: Iterable[str]) -> frozenset[str]:
    """Return the URLs in texts, as render_plain_text compares them."""
    return frozenset(match[0].rstrip(URL_ENDS).lower() for text in texts for match in URL.finditer(text))


def find_stable_end(output: str) -> int:
    """Return how much of an unfinished output can be rendered: the rest may become part of a link, a tag or a URL."""
    end = len(output)
    opened: list[tuple[int, str]] = []
    group_start = group_end = -1  # the last bracketed group that is not within another
    for position, character in enumerate(output):
        if closing := BRACKETS.get(character):
            opened.append((position, closing))
        elif opened and character == opened[-1][1]:
            group_start, group_end = opened.pop()[0], position
    if opened:
        end = opened[0][0]
    elif group_end >= 0 and (
        group_end == end - 1 or (output[group_end + 1] == "(" and ")" not in output[group_end:])
    ):
        end = group_start
    tag = output.rfind("<")
    if tag >= 0 and ">" not in output[tag:] and not output[tag + 1 : tag + 2].isspace():
        end = min(end, tag)
    before = output[:end].rstrip("!")
    word = max(map(before.rfind, " \n\t")) + 1
    if URL_MARKS.search(before, word):
        before = before[:word]
    paragraph = before.rfind("\n\n") + 1
    for mark in ("**", "`"):
        if before.count(mark, paragraph) % 2:
            before = before[: before.rindex(mark)]
    if match := LINE_START.search(before):
        before = before[: match.start()]
    return len(before)


def _keep_known_url(found: str, known_urls: Collection[str]) -> str:
    url = found.rstrip(URL_ENDS)
    return found if url.lower() in known_urls else found[len(url) :]


def _render_blocks(tokens: "Iterable[Token]") -> Iterable[str]:
    """Yield lines; an empty one separates paragraphs, but not the items of a list without blank lines."""
    prefix, depth, is_tight, is_first = "", 0, False, True
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "list_item_open":
            mark = f"{token.info}{token.markup}" if token.info else "-"
            prefix = f"{'  ' * (depth - 1)}{mark} "
        elif token.type == "paragraph_open":
            is_tight = token.hidden
        elif token.type in ("inline", "fence", "html_block"):
            if not is_first and not (is_tight and token.type == "inline"):
                yield ""
            is_first = False
            yield prefix + _get_text(token)
            prefix = ""


def _get_text(token: "Token") -> str:
    if token.type in ("inline", "image"):
        return "".join(map(_get_text, token.children or ()))
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type in ("html_inline", "html_block"):
        return TAG.sub("", token.content).strip()
    return token.content.rstrip("\n")


@cache
def _load_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # What is left out would take characters from texts that are no Markdown: 2*3*4, C:\[x], an indented line.
    return MarkdownIt("commonmark").disable(["emphasis", "escape", "entity", "code", "lheading"])
