"""A user creates a personal access token on a page, sees it once, and limits, pauses and revokes it like an app."""

import re
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.account.signals import password_reset
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth import rate_limits
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.personal import service
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import AccessToken
from oauth.tokens.personal import PATTERN
from tests.accounts.login.soft_passkey import SoftPasskey
from tests.accounts.login.test_passkeys import add_passkey, to_json
from tests.accounts.login.test_second_factor import SECRET
from tests.factories import PASSWORD, confirm_address, make_person, remember
from tests.oauth.flows import allow, exhaust, make_app

pytestmark = pytest.mark.django_db
LIST, NEW, APPS = "/accounts/tokens/", "/accounts/tokens/new/", "/accounts/apps/"
READ_ONLY = {"name": "Home Assistant", "scopes": [scopes.READ], "reach": "all"}


def confirm_identity(browser: Client) -> Client:
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


@pytest.fixture
def browser(ada: User, ada_client: Client) -> Client:
    """Ada's, who has just confirmed who she is."""
    return confirm_identity(ada_client)


def submit(browser: Client, **changes: Any) -> Any:
    return browser.post(NEW, {"form_id": str(uuid4()), **READ_ONLY, **changes})


def create(browser: Client, **changes: Any) -> str:
    """Create a token on the page and return it."""
    page = submit(browser, **changes)
    assert page.status_code == 200, page.content
    return read_token(page)


def read_token(page: Any) -> str:
    [found] = PATTERN.finditer(page.content.decode())
    return found[0]


def is_accepted(token: str) -> bool:
    try:
        return authenticate_token(token, Channel.API) is not None
    except InvalidAccessToken:
        return False


# --- Creating -------------------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "1")
def test_token_is_shown_once_and_acts_for_its_user(ada: User, browser: Client) -> None:
    page = submit(browser)
    token = read_token(page)
    assert "no-store" in page["Cache-Control"]
    for channel in (Channel.API, Channel.MCP):
        actor = authenticate_token(token, channel)
        assert (actor.user, actor.scopes, actor.is_app) == (ada, frozenset({scopes.READ}), True)
    grant = AppGrant.objects.get()
    for address in (LIST, f"{APPS}{grant.pk}/"):
        assert token not in browser.get(address).content.decode()


