"""Templates whose constant parts are rendered once per language and process instead of for each page.

A part is constant if it depends on nothing but the language: text, `{% translate %}`, `{% url %}`, `{% static %}` and
`{% icon %}` with literals alone. Neighbours are folded to one node, and included templates become part of those that
include them. What is left sees the request as before, so pages stay the same.
"""

import html
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.template import Template
from django.template.base import (
    FilterExpression,
    Node,
    NodeList,
    TextNode,
    TokenType,
    Variable,
    VariableNode,
    render_value_in_context,
)
from django.template.defaulttags import CommentNode, IfNode, LoadNode, SpacelessNode, URLNode
from django.template.library import SimpleNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.template.loaders import cached, filesystem
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.templatetags.static import StaticNode
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from core.web.template_tags import ConstantNode, icon

PURE_TAGS = (icon,)


class Loader(cached.Loader):
    """Folds the project's own templates, except where Django's error page must show their lines (DEBUG)."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template = super().get_template(template_name, skip)
        is_own = type(template.origin.loader) is filesystem.Loader if template.origin else False
        if is_own and not self.engine.debug and not hasattr(template, "is_folded"):
            template.is_folded = True  # type: ignore[attr-defined]  # first: a template may include itself
            template.nodelist = fold_nodes(template.nodelist)
        return template


class InlinedNode(Node):
    """An included template with variables of its own."""

    child_nodelists = ()  # no blocks are inside

    def __init__(self, nodelist: NodeList, extra_context: dict[str, FilterExpression]) -> None:
        self.nodelist, self._extra_context = nodelist, extra_context

    def render(self, context: Any) -> SafeString:
        values = {name: value.resolve(context) for name, value in self._extra_context.items()}
        with context.push(**values):
            return self.nodelist.render(context)


class ValueNode(VariableNode):
    """A variable. Texts and whole numbers, which most are, skip what Django tries for every type."""

    def render(self, context: Any) -> str:
        value: Any = self.filter_expression.resolve(context)
        kind = type(value)
        if kind is SafeString or (kind is str and not context.autoescape):
            return str(value)
        if kind is str:
            return html.escape(value)
        if kind is int and context.use_l10n is None:
            return _format_number(value, get_language())
        return render_value_in_context(value, context)

    render_annotated = render  # Django's adds lines of the template to errors, with DEBUG alone


@lru_cache(maxsize=2_048)
def _format_number(value: int, _language: str | None) -> str:
    return str(localize(value))


def fold_nodes(nodes: NodeList) -> NodeList:
    """Return the nodes with their constant parts folded. Changes what is inside of them in place."""
    folded = NodeList()
    folded.contains_nontext = nodes.contains_nontext
    for is_constant, group in groupby(_inline_nodes(nodes), key=_is_constant):
        run = NodeList(group)
        if not is_constant or all(isinstance(node, TextNode) for node in run):
            folded.extend(run)
        else:
            folded.append(ConstantNode(run, {}))
    return folded


def _inline_nodes(nodes: NodeList) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, IncludeNode) and (inlined := _load_included(node)) is not None:
            if not node.extra_context and all(map(_is_constant, inlined)):
                yield from _unfold(inlined)
            else:
                yield InlinedNode(inlined, node.extra_context)
        elif type(node) is VariableNode:
            yield ValueNode(node.filter_expression)
        else:
            _fold_children(node)
            yield node


def _unfold(nodes: NodeList) -> Iterator[Node]:
    """Yield the nodes of parts that become part of a larger one."""
    for node in nodes:
        yield from node.nodelist if isinstance(node, ConstantNode) else [node]


def _fold_children(node: Node) -> None:
    if isinstance(node, IfNode):
        node.conditions_nodelists = [
            (condition, fold_nodes(nodes)) for condition, nodes in node.conditions_nodelists
        ]
    elif isinstance(node, ExtendsNode):  # of which only the blocks are rendered
        for block in node.nodelist.get_nodes_by_type(BlockNode):
            _fold_children(block)
    else:
        for name in node.child_nodelists:
            if nodes := getattr(node, name, None):
                setattr(node, name, fold_nodes(nodes))


def _load_included(node: IncludeNode) -> NodeList | None:
    """Return the nodes of an included template; None if it depends on the page, or has a life of its own."""
    name = node.template.var
    if not isinstance(name, str) or node.template.filters or node.isolated_context:
        return None
    loader: Any = node.origin.loader
    template = loader.engine.get_template(name)
    own = template.nodelist.get_nodes_by_type(BlockNode) + template.nodelist.get_nodes_by_type(ExtendsNode)
    return None if own or name == node.origin.template_name else template.nodelist


def _is_constant(node: Node) -> bool:
    match node:
        case TextNode() | CommentNode() | LoadNode():
            return True
        case ConstantNode():
            return not node.values
        case TranslateNode():
            context = node.message_context
            return (
                node.asvar is None
                and _is_literal(node.filter_expression)
                and (context is None or _is_literal(context))
            )
        case BlockTranslateNode():
            is_text = all(token.token_type == TokenType.TEXT for token in node.singular)
            is_alone = not (node.extra_context or node.plural or node.asvar or node.message_context)
            return is_text and is_alone
        case URLNode():
            return node.asvar is None and all(
                map(_is_literal, [node.view_name, *node.args, *node.kwargs.values()])
            )
        case StaticNode():
            return node.varname is None and _is_literal(node.path)
        case SimpleNode():
            is_pure = node.func in PURE_TAGS and node.target_var is None
            return is_pure and all(map(_is_literal, [*node.args, *node.kwargs.values()]))
        case SpacelessNode():
            return all(map(_is_constant, node.nodelist))
    return False


def _is_literal(expression: FilterExpression) -> bool:
    value = expression.var
    return not expression.filters and (not isinstance(value, Variable) or value.lookups is None)
