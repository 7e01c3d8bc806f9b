"""Where a client takes its tokens from."""

from __future__ import annotations

import ipaddress
import os
import threading
from typing import Protocol
from urllib.parse import urlsplit

from picard_memory import profiles
from picard_memory.answers import now
from picard_memory.errors import ConfigurationError, NotLoggedInError

RENEW_BEFORE_S = 30  # an access token that expires so soon is renewed before it is sent


class TokenSource(Protocol):
    """Gives access tokens. Both methods may block, and may be called from several threads."""

    def get_token(self) -> str:
        """Return a token that is likely to be valid."""

    def renew_token(self, rejected: str) -> str | None:
        """Return another token in place of one that the server rejected, None if there is none."""


class FixedToken:
    """One token, such as a personal access token. Raises ConfigurationError if it cannot be one."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()
        if (
            not self._token
            or not self._token.isascii()
            or not self._token.isprintable()
            or " " in self._token
        ):
            # The message does not have it: it can be a token with something else around it.
            raise ConfigurationError(
                "This is not an access token: it is empty, or has spaces, line breaks or special characters."
            )

    def get_token(self) -> str:
        return self._token

    def renew_token(self, rejected: str) -> str | None:
        return None


class ProfileTokens:
    """The tokens of a log-in of this computer, which all its processes share.

    A refresh token is valid once: the process that renews holds the profile's lock, and those that waited for it find
    what it stored.
    """

    def __init__(self, profile: profiles.Profile) -> None:
        self._profile = profile
        self._lock = threading.Lock()

    def get_token(self) -> str:
        credentials = self._get_credentials()
        if credentials.expires_at is not None and credentials.expires_at - RENEW_BEFORE_S < now():
            return self.renew_token(credentials.access_token) or credentials.access_token
        return credentials.access_token

    def renew_token(self, rejected: str) -> str | None:
        from picard_memory.oauth import refresh_credentials

        with self._lock, profiles.lock_profile(self._profile.name):
            stored = profiles.load_profile(self._profile.name)
            if stored.url != self._profile.url:
                raise ConfigurationError(f"The log-in {stored.name} is now of another server.")
            self._profile = stored
            credentials = self._get_credentials()
            if credentials.access_token != rejected:
                return credentials.access_token
            if credentials.refresh_token is None:
                return None
            self._profile = profiles.replace_credentials(stored, refresh_credentials(stored))
            profiles.save_profile(self._profile)
            return self._get_credentials().access_token

    def _get_credentials(self) -> profiles.Credentials:
        credentials = self._profile.credentials
        if credentials is None:
            raise NotLoggedInError(f"You are not logged in. Log in: picard login {self._profile.url}")
        return credentials


def choose_login(
    url: str | None, token: str | TokenSource | None, profile: str | None
) -> tuple[str, TokenSource]:
    """Return the server and the tokens for it: of the arguments, the environment, or a log-in.

    A token is only ever sent to the server that was named with it. Raises NotLoggedInError, ConfigurationError.
    """
    if token is None and profile is None:
        token = read_environment_token(url)
        if url is None:
            url = os.environ.get("PICARD_URL") or None
            if url is None and token is not None:
                raise ConfigurationError("PICARD_TOKEN needs PICARD_URL: the server that the token is for.")
    if token is not None:
        if url is None:
            raise ConfigurationError("A token needs the URL of its server.")
        return normalize_url(url), FixedToken(token) if isinstance(token, str) else token
    stored = _load_login(url, profile)
    return stored.url, ProfileTokens(stored)


def read_environment_token(url: str | None) -> str | None:
    """Return PICARD_TOKEN, None if PICARD_URL says that it is for another server. Raises ConfigurationError."""
    named = os.environ.get("PICARD_URL")
    if url is not None and named and normalize_url(named) != normalize_url(url):
        return None
    return os.environ.get("PICARD_TOKEN", "").strip() or None


def normalize_url(url: str) -> str:
    """Return the origin of a server, from what people write: `memory.example.org`, a page of it, an API URL.

    Raises ConfigurationError.
    """
    text = url.strip()
    if "://" not in text:
        text = f"{'http' if is_loopback(urlsplit(f'//{text}').hostname or '') else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ConfigurationError(f"This is not a URL: {url}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigurationError(f"This is not the URL of a server: {url}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _load_login(url: str | None, profile: str | None) -> profiles.Profile:
    if url is None or profile is not None:
        stored = profiles.load_profile(profiles.choose_profile(profile))
        if url is not None and normalize_url(url) != stored.url:
            raise ConfigurationError(f"The log-in {stored.name} is of {stored.url}, not of {url}.")
        return stored
    wanted = normalize_url(url)
    names = profiles.list_profiles()
    current = profiles.find_current()
    for name in sorted(names, key=lambda each: each != current):
        if (stored := profiles.load_profile(name)).url == wanted:
            return stored
    raise NotLoggedInError(f"You are not logged in to {wanted}. Log in: picard login {wanted}")
