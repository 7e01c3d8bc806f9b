"""Who is asking: an app by its bearer token, or the person by their own session."""

from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.actor import Actor, Channel
from accounts.models import User
from oauth.access.request_actor import actor_from_request
from oauth.tokens.bearer import InvalidAccessToken, build_www_authenticate

SAFE_METHODS = frozenset({"GET", "HEAD"})


class CsrfFailed(APIException):
    status_code = 403
    default_code = "csrf_failed"
    default_detail = "A session that writes needs the header X-CSRFToken, and to come from this site."


class ActorAuthentication(BaseAuthentication):
    """`request.auth` is the actor. Where a token is shown it alone counts; no cookie stands in for it."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        asked = request._request
        try:
            actor = actor_from_request(asked, Channel.API)
        except InvalidAccessToken as refused:
            raise AuthenticationFailed(refused.description, code="invalid_token") from None
        if actor.user is None:
            return None
        if not actor.is_app:
            _check_csrf(asked)
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        shown = "HTTP_AUTHORIZATION" in request._request.META
        return build_www_authenticate(Channel.API, error=InvalidAccessToken.error if shown else "")


class IsAuthenticated(BasePermission):
    """Everything here is somebody's. What the actor may do with it is the domain's question."""

    def has_permission(self, request: Request, view: object) -> bool:
        return request.auth is not None


def _check_csrf(request: HttpRequest) -> None:
    if request.method in SAFE_METHODS:
        return
    check = CSRFCheck(_dummy_view)
    check.process_request(request)
    if check.process_view(request, _dummy_view, (), {}):
        raise CsrfFailed


def _dummy_view(request: HttpRequest) -> HttpResponse:
    """Stands for the view: what is checked is the request."""
    raise NotImplementedError
