"""The OpenAPI document, the self-hosted page that renders it, and the 404 of the API."""

from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.hosts import get_base_url
from memories.api.throttles import IpRateThrottle

MEDIA_TYPE = "application/vnd.oai.openapi+json"
NO_SLASH = "Every URL of the API ends with a slash; this one does not."


class PublicApiView(APIView):
    """A view without authentication."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes: tuple[type[IpRateThrottle], ...] = (IpRateThrottle,)


@extend_schema(exclude=True)
class OpenApiView(PublicApiView):
    def get(self, request: Request) -> Response:
        return Response(build_served_document(get_base_url(request._request)), content_type=MEDIA_TYPE)


@extend_schema(exclude=True)
class ApiNotFound(PublicApiView):
    """Any unknown URL below /api/: responds with a problem instead of an HTML page."""

    throttle_classes = ()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        if not request.path.endswith("/"):
            raise NotFound(NO_SLASH)
        raise Http404


@require_safe
@ensure_csrf_cookie
def swagger_page(request: HttpRequest) -> HttpResponse:
    return render(request, "api/swagger.html")


@require_safe
def redirect_with_slash(request: HttpRequest, page: str) -> HttpResponse:  # noqa: ARG001
    """Redirect the URLs that people type into a browser, often without the final slash."""
    return redirect(f"api:{page}", permanent=True)


@require_safe
def redirect_to_docs(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Redirect the URL of the second viewer that earlier versions had."""
    return redirect("api:docs", permanent=True)


def build_served_document(origin: str) -> dict[str, Any]:
    """Return the OpenAPI document of the server at this origin, with its URLs instead of the variable."""
    document = get_openapi_document()
    components = document["components"]
    schemes = components["securitySchemes"]
    flows = {
        name: {key: f"{origin}{value}" if key.endswith("Url") else value for key, value in flow.items()}
        for name, flow in schemes["oauth"]["flows"].items()
    }
    schemes = {**schemes, "oauth": {**schemes["oauth"], "flows": flows}}
    return {
        **document,
        "components": {**components, "securitySchemes": schemes},
        "servers": [{"url": origin}],
    }


@cache
def get_openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of any server, cached because it depends only on the code."""
    generator: Any = SchemaGenerator
    schema: dict[str, Any] = generator().get_schema(request=None, public=True)
    return schema
