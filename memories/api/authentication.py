"""Authenticate an app by its bearer token, or a user by their session."""

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
    default_detail = "CSRF check failed. Send the X-CSRFToken header, from a page of this site."


class ActorAuthentication(BaseAuthentication):
    """Set `request.auth` to the actor. If the request has a token, its session is ignored."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        http_request = request._request
        try:
            actor = actor_from_request(http_request, Channel.API)
        except InvalidAccessToken as error:
            raise AuthenticationFailed(error.description, code="invalid_token") from None
        if actor.user is None:
            return None
        if not actor.is_app:
            _check_csrf(http_request)
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        has_token = "HTTP_AUTHORIZATION" in request._request.META
        return build_www_authenticate(
            Channel.API, request._request, error=InvalidAccessToken.error if has_token else ""
        )


class IsAuthenticated(BasePermission):
    """Require an actor. The domain checks what the actor is allowed to do."""

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
    """Stand in for the view: the CSRF check needs one but never calls it."""
    raise NotImplementedError
