"""A personal access token is no OAuth client, counts like an app, and sees no more than its grant allows, anywhere."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from memories.jobs import retention
from memories.models import Memory, Proposal
from oauth.access import grants
from oauth.models import AppGrant, Application, Mistake
from oauth.personal.service import IssuedToken, regenerate_token
from oauth.tokens.bearer import authenticate_token
from oauth.tokens.families import AccessToken
from tests.factories import remember
from tests.memories.api.callers import Caller as RestCaller
from tests.memories.mcp.callers import Caller as McpCaller
from tests.oauth.flows import REDIRECT, App, make_app, personal_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(ada: User) -> IssuedToken:
    return personal_token(ada)


def call_rest(token: str) -> RestCaller:
    return RestCaller(Client(), {"Authorization": f"Bearer {token}"})


# --- No client ------------------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "7")
def test_token_cannot_ask_for_consent(ada_client: Client, issued: IssuedToken) -> None:
    app = App(issued.grant.application)
    for browser in (ada_client, Client()):
        for change in ({}, {"redirect_uri": None}, {"redirect_uri": ""}):
            page = browser.get("/oauth/authorize/", app.request(**change))
            assert page.status_code == 400
            assert b"not known here" in page.content
            assert b"Script" not in page.content


@pytest.mark.compliance("Personal access tokens", "7")
@pytest.mark.parametrize("address", ["token", "revoke", "introspect"])
def test_token_is_no_client_at_any_endpoint(issued: IssuedToken, address: str) -> None:
    form = {
        "client_id": issued.grant.application.client_id,
        "token": issued.secret,
        "grant_type": "refresh_token",
        "refresh_token": issued.secret,
    }
    for secret in ({}, {"client_secret": ""}, {"client_secret": "x"}, {"client_secret": "sha256$$"}):
        answer = Client().post(f"/oauth/{address}/", form | secret)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert AccessToken.objects.count() == 1
    assert not Mistake.objects.exists()


@pytest.mark.compliance("Personal access tokens", "7")
def test_another_app_cannot_redeem_or_revoke_the_token(ada: User, issued: IssuedToken) -> None:
    app = make_app()
    app.connect(ada)
    assert app.refresh(issued.secret).json()["error"] == "invalid_grant"
    assert app.http.post("/oauth/revoke/", {
        "token": issued.secret, "client_id": app.application.client_id, "client_secret": app.secret,
    }).status_code == 200  # fmt: skip
    introspected = app.http.post(
        "/oauth/introspect/",
        {"token": issued.secret, "client_id": app.application.client_id, "client_secret": app.secret},
    )
    assert introspected.json() == {"active": False}
    assert authenticate_token(issued.secret, Channel.API).user == ada


def test_resource_server_introspects_the_token(issued: IssuedToken) -> None:
    server = make_app(is_resource_server=True)
    credentials = {"client_id": server.application.client_id, "client_secret": server.secret}
    body = server.http.post("/oauth/introspect/", credentials | {"token": issued.secret}).json()
    assert (body["active"], body["scope"]) == (True, f"{scopes.READ} {scopes.WRITE}")
    assert [url.rpartition("/")[2] for url in body["aud"]] == ["api", "mcp"]
    assert body["client_id"] == issued.grant.application.client_id


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_revoked_meanwhile_is_not_regenerated(ada: User, issued: IssuedToken) -> None:
    grants.revoke_grant(AppGrant.objects.get(pk=issued.grant.pk))
    with pytest.raises(grants.AppNotFound):
        regenerate_token(ada, issued.grant, None)
    assert not AccessToken.objects.exists()


@pytest.mark.compliance("Personal access tokens", "12")
def test_resource_server_learns_that_tokens_are_turned_off(
    issued: IssuedToken, settings: LazySettings
) -> None:
    server = make_app(is_resource_server=True)
    credentials = {"client_id": server.application.client_id, "client_secret": server.secret}
    settings.PERSONAL_TOKENS = False
    answer = server.http.post("/oauth/introspect/", credentials | {"token": issued.secret})
    assert answer.json() == {"active": False}


@pytest.mark.compliance("Personal access tokens", "7")
def test_developer_console_does_not_know_the_token(ada_client: Client, issued: IssuedToken) -> None:
    client_id = issued.grant.application.client_id
    assert b"Script" not in ada_client.get("/developer/").content
    for act in ("", "try/"):
        assert ada_client.get(f"/developer/{client_id}/{act}").status_code == 404
    for act in ("secret/", "delete/", "mistakes/"):
        assert ada_client.post(f"/developer/{client_id}/{act}").status_code == 404
    assert Client().get(f"/oauth/register/{client_id}/").status_code in (401, 403, 404)


@pytest.mark.compliance("Personal access tokens", "7")
def test_database_lets_no_token_become_a_client(issued: IssuedToken) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"redirect_uris": REDIRECT}, {"client_secret": "x"}, {"user": None}, {"previous_secret": "x"},
    )  # fmt: skip
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            Application.objects.filter(pk=issued.grant.application_id).update(**change)


# --- Where it is accepted -------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "8")
def test_token_is_accepted_in_the_header_only(issued: IssuedToken) -> None:
    client, token = Client(), issued.secret
    assert client.get("/api/v1/memories/", {"access_token": token}).status_code == 401
    assert client.get("/api/v1/memories/", headers={"Authorization": f"Basic {token}"}).status_code == 401
    assert client.get("/api/v1/memories/", headers={"X-API-Key": token}).status_code == 401
    client.cookies["picard_session"] = token
    assert client.get("/api/v1/memories/").status_code == 401
    page = Client(headers={"Authorization": f"Bearer {token}"}).get("/memories/")
    assert page["Location"].startswith("/accounts/login/")
    assert call_rest(token)("get", "/memories/").status == 200


@pytest.mark.compliance("Personal access tokens", "8")
def test_token_opens_no_page_that_issues_tokens(issued: IssuedToken) -> None:
    client, path = Client(headers={"Authorization": f"Bearer {issued.secret}"}), "/accounts/tokens/new/"
    assert client.get(path)["Location"].startswith("/accounts/login/")
    assert client.post(path, {"name": "More", "scopes": [scopes.ADMIN], "reach": "all"}).status_code in (
        302,
        405,
    )
    assert call_rest(issued.secret)("get", "/apps/").code == "session_required"
    assert AppGrant.objects.count() == 1


def test_token_stays_valid_when_the_url_of_the_server_changes(
    ada: User, issued: IssuedToken, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://memory.example.org"
    assert authenticate_token(issued.secret, Channel.MCP).user == ada


# --- Access ---------------------------------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_of_one_tag_sees_only_it_over_rest_and_mcp(ada: User) -> None:
    tag = remember(ada, "The zebra sleeps.", tags=["zoo"]).tags.get()
    remember(ada, "The zebra is at work.", tags=["work"])
    issued = personal_token(ada, only_tags=frozenset({tag.pk}))
    assert call_rest(issued.secret)("get", "/memories/").texts == ["The zebra sleeps."]
    found = McpCaller(issued.secret).call("list_recent")
    assert "sleeps" in str(found.json)
    assert "work" not in str(found.json)
    created = call_rest(issued.secret)("post", "/memories/", {"text": "The zebra eats."})
    assert created.json["tags"] == ["zoo"]


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_without_a_scope_is_told_so(ada: User) -> None:
    token = personal_token(ada, scopes.READ).secret
    refused = call_rest(token)("post", "/memories/", {"text": "New."})
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert 'scope="memories:write"' in refused.headers["WWW-Authenticate"]
    answer = McpCaller(token).call("add_memory", text="New.")
    assert answer.status == 200  # no challenge: asking for consent would not help
    assert "memories:write" in str(answer.json)
    assert not Memory.objects.exists()


@pytest.mark.compliance("Personal access tokens", "4")
def test_token_that_asks_first_only_proposes(ada: User, ada_client: Client) -> None:
    token = personal_token(ada, asks_first=True).secret
    assert call_rest(token)("post", "/memories/", {"text": "New."}).status == 202
    assert (Memory.objects.count(), Proposal.objects.count()) == (0, 1)
    assert "Script" in ada_client.get("/memories/review/").content.decode()


@pytest.mark.compliance("Personal access tokens", "9")
def test_what_a_token_did_is_shown_and_can_be_undone(
    ada: User, ada_client: Client, issued: IssuedToken
) -> None:
    memory_id = call_rest(issued.secret)("post", "/memories/", {"text": "By a script."}).json["id"]
    address = f"/accounts/apps/{issued.grant.pk}/"
    assert "By a script." in ada_client.get(address).content.decode()
    assert "Script" in ada_client.get(f"/memories/{memory_id}/").content.decode()
    [listed] = RestCaller(ada_client)("get", "/apps/").json["results"]
    assert (listed["name"], listed["is_personal_token"], listed["host"]) == ("Script", True, "")
    assert (listed["written"], bool(listed["last_used_at"])) == (1, True)
    ada_client.post(f"{address}forget/")
    assert Memory.objects.get().deleted_at is not None


@pytest.mark.compliance("Personal access tokens", "9")
def test_requests_count_against_the_limit_of_one_token(ada: User, settings: LazySettings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    first, second = (call_rest(personal_token(ada).secret) for _ in range(2))
    assert [first("get", "/whoami/").status for _ in range(3)] == [200, 200, 429]
    assert second("get", "/whoami/").status == 200


@pytest.mark.compliance("Personal access tokens", "9")
def test_reads_count_against_the_daily_limit(ada: User, settings: LazySettings) -> None:
    settings.READS_PER_APP_PER_DAY = 1
    for text in ("one", "two", "three"):
        remember(ada, text)
    caller = call_rest(personal_token(ada).secret)
    assert [caller("get", "/memories/?limit=2").status for _ in range(2)].count(429) >= 1


# --- A session that ends meanwhile ----------------------------------------------------------------------


@pytest.mark.compliance("Personal access tokens", "2")
def test_session_that_was_ended_issues_no_token(ada: User, issued: IssuedToken) -> None:
    User.objects.update(sessions_era=F("sessions_era") + 1)  # by a new password, while the form was open
    with pytest.raises(grants.SessionEnded):
        personal_token(ada)
    with pytest.raises(grants.SessionEnded):
        regenerate_token(ada, issued.grant, None)
    assert (Application.objects.count(), AccessToken.objects.count()) == (1, 1)
    assert authenticate_token(issued.secret, Channel.API).user == ada


# --- Staff and housekeeping -----------------------------------------------------------------------------


def test_staff_see_when_a_token_was_used_and_can_revoke_it(carol_client: Client, issued: IssuedToken) -> None:
    authenticate_token(issued.secret, Channel.API)
    for model in ("oauth/application", "oauth/appgrant", "oauth2_provider/accesstoken"):
        page = carol_client.get(
            f"/admin/{model}/?{'' if model.endswith('ion') else 'application__'}is_personal_token=1"
        )
        assert page.status_code == 200, model
        assert issued.secret not in page.content.decode()
    form = {"action": "end", "_selected_action": [str(issued.grant.pk)]}
    assert carol_client.post("/admin/oauth/appgrant/", form).status_code == 302
    assert call_rest(issued.secret)("get", "/whoami/").code == "invalid_token"


def test_housekeeping_keeps_tokens_without_an_end(ada: User, issued: IssuedToken) -> None:
    retention.run_steps()
    assert authenticate_token(issued.secret, Channel.API).user == ada
