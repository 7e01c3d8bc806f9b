"""Session keys are stored only in cookies, session data is encrypted, and sessions end when they should."""

import base64
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import Channel
from accounts.login.views import CHALLENGES
from accounts.models import User
from accounts.sessions import hashed_keys, revocation
from accounts.sessions.backend import FORMER_BACKEND, SessionStore, hash_session_key
from accounts.sessions.user_agents import describe_user_agent
from oauth.models import AppGrant
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.factories import PASSWORD, load_sessions
from tests.oauth.flows import access_token, allow, exhaust, make_app

pytestmark = pytest.mark.django_db

OVERVIEW = "/accounts/"
SESSIONS = "/accounts/sessions/"


def get_session_key(browser: Client) -> str:
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def is_logged_in(browser: Client) -> bool:
    return browser.get(OVERVIEW).status_code == 200


def make_client_with_key(key: str) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    return browser


def log_in(user: User) -> Client:
    """Log in with the form."""
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def test_stored_digest_cannot_be_used_as_cookie(ada: User) -> None:
    browser = log_in(ada)
    [stored] = Session.objects.all()
    assert get_session_key(browser) not in str(stored.__dict__)
    assert is_logged_in(make_client_with_key(get_session_key(browser)))
    assert not is_logged_in(make_client_with_key(stored.session_key))


def test_session_data_is_encrypted(ada: User) -> None:
    browser = log_in(ada)
    [data] = load_sessions()
    assert data["_auth_user_id"] == str(ada.pk)
    stored = Session.objects.get().session_data
    assert str(ada.pk).encode() not in base64.b64decode(stored)
    with CaptureQueriesContext(connection) as queries:
        assert is_logged_in(browser)
    assert not [query for query in queries if "accounts_serverkey" in query["sql"]]  # the key is cached


@pytest.mark.parametrize("content", ["signed", "", "x", "AAAA", "é:ü"])
def test_unencrypted_or_corrupt_session_requires_new_login(content: str, ada: User) -> None:
    browser = log_in(ada)
    [data] = load_sessions()
    stored = Session.objects.encode(data) if content == "signed" else content  # as Django's backend stores it
    Session.objects.update(session_data=stored)
    response = browser.get("/memories/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/memories/")
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_logged_in(browser)


def test_session_data_copied_to_another_session_is_rejected(ada: User, bob: User) -> None:
    adas, bobs = log_in(ada), log_in(bob)
    [own, others] = [
        Session.objects.get(session_key=hash_session_key(get_session_key(browser)))
        for browser in (bobs, adas)
    ]
    Session.objects.filter(pk=own.pk).update(session_data=others.session_data)
    assert not is_logged_in(bobs)


def test_session_key_chosen_by_the_client_is_not_adopted(ada: User) -> None:
    browser = make_client_with_key("k" * 32)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_logged_in(browser)
    assert get_session_key(browser) != "k" * 32


def test_login_changes_the_session_key(ada: User) -> None:
    anonymous = SessionStore()
    anonymous.save()
    before = str(anonymous.session_key)
    browser = make_client_with_key(before)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_logged_in(browser)
    assert get_session_key(browser) != before
    assert not SessionStore().exists(before)


def test_logout_deletes_the_session(ada: User) -> None:
    browser = log_in(ada)
    before = get_session_key(browser)
    browser.post("/accounts/logout/")
    assert not Session.objects.exists()
    assert not is_logged_in(make_client_with_key(before))


def test_password_change_ends_other_sessions_only(ada: User) -> None:
    browser, other = log_in(ada), log_in(ada)
    new = "an owl on the roof"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert browser.post("/accounts/password/change/", form).status_code == 302
    assert is_logged_in(browser)
    assert not is_logged_in(other)


def test_ending_other_sessions_includes_unlisted_ones(ada: User) -> None:
    browser, other, unlisted = log_in(ada), log_in(ada), log_in(ada)
    UserSession.objects.filter(
        session_key=get_session_key(unlisted)
    ).delete()  # it began before this list existed
    token = access_token(ada, make_app())
    browser.post(SESSIONS)
    assert is_logged_in(browser)
    assert not is_logged_in(other)
    assert not is_logged_in(unlisted)
    assert authenticate_token(token, Channel.API)  # apps stay connected
    assert [row.session_key == get_session_key(browser) for row in UserSession.objects.all()] == [True]


