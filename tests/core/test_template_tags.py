"""The tags of every template: what is rendered once per language sees nothing of a request."""

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils import translation
from django.utils.safestring import mark_safe

from core.web.template_tags import MAX_KEPT, ConstantNode


def test_constant_part_shows_nothing_of_a_user_but_its_values() -> None:
    page = Template("{{ name }}{% constant theme=site.theme %}[{{ name }}{{ theme }}]{% endconstant %}")
    shown = [
        page.render(Context({"name": name, "site": {"theme": theme}}))
        for name, theme in (("Ada", "dark"), ("Bob", "dark"), ("Bob", "<"))
    ]
    assert shown == ["Ada[dark]", "Bob[dark]", "Bob[&lt;]"]


def test_constant_part_is_rendered_once_per_language_and_value() -> None:
    page = Template(
        "{% load i18n %}{% constant n=n %}{% translate 'Close' %} {% lorem 20 w random %}{% endconstant %}"
    )
    english = page.render(Context({"n": 1}))
    assert page.render(Context({"n": 1, "other": 1})) == english
    assert page.render(Context({"n": 2})) != english
    with translation.override("de"):
        assert page.render(Context({"n": 1})).startswith("Schließen ")
    assert page.render(Context({"n": 1})) == english


def test_constant_part_escapes_a_value_although_an_equal_one_was_safe() -> None:
    page = Template("{% constant name=name %}{{ name }}{% endconstant %}")
    assert page.render(Context({"name": mark_safe("<b>")})) == "<b>"
    assert page.render(Context({"name": "<b>"})) == "&lt;b&gt;"


def test_constant_part_keeps_few_values() -> None:
    page = Template("{% constant n=n %}{{ n }}{% endconstant %}")
    for number in range(3 * MAX_KEPT):
        assert page.render(Context({"n": number})) == str(number)
    [node] = page.nodelist.get_nodes_by_type(ConstantNode)
    assert isinstance(node, ConstantNode)
    assert len(node._html) <= MAX_KEPT


def test_constant_part_needs_values() -> None:
    with pytest.raises(TemplateSyntaxError, match="constant needs values"):
        Template("{% constant %}x{% endconstant %}")


def test_icon_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in Template('{% icon "lock" %}').render(Context())
    assert "&lt;" in Template("{% icon name %}").render(Context({"name": "<"}))
