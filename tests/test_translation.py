"""Every text of the pages goes through gettext, and right-to-left languages mirror the pages."""

import ast
import re
from collections.abc import Callable, Iterator
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings as configured
from django.template.autoreload import reset_loaders
from django.test import Client
from django.utils.translation import templatize, trans_real
from pytest_django import Settings

from accounts.models import User
from oauth.models import AppGrant
from picard.config.languages import list_languages
from picard.config.paths import PROJECT
from tests.factories import remember
from tests.oauth.flows import make_app

TEMPLATES = PROJECT / "templates"
# Proper names, which are not translated.
NAMES = {
    *(
        "Picard",
        "Ctrl",
        "Enter",
        "REST",
        "Claude",
        "Code",
        "ChatGPT",
        "Cursor",
        "VS",
        "Codex",
        "Gemini",
        "CLI",
    ),
}
SHOWN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "label")
NOT_WORDS = ("script", "style", "code", "pre", "kbd")
TEMPLATE_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
SIDES = re.compile(r"[\w-]*\b(?:left|right)\b[\w-]*\s*:|(?:align|float):\s*(?:left|right)")
WIDTH = re.compile(r"\{% block width %\}.*?\{% endblock %\}")
TRANSLATED = re.compile(r"\{%\s*blocktranslate.*?\{%\s*endblocktranslate\s*%\}", re.DOTALL)


