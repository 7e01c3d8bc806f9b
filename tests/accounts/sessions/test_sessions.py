"""A session's key lies in its person's cookie and nowhere else, and ends when it should."""

import base64
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import Channel
from accounts.models import User
from accounts.sessions import hashed_keys
from accounts.sessions.backend import SessionStore, hash_session_key
from accounts.sessions.user_agents import describe_user_agent
from oauth.models import AppGrant
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.factories import PASSWORD, load_sessions
from tests.oauth.flows import access_token, allow, make_app

pytestmark = pytest.mark.django_db

OVERVIEW = "/accounts/"
SESSIONS = "/accounts/sessions/"


def key_of(browser: Client) -> str:
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def is_in(browser: Client) -> bool:
    return browser.get(OVERVIEW).status_code == 200


def with_key(key: str) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    return browser


def log_in(user: User) -> Client:
    """By the form."""
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def test_a_stolen_row_opens_no_session(ada: User) -> None:
    browser = log_in(ada)
    [stored] = Session.objects.all()
    assert key_of(browser) not in str(stored.__dict__)
    assert is_in(with_key(key_of(browser)))
    assert not is_in(with_key(stored.session_key))


def test_what_a_session_holds_lies_sealed(ada: User) -> None:
    browser = log_in(ada)
    [held] = load_sessions()
    assert held["_auth_user_id"] == str(ada.pk)
    stored = Session.objects.get().session_data
    assert str(ada.pk).encode() not in base64.b64decode(stored)
    with CaptureQueriesContext(connection) as asked:
        assert is_in(browser)
    assert not [each for each in asked if "accounts_serverkey" in each["sql"]]  # its key is known by now


@pytest.mark.parametrize("content", ["signed", "", "x", "AAAA", "é:ü"])
def test_who_has_a_session_of_before_or_one_that_is_broken_logs_in_once_more(content: str, ada: User) -> None:
    browser = log_in(ada)
    [held] = load_sessions()
    stored = Session.objects.encode(held) if content == "signed" else content  # as Django itself would
    Session.objects.update(session_data=stored)
    away = browser.get("/memories/")
    assert (away.status_code, away["Location"]) == (302, "/accounts/login/?next=/memories/")
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_in(browser)


def test_one_sessions_content_opens_in_no_other(ada: User, bob: User) -> None:
    adas, bobs = log_in(ada), log_in(bob)
    [own, others] = [
        Session.objects.get(session_key=hash_session_key(key_of(browser))) for browser in (bobs, adas)
    ]
    Session.objects.filter(pk=own.pk).update(session_data=others.session_data)
    assert not is_in(bobs)


def test_a_key_that_a_visitor_made_up_is_not_taken_over(ada: User) -> None:
    browser = with_key("k" * 32)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_in(browser)
    assert key_of(browser) != "k" * 32


def test_a_log_in_changes_the_key(ada: User) -> None:
    visitors = SessionStore()
    visitors.save()
    before = str(visitors.session_key)
    browser = with_key(before)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_in(browser)
    assert key_of(browser) != before
    assert not SessionStore().exists(before)


def test_a_log_out_leaves_no_row(ada: User) -> None:
    browser = log_in(ada)
    before = key_of(browser)
    browser.post("/accounts/logout/")
    assert not Session.objects.exists()
    assert not is_in(with_key(before))


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ada: User) -> None:
    here, elsewhere = log_in(ada), log_in(ada)
    new = "an owl on the roof"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert is_in(here)
    assert not is_in(elsewhere)


def test_all_others_end_also_one_that_no_list_names(ada: User) -> None:
    here, elsewhere, unlisted = log_in(ada), log_in(ada), log_in(ada)
    UserSession.objects.filter(session_key=key_of(unlisted)).delete()  # it began before there was a list
    token = access_token(ada, make_app())
    here.post(SESSIONS)
    assert is_in(here)
    assert not is_in(elsewhere)
    assert not is_in(unlisted)
    assert authenticate_token(token, Channel.API)  # a session is no app
    assert [row.session_key == key_of(here) for row in UserSession.objects.all()] == [True]


def test_the_apps_are_disconnected_with_them_if_wanted(ada: User) -> None:
    token = access_token(ada, make_app())
    here, elsewhere = log_in(ada), log_in(ada)
    here.post(SESSIONS, {"apps": "1"})
    assert is_in(here)
    assert not is_in(elsewhere)
    assert not AppGrant.objects.exists()
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_one_session_can_be_ended_and_no_other_persons(ada: User, bob: User) -> None:
    here, elsewhere, bobs = log_in(ada), log_in(ada), log_in(bob)
    for browser in (elsewhere, bobs):
        here.post(SESSIONS, {"session": UserSession.objects.get(session_key=key_of(browser)).pk})
    assert is_in(here)
    assert not is_in(elsewhere)
    assert is_in(bobs)
    assert here.post(SESSIONS, {"session": "9" * 5_000}).status_code == 302


def test_a_session_from_before_the_list_is_shown_to_itself(ada: User) -> None:
    here = log_in(ada)
    UserSession.objects.all().delete()
    assert "this session" in here.get(SESSIONS).content.decode()


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
        ("", "an unknown program"),
    ],
)
def test_a_browser_is_called_as_people_call_it(user_agent: str, name: str) -> None:
    assert describe_user_agent(user_agent) == name


@pytest.mark.parametrize("wanted", [False, True])
def test_a_new_password_asks_about_the_apps(ada: User, wanted: bool) -> None:
    allow(ada, make_app())
    new = "an owl on the roof"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    log_in(ada).post("/accounts/password/change/", form | ({"disconnect_apps": "on"} if wanted else {}))
    assert AppGrant.objects.exists() is not wanted


def test_an_ended_session_leaves_the_list_and_a_new_one_stays(ada: User) -> None:
    ended, fresh = log_in(ada), log_in(ada)
    Session.objects.all().delete()
    yesterday = timezone.now() - timedelta(days=1)
    UserSession.objects.filter(session_key=key_of(ended)).update(created_at=yesterday)
    assert hashed_keys.purge_expired_sessions() == 1
    assert [row.session_key == key_of(fresh) for row in UserSession.objects.all()] == [True]


@pytest.mark.parametrize("purge", [hashed_keys.purge_expired_sessions, lambda: call_command("clearsessions")])
def test_an_ended_session_opens_nothing_and_is_purged(ada: User, purge: object) -> None:
    browser = log_in(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_in(browser)
    assert callable(purge)
    purge()
    assert not Session.objects.exists()


def test_an_ended_row_does_not_come_back(ada: User) -> None:
    session = log_in(ada).session
    session["more"] = 1  # read before it is ended elsewhere
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_so_where_the_server_does_not_wait() -> None:
    store = SessionStore()
    store["seen"] = 1
    async_to_sync(store.asave)()
    key = str(store.session_key)
    assert not Session.objects.filter(session_key=key).exists()
    assert async_to_sync(store.aexists)(key)
    assert async_to_sync(SessionStore(key).aget)("seen") == 1
    async_to_sync(store.adelete)()
    assert not Session.objects.exists()
