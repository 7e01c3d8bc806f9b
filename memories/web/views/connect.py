"""How to connect an app, with this site's own address filled in, and whether one has called yet."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.web.decorators import Request, memory_view
from oauth.access import grants

MAX_POLLS = 200  # every three seconds: ten minutes; then the person asks again by the button

Translatable = str | Promise


@dataclass(frozen=True)
class ClientGuide:
    """One client: what its person does, what is copied, and a link that does it where the client has one."""

    key: str
    name: Translatable
    steps: tuple[Translatable, ...]
    copied: Callable[[str], str]
    link: Callable[[str], str] | None = None
    link_label: Translatable = ""
    is_cloud_client: bool = False  # its maker's servers come, not a program on the person's machine


def _dump_server_config(key: str, **server: object) -> str:
    return json.dumps({key: {"picard": server}}, indent=2)


def _build_cursor_link(address: str) -> str:
    config = base64.b64encode(json.dumps({"url": address}).encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?name=picard&config={quote(config)}"


def _build_vscode_link(address: str) -> str:
    return f"vscode:mcp/install?{quote(json.dumps({'name': 'picard', 'type': 'http', 'url': address}))}"


_APPROVAL_STEP = _("Your browser opens this site. Read what the app asks for, and allow it.")
CLIENT_GUIDES = (
    ClientGuide(
        "claude", "Claude",
        (_("In Claude open Settings, Connectors, and choose to add a custom connector."),
         _("Name it Picard and paste this address; leave the rest empty."), _APPROVAL_STEP),
        lambda address: address, lambda _address: "https://claude.ai/settings/connectors",
        _("Open Claude's connectors"), is_cloud_client=True,
    ),
    ClientGuide(
        "claude-code", "Claude Code",
        (_("Run this in a terminal:"), _("In Claude Code type /mcp, choose picard, and authenticate."), _APPROVAL_STEP),
        lambda address: f"claude mcp add --transport http picard {address}",
    ),
    ClientGuide(
        "chatgpt", "ChatGPT",
        (_("In ChatGPT open Settings, Apps and connectors, Advanced, and turn on developer mode."),
         _("Create a connector with this address and OAuth as its authentication."), _APPROVAL_STEP),
        lambda address: address, lambda _address: "https://chatgpt.com/#settings/Connectors",
        _("Open ChatGPT's settings"), is_cloud_client=True,
    ),
    ClientGuide(
        "cursor", "Cursor",
        (_("Press the button, or put this into ~/.cursor/mcp.json:"), _APPROVAL_STEP),
        lambda address: _dump_server_config("mcpServers", url=address), _build_cursor_link, _("Add to Cursor"),
    ),
    ClientGuide(
        "vscode", "VS Code",
        (_("Press the button, or put this into .vscode/mcp.json:"),
         _("Start the server there, in the line above its name."),
         _APPROVAL_STEP),
        lambda address: _dump_server_config("servers", type="http", url=address), _build_vscode_link,
        _("Add to VS Code"),
    ),
    ClientGuide(
        "codex", "Codex",
        (_("Run these in a terminal:"), _APPROVAL_STEP),
        lambda address: f"codex mcp add picard --url {address}\ncodex mcp login picard",
    ),
    ClientGuide(
        "gemini", "Gemini CLI",
        (_("Run this in a terminal:"), _("In Gemini CLI type /mcp auth picard."), _APPROVAL_STEP),
        lambda address: f"gemini mcp add --transport http picard {address}",
    ),
    ClientGuide(
        "stdio", _("Others, by a program"),
        (_("For a client that only starts programs: it needs Node.js, and this in its configuration:"), _APPROVAL_STEP),
        lambda address: _dump_server_config("mcpServers", command="npx", args=["-y", "mcp-remote", address]),
    ),
    ClientGuide(
        "rest", "REST",
        (_("For an app of your own: register it in the developer console, get a token by OAuth, and ask:"),),
        lambda address: f'curl {address.removesuffix("/mcp")}/api/v1/memories/ -H "Authorization: Bearer $TOKEN"',
        lambda _address: "/developer/", _("Open the developer console"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ConnectedApp:
    """An app that the person allowed, and when it last read or wrote a memory."""

    name: str
    last_at: datetime | None


@require_safe
@memory_view
def connect_page(request: Request, actor: Actor) -> HttpResponseBase:
    chosen = next((way for way in CLIENT_GUIDES if way.key == request.GET.get("client")), CLIENT_GUIDES[0])
    address = f"{settings.PUBLIC_URL}/mcp"
    context = {
        "ways": CLIENT_GUIDES,
        "way": chosen,
        "copied": chosen.copied(address),
        "link": chosen.link(address) if chosen.link else "",
        "is_out_of_reach": chosen.is_cloud_client and not address.startswith("https:"),
        **_build_connection_context(actor, 1),
    }
    return render(request, "memories/connect.html", context)


@require_safe
@memory_view
def connection_status(request: Request, actor: Actor) -> HttpResponseBase:
    """The part of the page that says whether an app has called, for asking again."""
    tried = request.GET.get("try", "")
    return render(
        request,
        "memories/_connection_status.html",
        _build_connection_context(actor, int(tried) + 1 if tried.isdecimal() else 1),
    )


def _build_connection_context(actor: Actor, tries: int) -> dict[str, object]:
    use = client_activity.get_usage_by_app(actor)
    apps = [
        ConnectedApp(
            str(grant.application), use.get(grant.application.client_id, client_activity.AppUsage()).last_at
        )
        for grant in grants.list_grants(actor)
    ]
    return {
        "apps": apps,
        "has_called": any(app.last_at for app in apps),
        "next_try": tries if tries < MAX_POLLS else None,
    }
