"""The tags of every template: what is rendered once per language sees nothing of a request."""

import pytest
from django.template import Context, Template
from django.template.base import VariableNode
from django.template.loader import get_template
from django.utils import translation

from core.web.template_tags import ConstantNode
from picard.config.paths import PROJECT

TEMPLATES = PROJECT / "templates"


def test_constant_part_shows_nothing_of_a_user() -> None:
    page = Template("{{ name }}{% constant %}[{{ name }}{% if name %}!{% endif %}]{% endconstant %}")
    assert [page.render(Context({"name": name})) for name in ("Ada", "Bob")] == ["Ada[]", "Bob[]"]


def test_constant_part_is_rendered_once_per_language() -> None:
    page = Template(
        "{% load i18n %}{% constant %}{% translate 'Close' %} {% lorem 20 w random %}{% endconstant %}"
    )
    english = page.render(Context())
    assert page.render(Context({"other": 1})) == english
    with translation.override("de"):
        assert page.render(Context()).startswith("Schließen ")
    assert page.render(Context()) == english


@pytest.mark.parametrize(
    "name", [str(path.relative_to(TEMPLATES)) for path in sorted(TEMPLATES.rglob("*.html"))]
)
def test_no_constant_part_needs_a_variable(name: str) -> None:
    """They would be empty."""
    found = get_template(name).template.nodelist.get_nodes_by_type(ConstantNode)  # type: ignore[attr-defined]
    assert [str(each) for node in found for each in node.nodelist.get_nodes_by_type(VariableNode)] == []


def test_icon_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in Template('{% icon "lock" %}').render(Context())
    assert "&lt;" in Template("{% icon name %}").render(Context({"name": "<"}))