class VisibleTextParser(HTMLParser):
    """Collects what a user would read or hear on a page, except texts by users and code."""

    VOID = {"meta", "link", "input", "img", "br", "hr", "source", "path", "rect", "circle", "use"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        is_own_language = "lang" in attributes and tag != "html"  # the menu of languages
        is_user_text = attributes.get("dir") == "auto" or is_own_language or tag in NOT_WORDS
        self.found += [
            attributes[name] or ""
            for name in SHOWN_ATTRIBUTES
            if name in attributes and not self._in_user_text
        ]
        if tag not in self.VOID:
            self._open.append((tag, is_user_text))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._in_user_text:
            self.found.append(data)

    @property
    def _in_user_text(self) -> bool:
        return any(is_user_text for _tag, is_user_text in self._open)


def parse_visible_texts(html: str) -> list[str]:
    parser = VisibleTextParser()
    parser.feed(html)
    return parser.found


def extract_words(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in NAMES]


# --- Sources ---------------------------------------------------------------------------------------------


def list_templates() -> list[Path]:
    """Return all templates except prompts and the API documentation, which are in English."""
    found = (path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt"))
    return sorted(path for path in found if path.parent.name not in ("prompts", "api"))


def test_template_texts_are_translatable() -> None:
    found = {
        path.name: words
        for path in list_templates()
        if (words := _untranslated_words(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def _untranslated_words(source: str) -> list[str]:
    for not_shown in (TRANSLATED, WIDTH, TEMPLATE_TAG):
        source = not_shown.sub(" ", source)
    return [word for text in parse_visible_texts(source) for word in extract_words(text)]


def test_makemessages_reads_every_template() -> None:
    for path in list_templates():
        source = path.read_text(encoding="utf-8")
        read = templatize(source, origin=str(path))
        assert read.count("gettext(") >= len(re.findall(r"\{%\s*(?:translate|blocktranslate) ", source)), (
            path.name
        )


def list_python_files() -> Iterator[Path]:
    """Yield the modules except the API and MCP, which are in English."""
    for package in ("accounts", "core", "memories", "oauth"):
        found = (PROJECT / package).rglob("*.py")
        yield from (path for path in found if not {"migrations", "api", "mcp"} & set(path.parts))


def test_user_visible_python_texts_are_translatable() -> None:
    texts = ((path, path.read_text(encoding="utf-8")) for path in list_python_files())
    found = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path, text in texts
        if re.search(r"\b(?:label|help_text|verbose_name)=|\bmessages\.|ValidationError", text)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and any(map(_is_sentence, _user_visible_arguments(node)))
    ]
    assert found == []


def _user_visible_arguments(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call that are shown to users."""
    function = ast.unparse(call.func)
    visible = [each.value for each in call.keywords if each.arg in ("label", "help_text", "verbose_name")]
    if function.startswith("messages.") and len(call.args) > 1:
        visible.append(call.args[1])
    if function in ("ValidationError", "forms.ValidationError"):
        visible += call.args[:1]
    return visible


def _is_sentence(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    )


def test_style_sheet_uses_logical_properties() -> None:
    styles = (PROJECT / "static" / "css" / "picard.css").read_text(encoding="utf-8")
    allowed_rule = re.compile(r"^.*\.tick\) > \.memory-text.*$", re.MULTILINE)
    assert SIDES.findall(allowed_rule.sub("", styles)) == []


def test_languages_with_a_compiled_catalogue_are_offered(tmp_path: Path) -> None:
    for code in ("de", "ar"):
        folder = tmp_path / code / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.po").touch()
    (tmp_path / "ar" / "LC_MESSAGES" / "django.mo").touch()
    assert list_languages(tmp_path) == [("en", "English"), ("ar", "العربية")]


# --- Pages -------------------------------------------------------------------------------------------------


class BracketTranslations(NullTranslations):
    """A pseudo-language: every text is the English one in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message.rpartition(chr(4))[2]}⟧" if message else ""

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def language(self) -> str:
        return "ar"

    def to_language(self) -> str:
        return "ar"


@pytest.fixture
def right_to_left(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.LANGUAGES = [*configured.LANGUAGES, ("ar", "Pseudo")]
    monkeypatch.setitem(trans_real._translations, "ar", BracketTranslations())  # type: ignore[attr-defined]
    reset_loaders()  # templates keep what they rendered in a language
    yield
    reset_loaders()


def strip_bracketed(text: str) -> str:
    """Return the text outside of brackets, which may be nested."""
    remaining, depth = "", 0
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        remaining += character if depth == 0 else " "
    return remaining


PUBLIC_PATHS = (
    "/",
    "/accounts/signup/",
    "/accounts/login/",
    "/accounts/password/reset/",
    "/help/",
    "/nowhere/",
)
OWN_PATHS = (
    *("/memories/", "/memories/?q=zebra", "/memories/?q=quartz", "/memories/new/", "/memories/ask/"),
    *("/memories/trash/", "/memories/review/", "/memories/tags/", "/memories/insights/"),
    *("/memories/insights/map/", "/memories/import/", "/memories/export/", "/connect/", "/accounts/"),
    *("/accounts/profile/", "/accounts/apps/", "/developer/"),
    *("/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/sessions/"),
)


def test_pages_are_completely_translated(
    ada: User, ada_client: Client, client: Client, index: Callable[[], int], right_to_left: None
) -> None:
    memory = remember(ada, "The zebra lives next door.", tags=["animals"])
    remember(ada, "Something public.", visibility="public")
    app = make_app(name="123")
    app.connect(ada)
    index()
    user_texts = {ada.email, ada.handle, ada.display_name, "apple", configured.PUBLIC_URL}
    pages = [(client, path) for path in PUBLIC_PATHS] + [(ada_client, path) for path in OWN_PATHS]
    untranslated = {}
    app_path = f"/accounts/apps/{AppGrant.objects.get().pk}/"
    consent_path = f"/oauth/authorize/?{urlencode(app.request())}"
    pages += [(ada_client, path) for path in (f"/memories/{memory.pk}/", app_path, consent_path)]
    for browser, path in pages:
        html = browser.get(path, headers={"accept-language": "ar"}, follow=True).content.decode()
        assert '<html lang="ar" dir="rtl"' in html
        shown = strip_bracketed(" ".join(parse_visible_texts(html)))
        for text in user_texts:
            shown = shown.replace(text, " ")
        if words := extract_words(shown):
            untranslated[path] = words
    assert untranslated == {}
