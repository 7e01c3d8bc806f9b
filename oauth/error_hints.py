"""Kinds of client errors, with a title and a hint for the developer."""

from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ErrorKind(TextChoices):
    """A kind of error. Labels are titles for the developer."""

    REDIRECT_SLASH = "redirect_slash", _("Redirect URL differs by a trailing slash")
    REDIRECT_SCHEME = "redirect_scheme", _("Redirect URL differs by http and https")
    REDIRECT = "redirect", _("Redirect URL is not registered")
    CHALLENGE = "challenge", _("Missing or invalid code challenge")
    SCOPE = "scope", _("Scope not allowed for this app")
    RESPONSE_TYPE = "response_type", _("Unsupported response type or mode")
    RESOURCE = "resource", _("Unknown resource")
    SECRET_MISSING = "secret_missing", _("Missing client secret")
    SECRET = "secret", _("Wrong client secret")
    GRANT_TYPE = "grant_type", _("Unsupported grant type")
    VERIFIER = "verifier", _("Code verifier does not match")
    CODE_EXPIRED = "code_expired", _("Code expired")
    CODE_USED = "code_used", _("Code already used")
    CODE = "code", _("Unknown code")
    DEVICE_CODE = "device_code", _("Unknown or used device code")
    DEVICE_EXPIRED = "device_expired", _("Device code expired")
    SLOW_DOWN = "slow_down", _("Polled too often")
    REFRESH = "refresh", _("Invalid refresh token")
    WIDER = "wider", _("Refresh requested additional scopes")
    ENDED = "ended", _("Access disconnected or expired")
    AUDIENCE = "audience", _("Token issued for another resource")
    SCOPE_MISSING = "scope_missing", _("Missing scope")
    OTHER = "other", _("Malformed request")


HINTS = {
    ErrorKind.REDIRECT_SLASH: _("Redirect URLs must match exactly. Register the URL as your app sends it."),
    ErrorKind.REDIRECT_SCHEME: _(
        "Register the URL with the scheme that your app sends. Behind a proxy, apps often build http URLs."
    ),
    ErrorKind.REDIRECT: _(
        "Register the exact URL that your app sends, including host, port, path and query. Only loopback URLs can have "
        "any port. The token request must repeat the same redirect_uri."
    ),
    ErrorKind.CHALLENGE: _(
        "Send code_challenge_method=S256 and code_challenge: the SHA-256 of your verifier in base64url without "
        "padding, 43 characters. The method plain is not supported."
    ),
    ErrorKind.SCOPE: _(
        "Every app can request memories:read and memories:write. Apps registered in the console can also request "
        "memories:publish and persona:query, and memories:admin if an administrator allows it. Separate scopes with "
        "spaces."
    ),
    ErrorKind.RESPONSE_TYPE: _("Send response_type=code. The only response_mode is query."),
    ErrorKind.RESOURCE: _("Omit resource, or send one of the URLs listed under Resources."),
    ErrorKind.SECRET_MISSING: _(
        "This app has a client secret. Send it either with HTTP Basic or as client_secret. If your app cannot keep a "
        "secret, register it as a public client."
    ),
    ErrorKind.SECRET: _("Check for spaces or line breaks around the secret. If it is lost, rotate it here."),
    ErrorKind.GRANT_TYPE: _(
        "Use authorization_code, refresh_token or, if the app is registered for the device flow, "
        "urn:ietf:params:oauth:grant-type:device_code. No app can get a token without a user's consent."
    ),
    ErrorKind.VERIFIER: _(
        "Send the verifier itself, not its hash, and the one of this authorization request. Store it in the session of "
        "the browser that started the request."
    ),
    ErrorKind.CODE_EXPIRED: _(
        "Codes are valid for 60 seconds. Redeem them as soon as you receive them, and check your clock."
    ),
    ErrorKind.CODE_USED: _(
        "A code works once. A second use revokes the tokens from the first. Often the callback page is loaded twice: "
        "redirect the browser right after redeeming the code."
    ),
    ErrorKind.CODE: _("Send the code as received, URL-decoded once, from the app that requested it."),
    ErrorKind.DEVICE_CODE: _(
        "Poll with the device_code of your own app, and stop when you have the tokens: a device code works once, and a "
        "second use revokes the tokens from the first."
    ),
    ErrorKind.DEVICE_EXPIRED: _(
        "The user has 10 minutes to enter the code. Then start again with a new device authorization request, when the "
        "user asks for it."
    ),
    ErrorKind.SLOW_DOWN: _(
        "Wait as many seconds between two polls as interval says, and 5 more after each slow_down."
    ),
    ErrorKind.REFRESH: _(
        "Each refresh returns a new refresh token: store it before you use it, and send one refresh at a time. It "
        "expires after 30 days without use, 90 days after consent, and when an older one is reused. Then request "
        "authorization again."
    ),
    ErrorKind.WIDER: _("A refresh cannot add scopes. Request authorization again to get more."),
    ErrorKind.ENDED: _(
        "This is not an error of your app: the user disconnected it, or its access expired. Request authorization "
        "again."
    ),
    ErrorKind.AUDIENCE: _(
        "A token is valid only for the resource it was requested for. Send the other URL as resource, or omit resource "
        "to get a token for both."
    ),
    ErrorKind.SCOPE_MISSING: _(
        "The WWW-Authenticate header names the scope. Request it in the authorization request. The user may still "
        "decline it."
    ),
    ErrorKind.OTHER: _(
        "A parameter is missing, duplicated, or in the URL instead of the request body. The error_description of the "
        "response says which."
    ),
}


class ErrorHint(NamedTuple):
    title: str
    hint: str


def get_error_hint(kind: str) -> ErrorHint:
    error_kind = ErrorKind(kind) if kind in ErrorKind else ErrorKind.OTHER
    return ErrorHint(str(error_kind.label), str(HINTS[error_kind]))
