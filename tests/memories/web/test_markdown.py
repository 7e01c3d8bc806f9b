"""Markdown rendering of memory texts, including hostile ones."""

import re

import pytest
from django.test import Client

from accounts.models import User
from memories.web.markdown import render_markdown
from tests.factories import remember

ACTIVE_HTML = re.compile(
    r"<(?!/?(?:a|blockquote|br|code|em|hr|li|ol|p|pre|s|strong|table|tbody|td|th|thead|tr|ul)\b)"
    r"|<[^>]*\b(?:src|srcset|style|class|id|on\w+)=|href=\"(?!https?:|mailto:)",
    re.IGNORECASE,
)
HOSTILE = [
    "# <script>alert(1)</script>",
    "*a* <img src=x onerror=alert(1)>",
    "*a* ![x](https://evil.example/pixel.png)",
    '![x" onerror="alert(1)](https://evil.example/x)',
    "*a* [x](javascript:alert(1)) [y](JaVaScRiPt&colon;alert(1)) <javascript:alert(1)>",
    "*a* [x](data:text/html;base64,PHNjcmlwdD4=) [y](vbscript:x) [z](file:///etc/passwd)",
    "[x](/memories/trash/empty/) [y](//evil.example) [z](?q=1)",
    '[x](https://a.example "t\\" onmouseover=\\"alert(1)")',
    "*a* <svg><style>@import 'https://evil.example'</style></svg>",
    "- <iframe src=https://evil.example></iframe>\n- <form action=/x><input name=y></form>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"onclick="alert(1)\nx\n```',
    "|<b onclick=x>|![i](//e)|\n|-|-|\n|<base href=//e>|[x][y]|\n\n[y]: javascript:alert(1)",
    "> " * 500 + "deep",
    "*a* \N{RIGHT-TO-LEFT OVERRIDE}<!--> <![CDATA[<script>]]>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_nothing_active(text: str) -> None:
    html = render_markdown(text)
    assert html
    assert not ACTIVE_HTML.search(html), html


def test_links_have_noopener_nofollow_ugc() -> None:
    html = render_markdown("See [it](https://example.org/a) or <mailto:ada@example.org>.") or ""
    links = re.findall(r"<a [^>]*>", html)
    assert len(links) == 2
    assert all('rel="noopener nofollow ugc"' in link for link in links)


@pytest.mark.parametrize(
    "text", ["Tea.", "One\ntwo\n\n\nthree", "    indented", "5 < 6 & 7", "Title\n=====", "[1]: /x", ""]
)
def test_plain_text_is_not_rendered(text: str) -> None:
    assert render_markdown(text) is None


@pytest.mark.parametrize("columns", [50, 200, 700])
def test_short_text_gives_no_large_table(columns: int) -> None:
    rows = (8_000 - 5 * columns) // 4
    html = render_markdown("|a" * columns + "|\n" + "|-" * columns + "|\n" + "|x|\n" * rows) or ""
    assert html.count("<td") + html.count("<th") <= 1_000 + columns * 3
    assert len(html) < 60_000


def test_memory_page_renders_markdown(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "# Shopping\n- *green* tea\n- <b>bread</b>\n\n![x](https://evil.example/a.png)")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert "<li><em>green</em> tea</li>" in html
    assert "&lt;b&gt;bread&lt;/b&gt;" in html
    assert html.count("<h1") == 1
    assert '<div class="full-text marked" dir="auto"><p><strong>Shopping</strong></p>' in html
    article = html[html.index('<div class="full-text marked"') : html.index("</article>")]
    assert "evil.example" not in article


def test_memory_page_preserves_line_breaks_of_plain_text(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "One\n  two\n\n\nthree")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert '<div class="full-text" dir="auto">One\n  two\n\n\nthree</div>' in html
