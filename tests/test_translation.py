"""Every word of the pages goes through gettext, and a right-to-left language turns the pages round."""

import ast
import re
from collections.abc import Callable, Iterator
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings as configured
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
# No words of a language.
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


class Words(HTMLParser):
    """Collects what a person would read or hear of a page, but for what people and programs wrote."""

    VOID = {"meta", "link", "input", "img", "br", "hr", "source", "path", "rect", "circle", "use"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_theirs = given.get("dir") == "auto" or tag in NOT_WORDS
        self.found += [
            given[name] or "" for name in SHOWN_ATTRIBUTES if name in given and not self._is_theirs
        ]
        if tag not in self.VOID:
            self._open.append((tag, is_theirs))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._is_theirs:
            self.found.append(data)

    @property
    def _is_theirs(self) -> bool:
        return any(is_theirs for _tag, is_theirs in self._open)


def words_of(html: str) -> list[str]:
    parser = Words()
    parser.feed(html)
    return parser.found


def bare(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in NAMES]


# --- What is written ----------------------------------------------------------------------------------------


def templates() -> list[Path]:
    """All but those for a chat model, and the API's own documentation, which is English."""
    found = (path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt"))
    return sorted(path for path in found if path.parent.name not in ("prompts", "api"))


def test_no_template_holds_a_word_that_cannot_be_translated() -> None:
    found = {
        path.name: words for path in templates() if (words := _written(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def _written(source: str) -> list[str]:
    for not_shown in (TRANSLATED, WIDTH, TEMPLATE_TAG):
        source = not_shown.sub(" ", source)
    return [word for text in words_of(source) for word in bare(text)]


def test_makemessages_reads_every_template() -> None:
    for path in templates():
        source = path.read_text(encoding="utf-8")
        read = templatize(source, origin=str(path))
        assert read.count("gettext(") >= len(re.findall(r"\{%\s*(?:translate|blocktranslate) ", source)), (
            path.name
        )


def sources() -> Iterator[Path]:
    """Without the doors that programs read."""
    for package in ("accounts", "core", "memories", "oauth"):
        found = (PROJECT / package).rglob("*.py")
        yield from (path for path in found if not {"migrations", "api", "mcp"} & set(path.parts))


def test_what_a_person_is_told_from_python_can_be_translated() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and any(map(_is_sentence, _told(node)))
    ]
    assert found == []


def _told(call: ast.Call) -> list[ast.expr]:
    """The arguments of a call that a person comes to read."""
    called = ast.unparse(call.func)
    told = [each.value for each in call.keywords if each.arg in ("label", "help_text", "verbose_name")]
    if called.startswith("messages.") and len(call.args) > 1:
        told.append(call.args[1])
    if called in ("ValidationError", "forms.ValidationError"):
        told += call.args[:1]
    return told


def _is_sentence(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    )


def test_the_style_sheet_names_no_left_and_no_right() -> None:
    styles = (PROJECT / "static" / "css" / "picard.css").read_text(encoding="utf-8")
    beside_text_of_any_direction = re.compile(r"^.*\.tick\) > \.memory-text.*$", re.MULTILINE)
    assert SIDES.findall(beside_text_of_any_direction.sub("", styles)) == []


def test_a_compiled_catalogue_makes_a_language_known(tmp_path: Path) -> None:
    for code in ("de", "ar"):
        folder = tmp_path / code / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.po").touch()
    (tmp_path / "ar" / "LC_MESSAGES" / "django.mo").touch()
    assert list_languages(tmp_path) == [("en", "English"), ("ar", "العربيّة")]


# --- What is shown ------------------------------------------------------------------------------------------


class Marked(NullTranslations):
    """A language whose every text is the English one in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message.rpartition(chr(4))[2]}⟧" if message else ""

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def language(self) -> str:
        return "ar"

    def to_language(self) -> str:
        return "ar"


@pytest.fixture
def right_to_left(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LANGUAGES = [*configured.LANGUAGES, ("ar", "Pseudo")]
    monkeypatch.setitem(trans_real._translations, "ar", Marked())  # type: ignore[attr-defined]


def outside(text: str) -> str:
    """What of a text is in no brackets, which may stand within one another."""
    kept, depth = "", 0
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        kept += character if depth == 0 else " "
    return kept


PUBLIC = ("/", "/accounts/signup/", "/accounts/login/", "/accounts/password/reset/", "/help/", "/nowhere/")
OWN = (
    *("/memories/", "/memories/?q=zebra", "/memories/?q=quartz", "/memories/new/", "/memories/ask/"),
    *("/memories/trash/", "/memories/review/", "/memories/tags/", "/memories/insights/", "/memories/import/"),
    *("/memories/export/", "/connect/", "/accounts/", "/accounts/profile/", "/accounts/apps/", "/developer/"),
    *("/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/sessions/"),
)


def test_no_word_of_a_page_escapes_translation(
    ada: User, ada_client: Client, client: Client, index: Callable[[], int], right_to_left: None
) -> None:
    memory = remember(ada, "The zebra lives next door.", tags=["animals"])
    remember(ada, "Something public.", visibility="public")
    app = make_app(name="123")
    app.connect(ada)
    index()
    theirs = {ada.email, ada.handle, ada.display_name, "apple", configured.PUBLIC_URL}
    pages = [(client, address) for address in PUBLIC] + [(ada_client, address) for address in OWN]
    escaped = {}
    one_app = f"/accounts/apps/{AppGrant.objects.get().pk}/"
    asking = f"/oauth/authorize/?{urlencode(app.request())}"
    pages += [(ada_client, address) for address in (f"/memories/{memory.pk}/", one_app, asking)]
    for visitor, address in pages:
        html = visitor.get(address, headers={"accept-language": "ar"}, follow=True).content.decode()
        assert '<html lang="ar" dir="rtl"' in html
        shown = outside(" ".join(words_of(html)))
        for given in theirs:
            shown = shown.replace(given, " ")
        if words := bare(shown):
            escaped[address] = words
    assert escaped == {}
