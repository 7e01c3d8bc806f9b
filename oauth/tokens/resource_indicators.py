"""Resource indicators (RFC 8707): the REST API and the MCP endpoint. Each accepts only tokens issued for it."""

from django.conf import settings

from accounts.actor import Channel

PATHS = {Channel.API: "/api", Channel.MCP: "/mcp"}
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def get_resource(channel: Channel) -> str:
    return f"{settings.PUBLIC_URL}{PATHS[channel]}"


def list_resources() -> list[str]:
    return [get_resource(channel) for channel in PATHS]


def get_default_resource() -> str:
    """Return the resource for requests without a resource parameter."""
    return get_resource(Channel.API)


def normalize_resource(resource: str) -> str | None:
    """Return the resource without a trailing slash, None if it is unknown."""
    normalized = resource.removesuffix("/")
    return normalized if normalized in list_resources() else None


def get_metadata_url(resource: str) -> str:
    """Return the URL of the resource's metadata (RFC 9728 3.1)."""
    return f"{settings.PUBLIC_URL}{WELL_KNOWN}{resource.removeprefix(settings.PUBLIC_URL)}"
