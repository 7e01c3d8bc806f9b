"""The base class and helpers of the API views."""

from functools import cache
from typing import Any, cast
from uuid import UUID

from django.http import QueryDict
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actor import Actor
from memories.api.errors import ParameterError
from memories.api.strict_fields import StrictSerializer
from memories.api.throttles import IpRateThrottle
from oauth.tokens.bearer import InvalidAccessToken, UnknownAccessToken

EMPTY_VALUES = ("", "null")


class ApiView(APIView):
    """A view with an actor, uncached responses and a rate limit on invalid tokens."""

    http_method_names = [name for name in APIView.http_method_names if name != "options"]
    request: Request

    @property
    def actor(self) -> Actor:
        return cast(Actor, self.request.auth)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (exceptions.NotAuthenticated, exceptions.AuthenticationFailed) as error:
            if not _is_token_of_this_server(error):
                IpRateThrottle().allow_request(request, self)
            raise

    def finalize_response(
        self, request: Request, response: Response, *args: object, **kwargs: object
    ) -> Response:
        final_response = super().finalize_response(request, response, *args, **kwargs)
        final_response["Cache-Control"] = "no-store"
        return final_response


def _is_token_of_this_server(error: exceptions.APIException) -> bool:
    """Return whether the request had an expired or otherwise refused token, but not an unknown one."""
    refusal = error.__cause__
    return isinstance(refusal, InvalidAccessToken) and not isinstance(refusal, UnknownAccessToken)


def validate_body(request: Request, schema: type[StrictSerializer]) -> dict[str, Any]:
    """Return the validated body. Raises ValidationError."""
    return dict(_get_serializer(schema).run_validation(request.data))


def validate_query(request: Request, schema: type[StrictSerializer]) -> dict[str, Any]:
    """Return the validated query parameters. Raises ParameterError."""
    try:
        return dict(_get_serializer(schema).run_validation(_drop_empty_values(request.query_params)))
    except exceptions.ValidationError as error:
        raise ParameterError("?", error.detail) from None


def _drop_empty_values(query: QueryDict) -> QueryDict:
    """Return the parameters that have a value.

    `limit=` and `limit=null` are what URL builders make of a value that is not set, and no parameter has such a value.
    """
    given = QueryDict(mutable=True)
    for name, values in query.lists():
        if kept := [value for value in values if value not in EMPTY_VALUES]:
            given.setlist(name, kept)
    return given


@cache
def _get_serializer(schema: type[StrictSerializer]) -> StrictSerializer:
    """Return a serializer shared by all requests: it keeps no state, and creating its fields is slow."""
    return schema()


def build_page_response(
    request: Request, rows: list[dict[str, object]], next_cursor: UUID | int | None
) -> Response:
    """Return one page of a list; `next` is the URL of the next page with the same filters.

    There is no `previous`: pages only lead on, and a client has kept those that it has seen.
    """
    next_url = _build_next_url(request, next_cursor) if next_cursor else None
    return Response({"results": rows, "next": next_url, "next_cursor": next_cursor})


def _build_next_url(request: Request, next_cursor: UUID | int) -> str:
    query = request._request.GET.copy()
    query["cursor"] = str(next_cursor)
    return request._request.build_absolute_uri(f"{request._request.path}?{query.urlencode()}")