@pytest.mark.compliance("Personal access tokens", "3")
def test_token_expires_in_90_days_unless_chosen_otherwise(browser: Client) -> None:
    html = browser.get(NEW).content.decode()
    assert re.search(r'<option value="quarter" selected>', html)
    create(browser)
    create(browser, ends="never")
    first, second = (grant.ends_at for grant in AppGrant.objects.order_by("created_at"))
    assert first is not None
    assert abs(first - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    assert second is None


@pytest.mark.compliance("Personal access tokens", "3")
def test_new_token_offers_reading_and_writing_and_other_scopes_by_a_click(browser: Client) -> None:
    html = " ".join(browser.get(NEW).content.decode().split())
    ticked = re.findall(r'<input type="checkbox" name="scopes" value="([a-z:]+)"[^>]*checked', html)
    offered = re.findall(r'<input type="checkbox" name="scopes" value="([a-z:]+)"', html)
    assert ticked == [scopes.READ, scopes.WRITE]
    assert set(offered) == {scopes.READ, scopes.WRITE, scopes.PUBLISH, scopes.ADMIN, scopes.PERSONA}
    chosen = [scopes.PUBLISH, scopes.ADMIN]
    assert authenticate_token(create(browser, scopes=chosen), Channel.API).scopes == set(chosen)


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_is_limited_to_tags_and_asks_first(ada: User, browser: Client) -> None:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    token = create(browser, reach="tagged", tags=[str(tag.pk)], asks_first="on")
    actor = authenticate_token(token, Channel.API)
    assert (actor.only_tags, actor.asks_first) == (frozenset({tag.pk}), True)


def test_tag_of_another_user_cannot_be_chosen(bob: User, browser: Client) -> None:
    tag = remember(bob, "one", tags=["work"]).tags.get()
    assert submit(browser, reach="tagged", tags=[str(tag.pk)]).status_code == 422
    assert not Application.objects.exists()


INVALID: list[dict[str, Any]] = [
    {"name": ""}, {"name": "  "}, {"name": "x" * 81}, {"name": "a\u202eb"}, {"scopes": []}, {"form_id": ""},
    {"scopes": ["everything"]}, {"reach": "tagged"}, {"ends": "eternity"}, {"form_id": "1"},
]  # fmt: skip


def test_invalid_form_is_shown_again_and_creates_nothing(browser: Client) -> None:
    assert [change for change in INVALID if submit(browser, **change).status_code != 422] == []
    assert not Application.objects.exists()


@pytest.mark.compliance("Personal access tokens", "1")
def test_form_that_is_sent_twice_creates_one_token(browser: Client) -> None:
    form_id = str(uuid4())
    token = create(browser, form_id=form_id)
    again = submit(browser, form_id=form_id)
    assert (again.status_code, again["Location"]) == (302, LIST)
    assert AppGrant.objects.count() == 1
    assert is_accepted(token)


def test_same_form_id_of_another_user_is_another_token(
    bob: User, browser: Client, bob_client: Client
) -> None:
    form_id = str(uuid4())
    create(browser, form_id=form_id)
    assert authenticate_token(create(confirm_identity(bob_client), form_id=form_id), Channel.API).user == bob


def test_tokens_count_as_apps_and_creating_is_limited(
    ada: User, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MAX_APPS", 1)
    create(browser)
    assert submit(browser).status_code == 422
    assert Application.objects.count() == 1
    exhaust(rate_limits.PERSONAL_TOKENS, who=str(ada.pk))
    limited = submit(browser)
    assert (limited.status_code, "Retry-After" in limited) == (429, True)


# --- Recent authentication ------------------------------------------------------------------------------


def list_issuing_pages(ada: User) -> list[str]:
    issued = service.create_token(ada, "Old", grants.GrantOptions(frozenset({scopes.READ})), form_id=uuid4())
    return [NEW, f"{LIST}{issued.grant.pk}/regenerate/"]


@pytest.mark.compliance("Personal access tokens", "2")
def test_issuing_a_token_needs_recent_authentication(ada: User, ada_client: Client) -> None:
    for address in list_issuing_pages(ada):
        count = AccessToken.objects.count()
        for response in (ada_client.get(address), ada_client.post(address, READ_ONLY | {"ends": "day"})):
            assert response["Location"].startswith("/accounts/reauthenticate/")
        assert AccessToken.objects.count() == count


@pytest.mark.compliance("Personal access tokens", "2")
def test_authentication_an_hour_ago_is_not_recent(
    browser: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser.get(NEW).status_code == 200
    in_an_hour = time.time() + 3_600
    monkeypatch.setattr(time, "time", lambda: in_an_hour)
    assert browser.get(NEW)["Location"].startswith("/accounts/reauthenticate/")


@pytest.mark.usefixtures("sends_mail")
def test_form_is_resumed_after_the_password_and_shows_the_token(ada: User, ada_client: Client) -> None:
    confirm_address(ada)
    asked = ada_client.post(NEW, {"form_id": str(uuid4()), **READ_ONLY})
    page = ada_client.post(asked["Location"], {"password": PASSWORD, "next": NEW})
    assert is_accepted(read_token(page))
    assert "no-store" in page["Cache-Control"]
    assert "IP address: 127.0.0.1" in str(mail.outbox[-1].body)


@pytest.mark.compliance("Personal access tokens", "2")
def test_wrong_password_issues_nothing(ada_client: Client) -> None:
    asked = ada_client.post(NEW, {"form_id": str(uuid4()), **READ_ONLY})
    ada_client.post(asked["Location"], {"password": "wrong", "next": NEW})
    assert ada_client.get(NEW).status_code == 302
    assert not AppGrant.objects.exists()


@pytest.mark.compliance("Personal access tokens", "2")
def test_passkey_is_recent_authentication(ada: User, ada_client: Client) -> None:
    passkey = SoftPasskey()
    add_passkey(confirm_identity(ada_client), passkey)
    browser = Client()
    browser.force_login(ada)
    assert browser.get(NEW).status_code == 302
    address = "/accounts/2fa/webauthn/reauthenticate/"
    options = to_json(browser.get(address).context["js_data"]["request_options"])
    browser.post(address, {"credential": passkey.get(options), "next": NEW})
    assert browser.get(NEW).status_code == 200


@pytest.mark.compliance("Personal access tokens", "2")
def test_user_with_a_second_factor_confirms_too(ada: User, ada_client: Client) -> None:
    TOTP.activate(ada, SECRET)
    assert ada_client.get(NEW).status_code == 302
    code = format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))
    ada_client.post("/accounts/2fa/reauthenticate/", {"code": code, "next": NEW})
    assert ada_client.get(NEW).status_code == 200


@pytest.mark.compliance("Personal access tokens", "2")
def test_user_who_cannot_authenticate_again_issues_nothing(ada: User, ada_client: Client) -> None:
    """As somebody who logs in by another provider, with neither password nor passkey."""
    ada.set_unusable_password()
    ada.save()
    ada_client.force_login(ada)
    assert [submit(ada_client)["Location"], ada_client.get(NEW)["Location"]] == [LIST, LIST]
    assert "Set a password or add a passkey first" in ada_client.get(LIST).content.decode()
    assert not AppGrant.objects.exists()


@pytest.mark.parametrize("address", [LIST, NEW, f"{LIST}{UUID(int=7)}/regenerate/"])
def test_anonymous_user_is_redirected_to_login(db: None, address: str) -> None:
    assert Client().get(address)["Location"].startswith("/accounts/login/")


# --- Regenerating ---------------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "10")
def test_regenerating_ends_the_old_token_and_keeps_its_access(ada: User, browser: Client) -> None:
    tag = remember(ada, "one", tags=["work"]).tags.get()
    old = create(browser, reach="tagged", tags=[str(tag.pk)], asks_first="on", ends="day")
    grant = AppGrant.objects.get()
    grants.pause_grant(grant)
    address = f"{LIST}{grant.pk}/regenerate/"
    assert b"stops working immediately" in browser.get(address).content
    new = read_token(browser.post(address, {"ends": "week"}))
    assert (is_accepted(old), is_accepted(new)) == (False, True)
    actor = authenticate_token(new, Channel.API)
    assert (actor.only_tags, actor.asks_first, actor.scopes) == (
        frozenset({tag.pk}),
        True,
        frozenset({scopes.READ}),
    )
    assert AppGrant.objects.get(ends_at__gt=timezone.now() + timedelta(days=6)).pk == grant.pk


def test_narrowed_scopes_stay_narrowed_after_regenerating(browser: Client) -> None:
    create(browser, scopes=[scopes.READ, scopes.WRITE])
    grant = AppGrant.objects.get()
    browser.post(f"{APPS}{grant.pk}/narrow/", {"scopes": [scopes.READ], "reach": "all", "ends": "keep"})
    token = read_token(browser.post(f"{LIST}{grant.pk}/regenerate/", {"ends": "day"}))
    assert authenticate_token(token, Channel.API).scopes == {scopes.READ}


def test_tokens_of_others_and_apps_cannot_be_regenerated(
    ada: User, bob_client: Client, browser: Client
) -> None:
    create(browser)
    token_grant = AppGrant.objects.get()
    assert confirm_identity(bob_client).get(f"{LIST}{token_grant.pk}/regenerate/").status_code == 404
    app_grant = allow(ada, make_app())
    assert browser.post(f"{LIST}{app_grant.pk}/regenerate/", {"ends": "never"}).status_code == 404


# --- Like an app ----------------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_is_paused_resumed_and_revoked_like_an_app(browser: Client) -> None:
    token = create(browser)
    address = f"{APPS}{AppGrant.objects.get().pk}/"
    browser.post(f"{address}pause/", {"state": "paused"})
    with pytest.raises(InvalidAccessToken, match="paused this personal access token"):
        authenticate_token(token, Channel.API)
    browser.post(f"{address}pause/", {"state": "on"})
    assert is_accepted(token)
    assert browser.post(f"{address}disconnect/")["Location"] == LIST
    with pytest.raises(InvalidAccessToken, match="unknown or was revoked"):
        authenticate_token(token, Channel.API)


@pytest.mark.compliance("Personal access tokens", "4")
def test_expired_token_says_so(browser: Client) -> None:
    token = create(browser, ends="day")
    AppGrant.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidAccessToken, match="personal access token has expired"):
        authenticate_token(token, Channel.API)


