"""The API's description, as OpenAPI and as two pages to read it, all from this server; and what is nowhere."""

from functools import cache
from typing import Any

from csp.constants import NONCE
from csp.decorators import csp_update
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

from memories.api.throttles import IpRateThrottle

MEDIA_TYPE = "application/vnd.oai.openapi+json"
NO_SLASH = "Every address of the API ends with a slash; this one has none."


class PublicApiView(APIView):
    """For everybody."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes: tuple[type[IpRateThrottle], ...] = (IpRateThrottle,)


@extend_schema(exclude=True)
class OpenApiView(PublicApiView):
    def get(self, request: Request) -> Response:
        return Response(get_openapi_document(), content_type=MEDIA_TYPE)


@extend_schema(exclude=True)
class ApiNotFound(PublicApiView):
    """An address below /api/ that is none: a program asked, so no page is answered."""

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


# ReDoc makes its styles while it runs; the nonce lets in those, and no others.
@require_safe
@csp_update({"style-src": [NONCE]})
def redoc_page(request: HttpRequest) -> HttpResponse:
    return render(request, "api/redoc.html")


@require_safe
def redirect_with_slash(request: HttpRequest, page: str) -> HttpResponse:  # noqa: ARG001
    """These three are opened by people, who leave the last slash out."""
    return redirect(f"api:{page}", permanent=True)


@cache
def get_openapi_document() -> dict[str, Any]:
    """The OpenAPI document; it depends on the code alone."""
    generator: Any = SchemaGenerator
    schema: dict[str, Any] = generator().get_schema(request=None, public=True)
    return schema
