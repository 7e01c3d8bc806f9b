"""What all views of the API have in common."""

from functools import cache
from typing import Any, cast
from uuid import UUID

from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actor import Actor
from memories.api.errors import ParameterError
from memories.api.strict_fields import StrictSerializer
from memories.api.throttles import IpRateThrottle


class ApiView(APIView):
    """An actor, answers that no cache keeps, and a limit on guessing tokens."""

    http_method_names = [name for name in APIView.http_method_names if name != "options"]
    request: Request

    @property
    def actor(self) -> Actor:
        return cast(Actor, self.request.auth)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (exceptions.NotAuthenticated, exceptions.AuthenticationFailed):
            IpRateThrottle().allow_request(request, self)
            raise

    def finalize_response(
        self, request: Request, response: Response, *args: object, **kwargs: object
    ) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        answered["Cache-Control"] = "no-store"
        return answered


def validate_body(request: Request, form: type[StrictSerializer]) -> dict[str, Any]:
    """The valid body. Raises ValidationError."""
    return dict(_get_serializer(form).run_validation(request.data))


def validate_query(request: Request, form: type[StrictSerializer]) -> dict[str, Any]:
    """The valid query string. Raises Misplaced."""
    try:
        return dict(_get_serializer(form).run_validation(request.query_params))
    except exceptions.ValidationError as error:
        raise ParameterError("?", error.detail) from None


@cache
def _get_serializer(form: type[StrictSerializer]) -> StrictSerializer:
    """One for all requests: it keeps nothing of what it checks, and its fields are dear to make."""
    return form()


def build_page_response(
    request: Request, rows: list[dict[str, object]], following: UUID | int | None
) -> Response:
    """A page of a list; `next` is the address of the page after it, with the same filters."""
    return Response({"results": rows, "next": _build_next_url(request, following) if following else None})


def _build_next_url(request: Request, following: UUID | int) -> str:
    query = request._request.GET.copy()
    query["cursor"] = str(following)
    return request._request.build_absolute_uri(f"{request._request.path}?{query.urlencode()}")