@pytest.mark.compliance("Personal access tokens", "3")
def test_token_cannot_be_extended_without_regenerating(browser: Client) -> None:
    create(browser, ends="week")
    grant = AppGrant.objects.get()
    form = {"scopes": [scopes.READ], "reach": "all"}
    for ends in ("never", "year", "month"):
        assert browser.post(f"{APPS}{grant.pk}/narrow/", form | {"ends": ends}).status_code == 422
    later = timezone.now() + timedelta(days=30)
    for ends_at in (None, later.isoformat()):
        body = {"ends_at": ends_at}
        changed = browser.patch(f"/api/v1/apps/{grant.pk}/", body, content_type="application/json")
        assert changed.status_code == 400, changed.content
    assert AppGrant.objects.get().ends_at == grant.ends_at
    assert browser.post(f"{APPS}{grant.pk}/narrow/", form | {"ends": "day"}).status_code == 302
    assert AppGrant.objects.filter(ends_at__lt=grant.ends_at).exists()


def test_tokens_and_apps_are_on_pages_of_their_own(ada: User, browser: Client) -> None:
    create(browser)
    allow(ada, make_app("Notes"))
    assert "Home Assistant" not in browser.get(APPS).content.decode()
    html = browser.get(LIST).content.decode()
    assert "Home Assistant" in html
    assert "Notes" not in html
    assert "Home Assistant" in browser.get("/accounts/apps/activity/").content.decode()


