"""Profile, theme and error pages."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.profile.forms import ProfileForm
from accounts.profile.service import update_profile
from memories.mcp.tool_arguments import convert_to_utc
from tests.factories import session

PROFILE = {"display_name": "Ada", "handle": "ada-l", "bio": "Writes engines.", "time_zone": "Europe/London"}


def test_profile_is_saved(ada: User, ada_client: Client) -> None:
    ada_client.post("/accounts/profile/", {**PROFILE, "persona_enabled": "on"})
    ada.refresh_from_db()
    assert (ada.handle, ada.time_zone, ada.persona_enabled) == ("ada-l", "Europe/London", True)


def test_language_is_chosen_by_its_own_name(ada: User, ada_client: Client, settings: Settings) -> None:
    settings.SEARCH_LANGUAGE = "dutch"
    html = ada_client.get("/accounts/profile/").content.decode()
    options = html.split('name="language"', 1)[1].split("</select>", 1)[0]
    assert '<option value="" selected>Nederlands (default)</option>' in options
    for option in (
        'value="de" lang="de" dir="auto">Deutsch',
        'dir="auto">日本語',
        'value="several">Several languages',
    ):
        assert option in options
    ada_client.post("/accounts/profile/", {**PROFILE, "language": "several"})
    ada.refresh_from_db()
    assert (ada.language, ada.language_code) == ("several", "several")
    ada_client.post("/accounts/profile/", {**PROFILE, "language": ""})
    ada.refresh_from_db()
    assert (ada.language, ada.language_code) == ("", "nl")


def test_saving_profile_keeps_concurrent_changes(ada: User) -> None:
    form = ProfileForm(PROFILE, instance=User.objects.get(pk=ada.pk))
    assert form.is_valid()
    User.objects.filter(pk=ada.pk).update(password="another one", is_active=False, sessions_era=7)
    form.save()
    ada.refresh_from_db()
    assert (ada.handle, ada.password, ada.is_active, ada.sessions_era) == ("ada-l", "another one", False, 7)


def test_handle_taken_concurrently_is_reported_at_its_field(
    ada: User, bob: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(User, "validate_unique", lambda *_, **__: None)  # both validated before either saved
    answer = ada_client.post("/accounts/profile/", {**PROFILE, "handle": bob.handle})
    assert answer.status_code == 422
    assert "already exists" in answer.content.decode()
    with pytest.raises(ValidationError, match="already exists"):
        update_profile(session(ada), handle=bob.handle)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("handle", "Ada L", "Use 3 to 30 lowercase letters"),
        ("handle", "admin", "reserved"),
        ("handle", "bobby", "already exists"),
        ("handle", "", "required"),
        ("time_zone", "Mars/Olympus", "Choose a time zone"),
        ("language", "tlh", "Choose a language"),
        ("bio", "b" * 301, "at most 300 characters"),
        ("display_name", "A\0da", "Null characters"),
    ],
)
def test_invalid_value_is_reported_at_its_field(
    ada_client: Client, bob: User, field: str, value: str, message: str
) -> None:
    User.objects.filter(pk=bob.pk).update(handle="bobby")
    response = ada_client.post("/accounts/profile/", {**PROFILE, field: value})
    html = response.content.decode()
    assert response.status_code == 422
    assert message in html.split(f'id="id_{field}_error"', 1)[1].split("</ul>", 1)[0]
    assert '<bdi class="menu-name">Ada</bdi>' in html


def test_unknown_time_zone_falls_back_to_utc(ada: User, ada_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Mars/Olympus")
    assert ada_client.get("/accounts/profile/").status_code == 200
    ada.time_zone = "Mars/Olympus"
    noon = datetime(2026, 7, 1, 12)  # noqa: DTZ001  (as a model returns it)
    assert convert_to_utc(noon, ada) == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_chosen_theme_is_rendered(client: Client, db: None) -> None:
    assert 'data-bs-theme="auto"' in client.get("/").content.decode()
    response = client.post("/accounts/theme/", {"theme": "dark", "next": "/accounts/login/"})
    assert response["Location"] == "/accounts/login/"
    assert 'data-bs-theme="dark"' in client.get("/").content.decode()


@pytest.mark.parametrize("form", [{"theme": "neon"}, {"theme": "dark", "next": "//evil.example/"}])
def test_theme_form_redirects_only_within_the_site(client: Client, db: None, form: dict[str, str]) -> None:
    assert client.post("/accounts/theme/", form)["Location"] == "/"


def test_forged_theme_cookie_is_ignored(client: Client, db: None) -> None:
    client.cookies["picard_theme"] = "x onload"
    assert 'data-bs-theme="auto"' in client.get("/").content.decode()


def test_unknown_page_returns_404(client: Client, db: None) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()


def test_server_error_page_renders_without_session(
    ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("memories.services.reads.list_memories", broken)
    ada_client.raise_request_exception = False
    response = ada_client.get("/memories/")
    assert response.status_code == 500
    assert "Server error" in response.content.decode()


def test_pages_have_no_inline_script_or_style(ada_client: Client, client: Client) -> None:
    for browser, address in ((client, "/"), (client, "/accounts/signup/"), (ada_client, "/memories/")):
        html = browser.get(address).content.decode()
        assert " style=" not in html
        assert "<style" not in html
        assert " on" + "click=" not in html
        assert "<script>" not in html


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ada\u202egpj.exe", "Adagpj.exe"),
        ("\u2066Ada\u2069 \u200fL\u200b", "Ada L"),
        ("Ada\u00a0L", "Ada L"),
        ("👩‍🚀 Ada", "👩‍🚀 Ada"),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
@pytest.mark.parametrize("name", ["display_name", "bio"])
def test_names_show_no_invisible_characters(
    ada: User, ada_client: Client, name: str, typed: str, shown: str
) -> None:
    ada_client.post("/accounts/profile/", {**PROFILE, name: typed})
    ada.refresh_from_db()
    assert getattr(ada, name) == shown
    update_profile(session(ada), **{name: typed})
    ada.refresh_from_db()
    assert getattr(ada, name) == shown


def test_bio_keeps_its_lines_and_a_huge_one_is_rejected_at_once(ada: User) -> None:
    update_profile(session(ada), bio="one\r\ntwo\u202e")
    ada.refresh_from_db()
    assert ada.bio == "one\ntwo"
    began = time.thread_time()
    with pytest.raises(ValidationError):
        update_profile(session(ada), bio="\u202e" * 1_000_000)
    assert time.thread_time() - began < 1
