"""Which redirect URIs an app can register."""

import pytest
from pytest_django import Settings

from oauth.redirect_uris import get_redirect_uri_error, is_redirect_uri_allowed

USED_BY_APPS = [
    "http://127.0.0.1/cb",
    "http://[::1]:9/cb",
    "http://localhost:1/cb",
    "http://LOCALHOST?x=1",
    "https://xn--bcher-kva.example:8443/a%20b/~x?y=(1);z",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "cursor:/callback",
    "vscode://publisher.extension_name/callback",
    "vscode-insiders://vscode.github-authentication/did-authenticate",
    "vscodium://publisher.extension/callback",
    "code-oss://publisher.extension/callback",
    "windsurf://codeium.windsurf/callback",
    "kiro://kiro.kiroAgent/authenticate-success",
    "trae://oauth/callback",
    "zed://oauth/callback",
    "goose://oauth",
    "raycast://oauth?package_name=x",
    "raycast:///oauth",
    "claude://claude.ai/mcp-auth-callback",
    "grokbot://mcp/oauth/callback",
    "workbuddy://workbuddy/mcp/connector%3A/oauth/callback",
    "warp://mcp/oauth2callback",
    "COM.Example.App:/callback",
    "com.googleusercontent.apps.1234-abc:/oauth2redirect",
    "myapp://localhost:8080/cb",
]
DANGEROUS = [
    *(
        "javascript:alert(1)",
        "JavaScript://%0aalert(1)",
        "data:text/html,x",
        "DATA:/x",
        "vbscript:/x",
        "blob:/x",
    ),
    *("file:///etc/passwd", "about:/blank", "view-source:https://a.example", "filesystem:/x", "resource:/x"),
    *("chrome://settings", "chrome-extension://abc/x", "moz-extension://abc/x", "edge://flags", "web+x://a"),
    *(
        "ftp://a.example/cb",
        "ws://a.example/cb",
        "wss://a.example/cb",
        "ldap://a.example/",
        "ssh://a.example",
    ),
    *("mailto:a@b.example", "tel:/1", "sms:/1", "sip:/a", "facetime:/a", "urn:ietf:wg:oauth:2.0:oob"),
    *(
        "intent://a/#Intent;end",
        "intent://a/x",
        "android-app://a/b",
        "content://a/b",
        "market://details?id=x",
    ),
    *(
        "ms-msdt:/x",
        "ms-settings:/x",
        "ms-word:/ofe",
        "search-ms:/x",
        "shell:/x",
        "itms-services://?action=x",
    ),
    *("x-apple.systempreferences:/x", "help://x", "applescript://com.apple.scripteditor"),
    *("x-safari-https://a.example/cb", "googlechrome-x-callback://x", "firefox-focus://x", "x-man-page://x"),
    *("microsoft-edge-holographic:/x", "otpauth://totp/x", "upi://pay"),
]
MALFORMED = [
    *("", "callback", "/callback", "//a.example/cb", "a.example/cb", "localhost:8080/cb", "a.example:443/cb"),
    *(
        "c:/callback",
        "cursor:callback",
        "cursor:",
        "://a",
        "1a://b",
        "https:",
        "https://",
        "https:/a.example/cb",
    ),
    *(
        "https://a.example/cb#",
        "https://a.example/cb#x",
        "cursor://a/b#c",
        "https://a b.example",
        "https://a.example\t",
    ),
    *("https://[::1", "https://*.example/cb", "http://localhost:*/cb", "https://a.example:99999/cb"),
    *(
        "http://127.0.0.1:99999999/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost:80@evil.example/cb",
    ),
    *(
        "https://user:pass@a.example/cb",
        "cursor://user@host/cb",
        "http://a.example/cb",
        "HTTP://a.example/cb",
    ),
    *("https://cl\u0430ude.ai/cb", "https://claude.ai%2ea.example/cb", "https://a.example\\.claude.ai/cb"),
    *("https://a.example/\u202e", "https://a.example/" + "x" * 2_000, "https://a.example/\0"),
]


@pytest.mark.compliance("RFC 8252", "7.1")
@pytest.mark.parametrize("uri", USED_BY_APPS)
def test_redirect_uris_of_apps_are_accepted(uri: str) -> None:
    assert get_redirect_uri_error(uri) == ""
    assert is_redirect_uri_allowed(uri, [uri])


@pytest.mark.parametrize("uri", DANGEROUS)
def test_schemes_of_browsers_protocols_and_systems_are_rejected(uri: str, settings: Settings) -> None:
    assert get_redirect_uri_error(uri)
    settings.OAUTH_REDIRECT_SCHEMES = frozenset({uri.partition(":")[0].lower()})
    assert get_redirect_uri_error(uri), "not even a setting allows it"


@pytest.mark.parametrize("uri", MALFORMED)
def test_malformed_redirect_uris_are_rejected(uri: str) -> None:
    assert get_redirect_uri_error(uri)


def test_operator_can_limit_the_schemes(settings: Settings) -> None:
    settings.OAUTH_REDIRECT_SCHEMES = frozenset({"cursor"})
    assert get_redirect_uri_error("CURSOR://a/b") == ""
    assert get_redirect_uri_error("https://a.example/cb") == ""
    assert "the scheme vscode," in get_redirect_uri_error("vscode://a/b")


@pytest.mark.compliance("RFC 9700", "2.1")
def test_only_the_port_of_loopback_uris_may_differ() -> None:
    registered = ["http://localhost/cb", "http://127.0.0.1:80/cb", "https://a.example/cb", "cursor://a:1/cb"]
    for uri in ("http://localhost:8080/cb", "http://127.0.0.1/cb", "HTTP://LOCALHOST:1/cb", *registered):
        assert is_redirect_uri_allowed(uri, registered)
    for uri in (
        *("http://localhost/cb/", "http://localhost:1/CB", "http://[::1]/cb", "https://a.example:443/cb"),
        *("https://A.example/cb", "cursor://a:2/cb", "https://localhost/cb", "http://localhost:1/cb?x"),
    ):
        assert not is_redirect_uri_allowed(uri, registered)