def test_list_takes_as_many_queries_for_many_tokens(browser: Client, settings: LazySettings) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 0  # a busy machine stores the work in a query of its own
    counts = []
    for tokens in (1, 4):
        for _ in range(tokens):
            create(browser)
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_last_use_is_shown_also_without_reads(browser: Client) -> None:
    token = create(browser)
    assert "never used" in browser.get(LIST).content.decode()
    authenticate_token(token, Channel.API)
    html = browser.get(LIST).content.decode()
    assert "last used" in html
    assert "never used" not in html


def test_last_use_is_written_once_in_five_minutes(
    browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = create(browser)
    authenticate_token(token, Channel.API)
    with django_assert_num_queries(1):
        authenticate_token(token, Channel.API)
    AppGrant.objects.update(used_at=timezone.now() - timedelta(minutes=6))
    with django_assert_num_queries(2):
        authenticate_token(token, Channel.API)


# --- Notices and the operator's switch ------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "11")
@pytest.mark.usefixtures("sends_mail")
def test_user_gets_an_email_about_a_new_and_a_regenerated_token(ada: User, browser: Client) -> None:
    confirm_address(ada)
    mail.outbox.clear()
    token = create(browser)
    grant = AppGrant.objects.get()
    new = read_token(browser.post(f"{LIST}{grant.pk}/regenerate/", {"ends": "day"}))
    created, regenerated = mail.outbox
    assert (created.subject, regenerated.subject) == (
        "An access token was created",
        "An access token was regenerated",
    )
    text = str(created.body)
    assert "Home Assistant" in text
    assert "- Read and search your memories" in text
    assert f"{APPS}{grant.pk}/" in text
    assert "reset your password" in text
    assert not [each for each in (token, new) if each in f"{text}{regenerated.body}"]


@pytest.mark.compliance("Personal access tokens", "12")
def test_tokens_can_be_turned_off_by_the_operator(browser: Client, settings: LazySettings) -> None:
    token = create(browser)
    settings.PERSONAL_TOKENS = False
    with pytest.raises(InvalidAccessToken, match="turned off"):
        authenticate_token(token, Channel.API)
    assert submit(browser).status_code == 404
    html = browser.get(LIST).content.decode()
    assert "Home Assistant" in html  # it can still be revoked
    assert NEW not in html
    assert LIST not in browser.get("/accounts/").content.decode()
    settings.PERSONAL_TOKENS = True
    assert is_accepted(token)


# --- What ends tokens -----------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "10")
def test_password_change_revokes_tokens_until_they_are_regenerated(browser: Client) -> None:
    token = create(browser)
    new = "a walrus in the garden"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert browser.post("/accounts/password/change/", form).status_code == 302
    assert not is_accepted(token)
    grant = AppGrant.objects.get()
    assert "Regenerate it to use it again" in browser.get(f"{APPS}{grant.pk}/").content.decode()
    assert "revoked" in browser.get(LIST).content.decode()
    browser.post("/accounts/reauthenticate/", {"password": new})
    assert is_accepted(read_token(browser.post(f"{LIST}{grant.pk}/regenerate/", {"ends": "day"})))


@pytest.mark.compliance("Personal access tokens", "10")
def test_ending_sessions_keeps_tokens_unless_they_are_ended_too(browser: Client) -> None:
    token = create(browser)
    browser.post("/accounts/sessions/", {})
    assert is_accepted(token)
    browser.post("/accounts/sessions/", {"apps": "1"})
    assert not is_accepted(token)
    assert not AppGrant.objects.exists()


@pytest.mark.compliance("Personal access tokens", "10")
def test_closing_the_account_revokes_tokens_for_good(ada: User, browser: Client) -> None:
    token = create(browser)
    assert browser.post("/accounts/delete/", {"handle": ada.handle}).status_code == 302
    User.objects.update(is_active=True, delete_at=None)  # as after it was restored
    assert not is_accepted(token)


@pytest.mark.compliance("Personal access tokens", "10")
def test_password_reset_deletes_tokens(ada: User, browser: Client) -> None:
    token = create(browser)
    password_reset.send(User, request=None, user=ada)
    assert not is_accepted(token)
    assert not AppGrant.objects.exists()


def test_deleted_user_leaves_no_token(browser: Client) -> None:
    create(browser)
    User.objects.get().delete()
    assert not Application.objects.exists()
    assert not AccessToken.objects.exists()


def test_names_of_revoked_tokens_are_purged_with_the_activity(ada: User, browser: Client) -> None:
    create(browser)
    kept = create(browser, name="Kept")
    grants.revoke_grant(AppGrant.objects.exclude(consented_name="Kept").get())
    assert service.purge_revoked_tokens() == 0
    Application.objects.update(disconnected_at=timezone.now() - timedelta(days=366))
    assert service.purge_revoked_tokens() == 1
    assert is_accepted(kept)


def test_two_users_tokens_do_not_meet(ada: User, browser: Client) -> None:
    bob = make_person("bob")
    other = confirm_identity(Client())
    other.force_login(bob)
    create(browser)
    for act in ("", "narrow/", "pause/", "disconnect/", "forget/"):
        address = f"{APPS}{AppGrant.objects.get().pk}/{act}"
        assert (other.post(address) if act else other.get(address)).status_code == 404
