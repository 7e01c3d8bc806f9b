"""What a token can be for (RFC 8707): the REST API or the MCP endpoint of this site. Each door takes only its own."""

from django.conf import settings

from accounts.actor import Channel

PATHS = {Channel.API: "/api", Channel.MCP: "/mcp"}
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def get_resource(door: Channel) -> str:
    return f"{settings.PUBLIC_URL}{PATHS[door]}"


def list_resources() -> list[str]:
    return [get_resource(door) for door in PATHS]


def get_default_resource() -> str:
    """For a client that names none."""
    return get_resource(Channel.API)


def normalize_resource(resource: str) -> str | None:
    """The resource that is meant, None for one that is not ours. One slash at the end is forgiven."""
    named = resource.removesuffix("/")
    return named if named in list_resources() else None


def get_metadata_url(resource: str) -> str:
    """Where a client learns who gives tokens for it (RFC 9728 3.1)."""
    return f"{settings.PUBLIC_URL}{WELL_KNOWN}{resource.removeprefix(settings.PUBLIC_URL)}"
