"""Bearer tokens are valid only for their resource and while the user's grant is, and are checked in one query."""

import random
import string
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.models import AppGrant
from oauth.tokens import bearer
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import ACCESS_PREFIX
from tests.factories import remember
from tests.oauth.flows import API, MCP, access_token, access_tokens, allow, make_app

pytestmark = pytest.mark.django_db


def test_token_acts_for_its_user_within_its_scopes(ada: User) -> None:
    app = make_app()
    actor = authenticate_token(access_token(ada, app, scopes.READ), Channel.API)
    assert (actor.user, actor.client_id, actor.door) == (ada, app.application.client_id, Channel.API)
    assert actor.has_scope(scopes.READ)
    assert not actor.has_scope(scopes.WRITE)


def test_authentication_takes_one_query(ada: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    token = access_token(ada, make_app())
    with django_assert_num_queries(1):
        actor = authenticate_token(token, Channel.API)
        assert actor.person.persona_enabled is False
        assert actor.person.email == ada.email


def test_token_is_limited_by_the_grant(ada: User) -> None:
    app = make_app()
    tag = remember(ada, "one", tags=["work"]).tags.get()
    end = timezone.now() + timedelta(days=1)
    allow(ada, app, scopes.READ, only_tags=frozenset({tag.pk}), ends_at=end)
    actor = authenticate_token(access_token(ada, app, scopes.READ, scopes.WRITE), Channel.API)
    assert actor.scopes == {scopes.READ}
    assert actor.only_tags == frozenset({tag.pk})
    assert actor.until == end


@pytest.mark.parametrize(("path", "channel"), [(API, Channel.MCP), (MCP, Channel.API)])
@pytest.mark.compliance("RFC 9700", "2.3")
@pytest.mark.compliance("RFC 9700", "4.10.2")
def test_token_for_another_resource_is_rejected(ada: User, path: str, channel: Channel) -> None:
    token = access_token(ada, make_app(), path=path)
    with pytest.raises(InvalidAccessToken, match="not issued for this resource"):
        authenticate_token(token, channel)


def test_token_without_resource_is_rejected(ada: User) -> None:
    token = access_token(ada, make_app(), resource=[])
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


@pytest.mark.compliance("RFC 6750", "3.1")
def test_expired_token_is_rejected(ada: User) -> None:
    token = access_token(ada, make_app(), expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidAccessToken, match="expired"):
        authenticate_token(token, Channel.API)


def test_token_of_a_closed_account_is_rejected(ada: User) -> None:
    token = access_token(ada, make_app())
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_pausing_and_resuming_apply_immediately(ada: User) -> None:
    token = access_token(ada, make_app())
    grant = AppGrant.objects.get()
    grants.pause_grant(grant)
    with pytest.raises(InvalidAccessToken, match="paused"):
        authenticate_token(token, Channel.API)
    grants.resume_grant(grant)
    assert authenticate_token(token, Channel.API).user == ada


def test_disconnecting_applies_immediately(ada: User) -> None:
    token = access_token(ada, make_app())
    grants.revoke_grant(AppGrant.objects.get())
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_token_of_an_expired_grant_is_rejected(ada: User) -> None:
    app = make_app()
    allow(ada, app, ends_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidAccessToken, match="expired"):
        authenticate_token(access_token(ada, app), Channel.API)


@pytest.mark.compliance("RFC 6750", "3.1")
def test_none_of_10000_invalid_tokens_is_accepted(ada: User) -> None:
    app, rng = make_app(), random.Random(1)
    token = access_token(ada, app)
    expired = timezone.now() - timedelta(seconds=1)
    wrong = [
        *(_forge_token(token, rng) for _ in range(9_000)),
        *access_tokens(500, ada, app, expires=expired),
        *access_tokens(500, ada, app, path=MCP),
    ]
    assert len(wrong) == 10_000
    assert [each for each in wrong if is_accepted(each)] == []
    assert is_accepted(token)


def is_accepted(token: str) -> bool:
    try:
        return authenticate_token(token, Channel.API) is not None
    except InvalidAccessToken:
        return False


def _forge_token(token: str, rng: random.Random) -> str:
    at = rng.randrange(len(token))
    other = rng.choice(string.ascii_letters + string.digits + "-_ é\0")
    kinds = [
        token[:at],
        token[:at] + other + token[at + 1 :],
        token[:at] + other + token[at:],
        token.swapcase(),
        token[::-1],
        ACCESS_PREFIX + "".join(rng.choices(string.ascii_letters, k=43)),
        token.replace("picard_at_", "picard_rt_"),
        token + "=" * rng.randrange(1, 300),
    ]
    forged = rng.choice(kinds)
    return forged if forged != token else token + "x"


# --- Actor of a request -----------------------------------------------------------------------------------


def get_actor(channel: Channel, user: User | None = None, **headers: str) -> Actor:
    request = RequestFactory().get("/", headers=headers)
    request.user = user or AnonymousUser()
    return actor_from_request(request, channel)


def test_token_takes_precedence_over_session(ada: User, bob: User) -> None:
    token = access_token(ada, make_app())
    assert get_actor(Channel.API, bob, authorization=f"Bearer {token}").user == ada
    with pytest.raises(InvalidAccessToken):
        get_actor(Channel.API, bob, authorization="Bearer wrong")


def test_web_pages_ignore_tokens(ada: User) -> None:
    token = access_token(ada, make_app())
    assert get_actor(Channel.WEB, authorization=f"Bearer {token}").user is None


def test_mcp_ignores_sessions(ada: User) -> None:
    assert get_actor(Channel.MCP, ada).user is None
    assert get_actor(Channel.API, ada).user == ada


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "", "Token x", "bearer  "])
def test_malformed_authorization_header_is_rejected(db: None, header: str) -> None:
    with pytest.raises(InvalidAccessToken):
        get_actor(Channel.API, authorization=header)


@pytest.mark.compliance("RFC 9728", "5.1")
def test_challenge_has_the_resource_metadata_url() -> None:
    request = RequestFactory().post("/mcp")
    header = bearer.build_www_authenticate(
        Channel.MCP, request, error="insufficient_scope", description='say "no"\r\nX: y', scope=scopes.WRITE
    )
    assert header == (
        'Bearer error="insufficient_scope", error_description="say noX: y", scope="memories:write",'
        ' resource_metadata="http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp"'
    )
