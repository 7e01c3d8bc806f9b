"""Markdown in memory texts, rendered without raw HTML and sanitized."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Nothing that loads a resource, sets an id or carries a style.
TAGS = {
    "a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
PLAIN = {"paragraph_open", "paragraph_close", "text", "softbreak", "hardbreak"}
REL = "noopener nofollow ugc"
MAX_EMPTY_CELLS = 1_000  # with which the rows of tables are filled up; the rest of the text is then no table


def render_markdown(text: str) -> SafeString | None:
    """Return sanitized HTML, or None for a text without formatting. Images become their alt text."""
    import nh3

    renderer = _create_renderer()
    tokens = renderer.parse(text)
    if not any(map(_has_formatting, tokens)):
        return None
    clean = nh3.clean(
        renderer.renderer.render(tokens, renderer.options, {}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        url_relative="deny",
        link_rel=REL,
    )
    return mark_safe(clean)  # noqa: S308 - nh3 has cleaned it # nosec B308 B703


@cache
def _create_renderer() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # By default 65,536, for which a text of 2,400 characters suffices. It is not an option of the renderer.
    vars(import_module("markdown_it.rules_block.table"))["MAX_AUTOCOMPLETED_CELLS"] = MAX_EMPTY_CELLS
    # Without "code" (by indentation), "lheading" and "reference", which misread plain text as markup.
    renderer = MarkdownIt("commonmark", {"html": False, "breaks": True})
    renderer.enable(["table", "strikethrough"]).disable(["code", "lheading", "reference"])
    renderer.add_render_rule("image", _render_image_alt)
    # Headings of a text must not become headings of the page.
    renderer.add_render_rule("heading_open", lambda *_: "<p><strong>")
    renderer.add_render_rule("heading_close", lambda *_: "</strong></p>\n")
    return renderer


def _has_formatting(token: "Token") -> bool:
    """Return whether the token is more than text and line breaks in a paragraph."""
    if token.type == "inline":
        return any(child.type not in PLAIN for child in token.children or [])
    return token.type not in PLAIN


def _render_image_alt(_renderer: object, tokens: "Sequence[Token]", index: int, *_: object) -> str:
    return escape(tokens[index].content)
