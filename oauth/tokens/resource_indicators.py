"""Resource indicators (RFC 8707): the REST API and the MCP endpoint. Each accepts only tokens issued for it.

Tokens store resources as URLs below PUBLIC_URL, however the client spelled them. The origin stands for all resources: a
client that knows only the origin, or names no resource, cannot know which of them it will use.
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from accounts.actor import Channel
from core.hosts import find_public_origin, get_base_url

PATHS = {Channel.API: "/api", Channel.MCP: "/mcp"}
METADATA_PATH = "/.well-known/oauth-protected-resource"


class InvalidTarget(Exception):
    """A resource is unknown or was not granted (RFC 8707 2: invalid_target). The message is for the developer."""


def get_resource(channel: Channel) -> str:
    return f"{settings.PUBLIC_URL}{PATHS[channel]}"


def list_resources() -> list[str]:
    return [get_resource(channel) for channel in PATHS]


def select_resources(requested: Iterable[str], granted: Collection[str]) -> list[str]:
    """Return those of the granted resources that were requested, all if none was. Raises InvalidTarget.

    A parameter without a value counts as omitted (RFC 6749 3.1).
    """
    by_request = {value: _find_resources(value) for value in requested if value.strip()}
    if any(not found for found in by_request.values()):
        valid = ", ".join([settings.PUBLIC_URL, *list_resources()])
        raise InvalidTarget(f"Unknown resource. Omit the parameter, or send one of {valid}.")
    # The origin stands for whatever was granted, so it never asks for too much.
    selected = [found for found in by_request.values() if len(found) == 1]
    if any(resource not in granted for [resource] in selected):
        raise InvalidTarget(f"The resource was not granted. Granted: {', '.join(granted)}.")
    if len(selected) < len(by_request) or not selected:
        return list(granted)
    return [resource for resource in granted if [resource] in selected]


def get_issuer(request: HttpRequest) -> str:
    """Return the issuer (RFC 9207 2) for the client of an authorization request.

    The client knows the server by the name in `resource`. The browser may use another loopback name, because passkeys
    need `localhost`.
    """
    origins = map(find_public_origin, request.GET.getlist("resource"))
    return next(filter(None, origins), None) or get_base_url(request)


def get_metadata_url(channel: Channel, request: HttpRequest) -> str:
    """Return the URL of the resource's metadata (RFC 9728 3.1), with a final slash if the request's URL has one."""
    path = PATHS[channel]
    slash = "/" if request.path == f"{path}/" else ""
    return f"{get_base_url(request)}{METADATA_PATH}{path}{slash}"


def _find_resources(url: str) -> list[str]:
    """Return the resource, all resources for the origin, and none for an unknown URL."""
    parts = urlsplit(url) if find_public_origin(url) else None
    if parts is None or parts.query or parts.fragment:
        return []
    path = parts.path.removesuffix("/")
    return [
        resource for resource in list_resources() if not path or resource == f"{settings.PUBLIC_URL}{path}"
    ]
