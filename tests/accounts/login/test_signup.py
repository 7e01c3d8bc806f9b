"""Signing up and logging in through the pages."""

from typing import Any

import pytest
from django.contrib.auth.password_validation import get_default_password_validators
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
SIGNUP = {"email": "Grace@Example.org", "password1": PASSWORD}


def test_signup_needs_only_email_and_password(client: Client) -> None:
    response = client.post("/accounts/signup/", SIGNUP)
    assert response["Location"] == "/memories/"
    user = User.objects.get(email="grace@example.org")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.handle.startswith("person-")
    assert client.get("/memories/").status_code == 200


def test_name_of_the_signup_is_shown_to_the_user_and_to_others(client: Client) -> None:
    client.post("/accounts/signup/", {**SIGNUP, "display_name": " Grace\u202e Hopper "})
    grace = User.objects.get()
    assert (grace.display_name, grace.own_name, grace.name) == (
        "Grace Hopper",
        "Grace Hopper",
        "Grace Hopper",
    )


def test_user_without_a_name_is_called_by_their_address_and_others_see_the_handle(client: Client) -> None:
    client.post("/accounts/signup/", SIGNUP)
    grace = User.objects.get()
    for url in ("/memories/", "/accounts/"):
        html = client.get(url).content.decode()
        assert '<bdi class="menu-name">grace</bdi>' in html
        assert grace.handle not in html
    User.objects.update(persona_enabled=True, public_page_enabled=True)
    others_see = Client().get(f"/@{grace.handle}").content.decode()
    assert f"@{grace.handle}" in others_see
    assert "grace" not in others_see.lower()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB;q=0.3, pt-BR;q=0.9", "pt"),
        ("zh-Hant-TW", "zh"),
        ("nn-NO", "nb"),
        ("tlh, *", ""),
        ("tlh, fr;q=0.1", "fr"),
        ("", ""),
        ("x" * 10_000, ""),
        ("several", ""),
    ],
)
def test_language_is_that_of_the_browser_as_far_as_it_is_known(
    client: Client, header: str, language: str
) -> None:
    client.post("/accounts/signup/", SIGNUP, headers={"Accept-Language": header})
    assert User.objects.get(email="grace@example.org").language == language


def test_password_hint_states_the_minimum_length() -> None:
    hint = get_default_password_validators()[1].get_help_text()
    assert "at least 10 characters" in hint  # templates/account/signup.html says the same


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"password1": "short"}, "at least 10 characters"),
        ({"password1": "password123"}, "too common"),
        ({"email": "ada@example.org"}, "already registered"),
    ],
)
def test_invalid_signup_shows_error_and_keeps_the_email(
    ada: User, client: Client, changes: dict[str, str], message: str
) -> None:
    html = client.post("/accounts/signup/", {**SIGNUP, **changes}).content.decode()
    assert message in html
    assert changes.get("email", SIGNUP["email"]) in html
    assert User.objects.count() == 1


def test_concurrent_signups_create_one_account(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user(SIGNUP["email"], PASSWORD)
    # The other request created the account after this one validated.
    monkeypatch.setattr(
        "allauth.account.forms.BaseSignupForm.validate_unique_email", lambda form, email: email
    )
    response = client.post("/accounts/signup/", SIGNUP)
    assert response["Location"] == "/accounts/login/"
    assert User.objects.count() == 1


def test_log_in_and_log_out(ada: User, client: Client) -> None:
    client.post("/accounts/login/", {"login": "ADA@example.org", "password": PASSWORD})
    assert client.get("/").headers["Location"] == "/memories/"
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 200


def test_failed_login_does_not_reveal_whether_the_account_exists(ada: User, client: Client) -> None:
    wrong = client.post("/accounts/login/", {"login": ada.email, "password": "wrong wrong wrong"})
    unknown = client.post("/accounts/login/", {"login": "x@example.org", "password": "wrong wrong wrong"})
    message = "The email address and/or password you specified are not correct."
    assert message in wrong.content.decode()
    assert message in unknown.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/", "/accounts/signup/", "/accounts/login/", "/accounts/logout/", "/accounts/password/reset/",
        "/accounts/password/reset/done/", "/accounts/password/reset/key/done/", "/accounts/confirm-email/",
        "/accounts/password/reset/key/x-set-password/", "/accounts/inactive/",
    ],
)  # fmt: skip
def test_every_anonymous_account_page_renders(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    assert response.status_code == 200
    assert response.content.decode().count("<h1") == 1


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/",
        "/accounts/profile/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/logout/",
    ],
)
def test_every_account_page_renders(ada_client: Client, address: str) -> None:
    response = ada_client.get(address, follow=True)
    assert response.status_code == 200
    assert response.content.decode().count("<h1") == 1


@pytest.mark.parametrize("signup", ["closed", "invite"])
def test_closed_signup_says_so(client: Client, settings: Any, signup: str) -> None:
    settings.SIGNUP = signup
    response = client.post("/accounts/signup/", SIGNUP)
    assert "by invitation" in response.content.decode()
    assert not User.objects.exists()
    assert 'href="/accounts/signup/"' not in client.get("/").content.decode()
