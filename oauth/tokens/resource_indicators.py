"""What a token can be for (RFC 8707): the REST API or the MCP endpoint of this site. Each door takes only its own."""

from django.conf import settings

from accounts.actor import Door

PATHS = {Door.API: "/api", Door.MCP: "/mcp"}
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def resource_of(door: Door) -> str:
    return f"{settings.PUBLIC_URL}{PATHS[door]}"


def known_resources() -> list[str]:
    return [resource_of(door) for door in PATHS]


def default_resource() -> str:
    """For a client that names none."""
    return resource_of(Door.API)


def normal(resource: str) -> str | None:
    """The resource that is meant, None for one that is not ours. One slash at the end is forgiven."""
    named = resource.removesuffix("/")
    return named if named in known_resources() else None


def metadata_url(resource: str) -> str:
    """Where a client learns who gives tokens for it (RFC 9728 3.1)."""
    return f"{settings.PUBLIC_URL}{WELL_KNOWN}{resource.removeprefix(settings.PUBLIC_URL)}"
