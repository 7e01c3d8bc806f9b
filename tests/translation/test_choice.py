"""In which language a page is: that of the account, else of the cookie, else of the browser. Programs get English."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from accounts.models import User
from core.web.page_language import keep_language
from memories import scopes
from tests.factories import PASSWORD
from tests.oauth.flows import access_token, make_app

pytestmark = pytest.mark.django_db
GERMAN = {"accept-language": "de"}


def say(text: str, language: str = "de") -> str:
    with translation.override(language):
        return gettext(text)


def get_language(response: HttpResponse) -> str:
    """Return the language that the page and its header name."""
    language = response["Content-Language"]
    assert f'<html lang="{language}"' in response.content.decode()
    return language


def choose(client: Client, language: str, url: str = "/help/?from=x") -> HttpResponse:
    return client.post("/accounts/language/", {"language": language, "next": url})  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,en;q=0.9", "de"),
        ("pt", "pt-br"),
        ("pt-PT", "pt-br"),
        ("zh", "zh-hans"),
        ("zh-CN", "zh-hans"),
        ("zh-SG", "zh-hans"),
        ("zh-TW", "zh-hans"),
        ("nl, fr;q=0.5", "fr"),
        ("nl", "en"),
        ("", "en"),
    ],
)
def test_anonymous_users_get_the_language_of_their_browser(
    client: Client, header: str, language: str
) -> None:
    assert get_language(client.get("/help/", headers={"accept-language": header})) == language  # type: ignore[arg-type]


def test_language_of_the_footer_is_kept_at_the_same_url(client: Client) -> None:
    page = client.get("/help/?from=x").content.decode()
    assert all(f'value="{code}"' in page and name in page for code, name in settings.LANGUAGES)
    response = choose(client, "ja")
    assert response["Location"] == "/help/?from=x"
    assert get_language(client.get("/", headers=GERMAN)) == "ja"  # type: ignore[arg-type]
    assert choose(client, "tlh", "https://evil.example.org/")["Location"] == "/"
    assert get_language(client.get("/", headers=GERMAN)) == "ja"  # type: ignore[arg-type]


def test_language_of_the_account_holds_in_every_browser(ada: User, ada_client: Client) -> None:
    choose(ada_client, "ru")
    other = Client(headers=GERMAN)
    other.force_login(ada)
    assert get_language(other.get("/help/")) == "ru"  # type: ignore[arg-type]
    ada.refresh_from_db()
    assert (ada.page_language, ada.language) == ("ru", "")


def test_language_of_the_profile_can_be_the_browsers(ada: User, ada_client: Client) -> None:
    profile = {"handle": ada.handle, "time_zone": "UTC"}
    ada_client.post("/accounts/profile/", {**profile, "page_language": "fr"})
    assert get_language(ada_client.get("/accounts/profile/", headers=GERMAN)) == "fr"  # type: ignore[arg-type]
    ada_client.post("/accounts/profile/", {**profile, "page_language": ""})
    assert get_language(ada_client.get("/accounts/profile/", headers=GERMAN)) == "de"  # type: ignore[arg-type]
    assert ada_client.post("/accounts/profile/", {**profile, "page_language": "nl"}).status_code == 422


@pytest.mark.parametrize(
    ("header", "chosen", "pages", "memories"),
    [
        ("de", "", "de", "de"),
        ("nl-BE", "", "en", "nl"),
        ("en", "zh-hans", "zh-hans", "zh"),
        ("nl", "pt-br", "pt-br", "pt"),
    ],
)
def test_account_has_the_language_in_which_it_was_created(
    header: str, chosen: str, pages: str, memories: str
) -> None:
    client = Client(headers={"accept-language": header})
    if chosen:
        choose(client, chosen)
    client.post("/accounts/signup/", {"email": "grace@example.org", "password1": PASSWORD})
    grace = User.objects.get(email="grace@example.org")
    assert (grace.page_language, grace.language) == (pages, memories)


def test_caches_keep_pages_of_languages_apart(client: Client) -> None:
    assert {"Accept-Language", "Cookie"} <= set(client.get("/nowhere/")["Vary"].split(", "))
    assert "Accept-Language" not in client.get("/healthz").get("Vary", "")
    manifest = client.get("/manifest.webmanifest", headers=GERMAN)
    assert manifest["Content-Language"] == "de"
    assert manifest.json()["description"] == say("What AI should know about you, in one place that you own.")


def test_errors_of_pages_are_in_the_users_language(ada: User, ada_client: Client) -> None:
    ada.page_language = "de"
    ada.save(update_fields=["page_language"])
    assert get_language(ada_client.get("/nowhere/")) == "de"  # type: ignore[arg-type]
    invalid = ada_client.post("/accounts/profile/", {"handle": ""})
    assert say("This field is required.") in invalid.content.decode()
    strict = Client(enforce_csrf_checks=True, headers=GERMAN)
    assert get_language(strict.post("/accounts/login/")) == "de"  # type: ignore[arg-type]


def test_programs_get_english_for_a_german_account(ada: User, ada_client: Client) -> None:
    ada.page_language = "de"
    ada.save(update_fields=["page_language"])
    app = make_app()
    token = access_token(ada, app, scopes.WRITE)
    headers = {**GERMAN, "authorization": f"Bearer {token}"}
    response = Client().post("/api/v1/memories/", {}, content_type="application/json", headers=headers)
    assert [each["detail"] for each in response.json()["errors"]] == ["This field is required."]
    assert (response["Content-Language"], ada_client.get("/api/v1/nowhere/")["Content-Language"]) == (
        "en",
        "en",
    )
    refused = Client().post("/oauth/token/", {"grant_type": "password"}, headers=GERMAN)
    assert refused["Content-Language"] == "en"


def test_session_sees_no_language_of_another_user_in_the_same_thread(client: Client, ada: User) -> None:
    ada.page_language = "ar"
    ada.save(update_fields=["page_language"])
    other = Client()
    other.force_login(ada)
    other.get("/help/")
    assert translation.get_language() == "en"
    assert get_language(client.get("/help/")) == "en"  # type: ignore[arg-type]


def test_streamed_text_is_in_the_language_of_its_request() -> None:
    def write() -> Iterator[str]:
        yield gettext("Search")

    assert list(keep_language("de", write())) == [say("Search")]
