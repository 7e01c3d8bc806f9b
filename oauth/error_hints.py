"""What apps ask wrongly, by kind: what it was, and what their developers can do about it."""

from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ErrorKind(TextChoices):
    """Each with its words for a developer."""

    REDIRECT_SLASH = "redirect_slash", _("The redirect address differs by a slash at its end")
    REDIRECT_SCHEME = "redirect_scheme", _("The redirect address differs by http and https")
    REDIRECT = "redirect", _("A redirect address that is not registered")
    CHALLENGE = "challenge", _("No S256 challenge")
    SCOPE = "scope", _("A scope that this app may not ask for")
    RESPONSE_TYPE = "response_type", _("Another response type than code")
    RESOURCE = "resource", _("An unknown resource")
    SECRET_MISSING = "secret_missing", _("No client secret")
    SECRET = "secret", _("A wrong client secret")
    GRANT_TYPE = "grant_type", _("An unknown grant type")
    VERIFIER = "verifier", _("A code verifier that does not match")
    CODE_EXPIRED = "code_expired", _("A code that has expired")
    CODE_USED = "code_used", _("A code that was used before")
    CODE = "code", _("An unknown code")
    REFRESH = "refresh", _("A refresh token that is no longer good")
    WIDER = "wider", _("A refresh that asks for more")
    ENDED = "ended", _("The person has ended it")
    AUDIENCE = "audience", _("A token for another resource")
    SCOPE_MISSING = "scope_missing", _("A call without the scope that it needs")
    OTHER = "other", _("A request that cannot be read")


HINTS = {
    ErrorKind.REDIRECT_SLASH: _(
        "Addresses are compared letter by letter. Register it exactly as your app sends it."
    ),
    ErrorKind.REDIRECT_SCHEME: _(
        "Register it with the scheme that your app sends. Behind a proxy an app often takes itself for http."
    ),
    ErrorKind.REDIRECT: _(
        "Register the exact address that your app sends: host, port, path and query. Only the port of a loopback "
        "address is free. The token request sends the same address again."
    ),
    ErrorKind.CHALLENGE: _(
        "Send code_challenge_method=S256 and code_challenge: the SHA-256 of your verifier in base64url without "
        "padding, 43 characters. plain is refused."
    ),
    ErrorKind.SCOPE: _(
        "Every app may ask for memories:read and memories:write, one registered by hand for memories:publish and "
        "persona:query, too; memories:admin only once an administrator has marked the app. Scopes are separated by "
        "blanks."
    ),
    ErrorKind.RESPONSE_TYPE: _("Send response_type=code, and no response_mode but query."),
    ErrorKind.RESOURCE: _("Leave resource out, or send one of the addresses that stand under Resources."),
    ErrorKind.SECRET_MISSING: _(
        "This app has a secret: send it by HTTP Basic or as client_secret, in one of the two. An app that cannot keep "
        "one is registered as such."
    ),
    ErrorKind.SECRET: _("Look for a blank or a line end around it. If it is lost, make a new one here."),
    ErrorKind.GRANT_TYPE: _(
        "There are authorization_code and refresh_token. No app gets a token without a person."
    ),
    ErrorKind.VERIFIER: _(
        "Send the verifier itself, not its hash, and the one of this very question: keep it in the session of the "
        "browser that asked."
    ),
    ErrorKind.CODE_EXPIRED: _(
        "A code holds for 60 seconds. Redeem it as soon as it comes, and check your clock."
    ),
    ErrorKind.CODE_USED: _(
        "A code works once, and what came of its first use has ended. Often the callback page is loaded twice: send "
        "the browser on at once."
    ),
    ErrorKind.CODE: _("Send it as it came, decoded once, by the app that asked for it."),
    ErrorKind.REFRESH: _(
        "Each refresh gives a new refresh token: store it before you use it, and refresh one at a time. It ends after "
        "30 days without use, 90 days after consent, and when an older one is used again. Ask the person anew."
    ),
    ErrorKind.WIDER: _("A refresh can only narrow. For more, send the person to the consent page again."),
    ErrorKind.ENDED: _(
        "No mistake of yours: they disconnected the app, or its time is over. Ask them again."
    ),
    ErrorKind.AUDIENCE: _(
        "A token opens the resource that it was asked for: send the other address as resource."
    ),
    ErrorKind.SCOPE_MISSING: _(
        "WWW-Authenticate names the scope. Ask for it at the consent page; the person may still leave it out."
    ),
    ErrorKind.OTHER: _(
        "A parameter is missing, stands there twice, or in the address instead of the body. The answer's "
        "error_description says which."
    ),
}


class ErrorHint(NamedTuple):
    title: str
    hint: str


def get_error_hint(kind: str) -> ErrorHint:
    known = ErrorKind(kind) if kind in ErrorKind else ErrorKind.OTHER
    return ErrorHint(str(known.label), str(HINTS[known]))
