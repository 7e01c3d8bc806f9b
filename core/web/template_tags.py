"""Tags of every template."""

from typing import Any

from django import template
from django.template.base import Node, NodeList, Parser, Token
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of static/vendor/icons, which screen readers skip."""
    sprite = static("vendor/icons/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', sprite, name)


class ConstantNode(Node):
    """Keeps its HTML by language. It sees no variables, so nothing of one user can be shown to another."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist
        self._html: dict[str | None, SafeString] = {}

    def render(self, context: Any) -> SafeString:
        language = get_language()
        html = self._html.get(language)
        if html is None:
            html = self._html[language] = self.nodelist.render(context.new())
        return html


@register.tag
def constant(parser: Parser, _token: Token) -> ConstantNode:
    """Mark what depends on nothing but the language: it is rendered once per language and process."""
    nodelist = parser.parse(("endconstant",))
    parser.delete_first_token()
    return ConstantNode(nodelist)
