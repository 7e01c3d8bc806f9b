"""Tags of every template."""

from collections.abc import Hashable
from typing import Any

from django import template
from django.template.base import FilterExpression, Node, NodeList, Parser, Token, token_kwargs
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

MAX_KEPT = 256  # of one part of a template


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of static/vendor/icons, which screen readers skip."""
    sprite = static("vendor/icons/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', sprite, name)


class ConstantNode(Node):
    """Keeps its HTML by language and `values`. It sees no other variables, so nothing of a user is kept."""

    child_nodelists = ()  # whoever looks for blocks finds none inside

    def __init__(self, nodelist: NodeList, values: dict[str, FilterExpression]) -> None:
        self.nodelist, self.values = nodelist, values
        self._html: dict[Hashable, SafeString] = {}

    def render(self, context: Any) -> SafeString:
        values = [value.resolve(context) for value in self.values.values()]
        key = (get_language(), *values, *map(type, values))  # a safe text equals one that is to be escaped
        html = self._html.get(key)
        if html is None:
            if len(self._html) >= MAX_KEPT:
                self._html.clear()
            names = dict(zip(self.values, values, strict=True))
            html = self._html[key] = self.nodelist.render(context.new(names))
        return html


@register.tag
def constant(parser: Parser, token: Token) -> ConstantNode:
    """Mark what depends on nothing but the language and these few values: `{% constant theme=picard.theme %}`.

    It is rendered once per language, combination of values and process. What depends on the language alone needs no
    mark (folded_templates.py).
    """
    _name, *assignments = token.split_contents()
    values = token_kwargs(assignments, parser)
    if assignments or not values:
        raise template.TemplateSyntaxError("constant needs values, as in {% constant theme=picard.theme %}")
    nodelist = parser.parse(("endconstant",))
    parser.delete_first_token()
    return ConstantNode(nodelist, values)
