"""The URLs of the server as its URL configuration has them, and a form with something for every page."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern, URLPattern, URLResolver

from memories.portability.exports.formats import EXPORT_FORMATS
from tests.chaos.report import IS_LONG
from tests.records.world import QUESTION, UNKNOWN_ID, World

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# What a regular expression of the URL configuration is asked with. Parameters are filled as in other URLs.
REGEXES = {
    r"^confirm-email/(?P<key>[-:\w]+)/$": "confirm-email/<token>/",
    r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-<token>/",
    r"^\.well-known/oauth-authorization-server/?$": ".well-known/oauth-authorization-server",
    r"^\.well-known/oauth-protected-resource(?P<path>/.*)?$": ".well-known/oauth-protected-resource/mcp",
    r"^(?:.+/)?\.well-known/": ".well-known/openid-configuration",
    r"^@(?P<handle>[a-z0-9-]+)$": "@<handle>",
    r"^@(?P<handle>[A-Za-z0-9-]+)/?$": "@<handle>/",
    r"^(?P<page>docs|schema)$": "docs",
    r"^redoc/?$": "redoc/",
    r"^mcp/?$": "mcp",
    r"(?P<url>.*)$": "nowhere/",
    "": "nowhere/",
}
APP_LIST = re.compile(r"\^\(\?P<app_label>(\w+)\|.*")  # of the admin site
# A form of every page: each takes what it knows.
FORM = {
    "question": QUESTION, "text": "New.", "tags": "garden", "tag_name": "garden", "name": "garden", "bio": "New.",
    "act": "trash", "visibility": "public", "expires": "never", "everything": "on", "q": "zebra", "chats": "mine",
    "conversation": "Me: the zebra sleeps.", "version": "1", "post": "yes", "action": "retry_indexing", "merge": "on",
}  # fmt: skip


def list_urls(world: World, *, once: bool = False) -> Iterator[str]:
    """Yield a path for each URL and each value of its parameters, or only the first. Unknown ones raise KeyError."""
    values: dict[str, list[Any]] = world.values | {
        "secret": ["unknown"],
        "token": ["unknown"],
        "key": ["unknown"],
        "client_id": ["unknown"],
        "act": ["ask"],
        "form": [*EXPORT_FORMATS, "everything"],
        "filter_id": [UNKNOWN_ID],
        "pk": [1],
        "content_type_id": [1],
        "memory_id": world.values["memory_id"] if IS_LONG else world.values["memory_id"][:1],
        "object_id": [*world.values["memory_id"][: None if IS_LONG else 1], world.ada.pk],
    }
    for template in dict.fromkeys(_list_templates(get_resolver().url_patterns)):
        names = PARAMETER.findall(template)
        for chosen in product(*(values[name][: 1 if once else None] for name in names)):
            path = template
            for value in chosen:
                path = PARAMETER.sub(str(value), path, count=1)
            yield f"/{path}"


def _list_templates(patterns: Any, prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        template = prefix + _get_template(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _list_templates(entry.url_patterns, template)
        else:
            assert isinstance(entry, URLPattern)
            yield template


def _get_template(pattern: Any) -> str:
    """Return the path of a pattern, with its parameters in angle brackets."""
    if isinstance(pattern, RoutePattern):
        return str(pattern)
    assert isinstance(pattern, RegexPattern)
    listed = APP_LIST.match(str(pattern))
    return f"{listed[1]}/" if listed else REGEXES[str(pattern)]