def test_ending_sessions_can_disconnect_all_apps(ada: User) -> None:
    token = access_token(ada, make_app())
    browser, other = log_in(ada), log_in(ada)
    browser.post(SESSIONS, {"apps": "1"})
    assert is_logged_in(browser)
    assert not is_logged_in(other)
    assert not AppGrant.objects.exists()
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_only_own_sessions_can_be_ended(ada: User, bob: User) -> None:
    browser, other, bobs = log_in(ada), log_in(ada), log_in(bob)
    for target in (other, bobs):
        browser.post(SESSIONS, {"session": UserSession.objects.get(session_key=get_session_key(target)).pk})
    assert is_logged_in(browser)
    assert not is_logged_in(other)
    assert is_logged_in(bobs)
    assert browser.post(SESSIONS, {"session": "9" * 5_000}).status_code == 302


def test_unlisted_current_session_is_listed(ada: User) -> None:
    browser = log_in(ada)
    UserSession.objects.all().delete()
    assert "this session" in browser.get(SESSIONS).content.decode()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142 Safari/537.36 Edg/142",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown program"),
    ],
)
def test_user_agent_is_described_by_browser_and_system(user_agent: str, name: str) -> None:
    assert describe_user_agent(user_agent) == name


@pytest.mark.parametrize("disconnect", [False, True])
def test_password_change_can_disconnect_all_apps(ada: User, disconnect: bool) -> None:
    allow(ada, make_app())
    new = "an owl on the roof"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    log_in(ada).post("/accounts/password/change/", form | ({"disconnect_apps": "on"} if disconnect else {}))
    assert AppGrant.objects.exists() is not disconnect


def test_deleted_session_is_removed_from_the_list(ada: User) -> None:
    expired, current = log_in(ada), log_in(ada)
    Session.objects.all().delete()
    yesterday = timezone.now() - timedelta(days=1)
    UserSession.objects.filter(session_key=get_session_key(expired)).update(created_at=yesterday)
    assert hashed_keys.purge_expired_sessions() == 1
    assert [row.session_key == get_session_key(current) for row in UserSession.objects.all()] == [True]


@pytest.mark.parametrize("purge", [hashed_keys.purge_expired_sessions, lambda: call_command("clearsessions")])
def test_expired_session_is_rejected_and_purged(ada: User, purge: object) -> None:
    browser = log_in(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_logged_in(browser)
    assert callable(purge)
    purge()
    assert not Session.objects.exists()


def test_deleted_session_is_not_saved_again(ada: User) -> None:
    session = log_in(ada).session
    session["more"] = 1  # loads the session before another process deletes it
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_async_methods_use_hashed_keys() -> None:
    store = SessionStore()
    store["seen"] = 1
    async_to_sync(store.asave)()
    key = str(store.session_key)
    assert not Session.objects.filter(session_key=key).exists()
    assert async_to_sync(store.aexists)(key)
    assert async_to_sync(SessionStore(key).aget)("seen") == 1
    async_to_sync(store.adelete)()
    assert not Session.objects.exists()


def test_session_that_began_before_the_own_backend_stays_logged_in(ada: User) -> None:
    browser = log_in(ada)
    stored = browser.session
    stored[BACKEND_SESSION_KEY] = FORMER_BACKEND
    stored.save()
    assert is_logged_in(browser)


# --- Bounds -----------------------------------------------------------------------------------------------------


def test_oldest_sessions_end_beyond_the_limit(ada: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "MAX_SESSIONS", 2)
    of_bob = log_in(bob)
    browsers = [log_in(ada) for _ in range(4)]
    assert [is_logged_in(browser) for browser in browsers] == [False, False, True, True]
    assert is_logged_in(of_bob)
    assert Session.objects.count() == 3


def test_session_without_a_user_is_short_and_rare() -> None:
    """Anybody can start one: each challenge for a passkey is stored in it."""
    path = "/accounts/2fa/webauthn/login/"
    assert Client().get(path, headers={"accept": "application/json"}).status_code == 200
    assert Session.objects.get().expire_date <= timezone.now() + timedelta(hours=3)
    exhaust(CHALLENGES)
    refused = Client().get(path, headers={"accept": "application/json"})
    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    assert Session.objects.count() == 1


def test_session_of_a_user_lasts_as_before(ada: User) -> None:
    log_in(ada)
    assert Session.objects.get().expire_date > timezone.now() + timedelta(days=13)
