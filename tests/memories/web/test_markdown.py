"""A memory's page lays out Markdown, and a hostile text gains nothing by it."""

import re

import pytest
from django.test import Client

from accounts.models import User
from memories.web.markdown import render_markdown
from tests.factories import remember

LOADS_OR_ACTS = re.compile(
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
def test_a_hostile_text_loads_nothing_and_does_nothing(text: str) -> None:
    html = render_markdown(text)
    assert html
    assert not LOADS_OR_ACTS.search(html), html


def test_links_lead_out_and_vouch_for_nothing() -> None:
    html = render_markdown("See [it](https://example.org/a) or <mailto:ada@example.org>.") or ""
    links = re.findall(r"<a [^>]*>", html)
    assert len(links) == 2
    assert all('rel="noopener nofollow ugc"' in link for link in links)


@pytest.mark.parametrize(
    "text", ["Tea.", "One\ntwo\n\n\nthree", "    indented", "5 < 6 & 7", "Title\n=====", "[1]: /x", ""]
)
def test_a_plain_text_is_left_as_it_is(text: str) -> None:
    assert render_markdown(text) is None


def test_the_page_of_a_memory_lays_out_its_text(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "# Shopping\n- *green* tea\n- <b>bread</b>\n\n![x](https://evil.example/a.png)")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert "<li><em>green</em> tea</li>" in html
    assert "&lt;b&gt;bread&lt;/b&gt;" in html
    assert html.count("<h1") == 1
    assert '<div class="full-text marked" dir="auto"><p><strong>Shopping</strong></p>' in html
    shown = html[html.index('<div class="full-text marked"') : html.index("</article>")]
    assert "evil.example" not in shown


def test_the_page_of_a_plain_memory_keeps_its_lines(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "One\n  two\n\n\nthree")
    html = ada_client.get(f"/memories/{memory.pk}/").content.decode()
    assert '<div class="full-text" dir="auto">One\n  two\n\n\nthree</div>' in html
