"""The rules for redirect URIs, for every way to register an app (decision 0024)."""

import re
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core.hosts import LOOPBACK_HOSTS_IN_URLS

MAX_CHARACTERS = 2_000
MAX_COUNT = 20
MAX_PORT = 65_535
# RFC 3986 2. Browsers parse other characters inconsistently, and letters of other scripts can look like Latin ones.
URI = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
# RFC 3986 3.1. One letter would be a drive of Windows.
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
# Optionally with a port. No percent-encoding, which can hide dots.
HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
# RFC 8252 7.3: native apps listen on any free loopback port. `localhost` is allowed because some apps use it.
LOOPBACK = re.compile(
    rf"(http://(?:{'|'.join(map(re.escape, LOOPBACK_HOSTS_IN_URLS))}))(?::\d{{1,5}})?([/?]\S*|)",
    re.IGNORECASE,
)
# RFC 8252 7.1 allows an app any scheme of its own. These belong to something else: a browser would run or show their
# content, another protocol would get the code, or the operating system would act on it.
OTHER_SCHEMES = (
    # Browsers
    "javascript data vbscript livescript mocha blob filesystem file about view-source jar resource res mhtml mk its "
    "wyciwyg cid mid feed webcal chrome edge brave opera vivaldi devtools firefox safari googlechrome googlechromes "
    "microsoft-edge moz-icon "
    # Protocols
    "ftp ftps sftp tftp ssh telnet tn3270 rlogin gopher wais nntp news snews irc ircs ws wss ldap ldaps rtsp rtsps "
    "rtmp rtmps mms smb cifs nfs afp dav davs svn git rsync jdbc odbc mysql mongodb postgres postgresql redis amqp "
    "mqtt stun turn dns dict finger imap pop magnet ed2k bitcoin ethereum urn urns tag uuid oid info doi jndi ldapi "
    # Messages and calls
    "mailto tel sms smsto mmsto sip sips xmpp im pres fax modem callto facetime facetime-audio imessage "
    # Operating systems and their programs
    "intent android-app content market package geo maps itms itms-apps itms-appss itms-services itunes prefs "
    "app-prefs app-settings shortcuts workflow applescript help addressbook ical launchd hcp shell search search-ms "
    "windowsdefender calculator bingmaps xbox onenote outlook settings conf vnc rdp x-man-page otpauth upi"
)
FORBIDDEN_SCHEMES = frozenset(OTHER_SCHEMES.split())
BROWSER_PREFIXES = "chrome- googlechrome- moz- firefox- safari- x-safari- edge- microsoft-edge- opera-"
FORBIDDEN_PREFIXES = (*BROWSER_PREFIXES.split(), "web+", "ms-", "x-apple", "com.apple.")


def get_redirect_uris_error(uris: Sequence[str]) -> str:
    """Return why these URIs cannot be registered together, empty if they can."""
    if not uris or len(uris) > MAX_COUNT:
        return _("Enter 1 to 20 redirect URLs of at most 2,000 characters.")
    return next(filter(None, map(get_redirect_uri_error, uris)), "")


def get_redirect_uri_error(uri: str) -> str:
    """Return why the URI cannot be registered, empty if it can."""
    if not uri or len(uri) > MAX_CHARACTERS:
        return _("Enter 1 to 20 redirect URLs of at most 2,000 characters.")
    if not URI.fullmatch(uri):
        return _(
            "Redirect URLs must be ASCII, without spaces. Use xn-- for the host and percent-encoding for the rest."
        )
    if not SCHEME.match(uri):
        return _("Redirect URLs must begin with a scheme, such as https://.")
    if "#" in uri:  # RFC 6749 3.1.2
        return _("Redirect URLs cannot contain a fragment (#).")
    return _get_web_uri_error(uri) if is_web_uri(uri) else _get_private_uri_error(uri)


def is_redirect_uri_allowed(uri: str, registered: Collection[str]) -> bool:
    """Return whether the URI is registered: by exact match, except for the port of loopback URIs (RFC 9700 2.1)."""
    stripped = strip_loopback_port(uri)
    return uri in registered or (stripped is not None and stripped in map(strip_loopback_port, registered))


def is_web_uri(uri: str) -> bool:
    return uri.partition(":")[0].lower() in ("http", "https")


def is_loopback_uri(uri: str) -> bool:
    return strip_loopback_port(uri) is not None


def strip_loopback_port(uri: str) -> tuple[str, str] | None:
    """Return origin and path without the port, by which loopback URIs are compared; None for other URIs."""
    match = LOOPBACK.fullmatch(uri)
    return (match[1].lower(), match[2]) if match else None


def get_redirect_target(uri: str) -> str:
    """Return the host of the URI; for a private-use scheme, the scheme, because its host means nothing."""
    parts = urlsplit(uri)
    return (is_web_uri(uri) and parts.hostname) or f"{parts.scheme}:"


def _get_web_uri_error(uri: str) -> str:
    authority = _get_authority(uri)
    if not authority:
        return _("Redirect URLs must have a host after https://, and a port up to 65,535.")
    if "@" in authority:
        return _("Redirect URLs cannot contain a user name.")
    if not HOST.fullmatch(authority):
        return _("The host can contain only letters, digits, dots and hyphens, and a port.")
    if not uri.lower().startswith("https:") and not is_loopback_uri(uri):
        return _("http is only allowed for loopback addresses. Use https.")
    return ""


def _get_authority(uri: str) -> str:
    """Return host and port, empty if the URI has no host, or no such port."""
    try:
        parts = urlsplit(uri)
        return parts.netloc if parts.hostname and (parts.port or 0) <= MAX_PORT else ""
    except ValueError:
        return ""


def _get_private_uri_error(uri: str) -> str:
    """Return why the URI with a scheme of an app cannot be registered (RFC 8252 7.1)."""
    scheme, rest = uri.split(":", 1)
    allowed = settings.OAUTH_REDIRECT_SCHEMES
    if is_forbidden_scheme(scheme) or (allowed and scheme.lower() not in allowed):
        return _(
            "Redirect URLs cannot have the scheme %(scheme)s, because it does not belong to an app that can connect "
            "here. Use https, http on a loopback address, or your app's own scheme, such as com.example.app:/callback."
        ) % {"scheme": scheme}
    if not rest.startswith("/"):
        return _(
            "Redirect URLs must begin with https://, with http:// on a loopback address, or with an app's own scheme "
            "and a slash, such as com.example.app:/callback."
        )
    if "@" in rest.removeprefix("//").partition("/")[0]:
        return _("Redirect URLs cannot contain a user name.")
    return ""


def is_forbidden_scheme(scheme: str) -> bool:
    """Return whether the scheme is one of a browser, another protocol or the operating system."""
    return scheme.lower() in FORBIDDEN_SCHEMES or scheme.lower().startswith(FORBIDDEN_PREFIXES)
