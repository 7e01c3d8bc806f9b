"""Constant parts of templates are rendered once per language, and pages stay the same."""

from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Engine
from django.template.base import Node
from django.utils import translation

from core.web.template_tags import ConstantNode

LOADERS = ["django.template.loaders.filesystem.Loader"]
LIBRARIES = {"i18n": "django.templatetags.i18n", "static": "django.templatetags.static"}
FILES = {
    "base.html": "{% load i18n %}<b>{% translate 'Close' %}</b>{% block main %}{% endblock %}",
    "page.html": "{% extends 'base.html' %}{% load i18n %}{% block main %}"
    "{% if name %}<i>{% translate 'Close' %}</i>{{ name }}{% endif %}"
    "{% for n in numbers %}{% include 'part.html' with n=n %}{% endfor %}{% include 'own.html' %}"
    "{{ inner }}{% endblock %}",
    "part.html": "{% load i18n %}<p>{% translate 'Close' %} {{ n }}{{ name }}</p>",
    "own.html": "{% load i18n %}{% translate 'Close' as inner %}{{ inner }}",
    "words.html": "{% load i18n %}{% blocktranslate %}Close{% endblocktranslate %}"
    "{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}"
    "{% translate 'Close' as label %}{{ label }}{% translate name %}",
    "text.html": "<p>only text</p>",
    "tree.html": "({{ n }}{% if deeper %}{% include 'tree.html' with deeper=0 n=2 %}{% endif %})",
    "constant.html": "{% load i18n %}<p>{% include 'text.html' %}{% translate 'Close' %}</p>{% icon 'lock' %}",
}


def build_engine(folder: Path, loaders: Any, *, debug: bool = False) -> Engine:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return Engine(
        dirs=[str(folder)],
        loaders=loaders,
        libraries=LIBRARIES,
        builtins=["core.web.template_tags"],
        debug=debug,
    )


@pytest.fixture
def plain(tmp_path: Path) -> Engine:
    return build_engine(tmp_path, LOADERS)


@pytest.fixture
def folding(tmp_path: Path) -> Engine:
    return build_engine(tmp_path, [("core.web.folded_templates.Loader", LOADERS)])


@pytest.mark.parametrize("name", sorted(FILES))
def test_folded_template_renders_as_before(plain: Engine, folding: Engine, name: str) -> None:
    for language in ("en", "de", "en"):
        for values in ({"name": "Ada", "numbers": [1, 2]}, {"name": "<Bob>", "n": 3, "deeper": 1}, {}):
            with translation.override(language):
                expected = plain.get_template(name).render(Context(values))
                assert folding.get_template(name).render(Context(values)) == expected


def test_template_without_variables_becomes_one_part(folding: Engine) -> None:
    [part] = folding.get_template("constant.html").nodelist
    assert isinstance(part, ConstantNode)


def test_what_needs_a_variable_stays_as_it_is(folding: Engine) -> None:
    constant = folding.get_template("words.html").nodelist.get_nodes_by_type(ConstantNode)
    assert [type(node).__name__ for part in constant for node in list_nodes(part)] == [
        "LoadNode",
        "BlockTranslateNode",
    ]


def test_variable_of_an_included_template_stays_in_it(folding: Engine) -> None:
    page = folding.get_template("page.html").render(Context({}))
    assert page == "<b>Close</b>Close"


def test_debugging_shows_the_lines_of_templates(tmp_path: Path) -> None:
    engine = build_engine(tmp_path, [("core.web.folded_templates.Loader", LOADERS)], debug=True)
    assert engine.get_template("constant.html").nodelist.get_nodes_by_type(ConstantNode) == []


def list_nodes(part: Node) -> list[Node]:
    assert isinstance(part, ConstantNode)
    return list(part.nodelist)
