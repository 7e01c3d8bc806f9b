"""The device authorization endpoint (RFC 8628 3.1): a device without a browser asks for codes."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from core.client_ip import get_client_network
from core.hosts import get_base_url
from oauth import rate_limits
from oauth.diagnostics import client_errors
from oauth.endpoints.views import authenticate_client, reject_client
from oauth.http_responses import build_error_response, enforce_network_limit, oauth_endpoint
from oauth.models import Application
from oauth.registration import metadata_documents
from oauth.settings import DEVICE_CODE_S, DEVICE_GRANT, POLL_INTERVAL_S
from oauth.tokens import device_codes, resource_indicators
from oauth.toolkit.scopes import select_scopes


@oauth_endpoint()
def authorize_device(request: HttpRequest) -> HttpResponse:
    """Return a device code and a user code. The app is authenticated as at the token endpoint."""
    enforce_network_limit(rate_limits.DEVICE_REQUESTS, request)
    metadata_documents.note_client(request.POST.get("client_id", ""), get_client_network(request))
    client = authenticate_client(request)
    response = reject_client(request) if client is None else _issue_codes(request, client)
    client_errors.record_token_error(request, response)
    return response


def _issue_codes(request: HttpRequest, client: Application) -> HttpResponse:
    if not client.has_device_grant:
        return build_error_response(
            "unauthorized_client", f"Register the app with {DEVICE_GRANT} in grant_types."
        )
    scopes = select_scopes(request.POST.get("scope", "").split(), client)
    if not scopes:
        return build_error_response(
            "invalid_scope", "This app cannot request any of the scopes that it asks for."
        )
    try:
        resource = resource_indicators.select_resources(
            request.POST.getlist("resource"), resource_indicators.list_resources()
        )
    except resource_indicators.InvalidTarget as error:
        return build_error_response("invalid_target", str(error))
    codes = device_codes.issue_codes(client, scopes, resource, network=get_client_network(request))
    page = f"{get_base_url(request)}{reverse('oauth:device')}"
    return JsonResponse(
        {
            "device_code": codes.device_code,
            "user_code": codes.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': codes.user_code})}",
            "expires_in": DEVICE_CODE_S,
            "interval": POLL_INTERVAL_S,
        }
    )
