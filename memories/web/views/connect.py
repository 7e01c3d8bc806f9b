"""The page with instructions to connect an app, and its connection status."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from core.hosts import get_base_url
from memories.clients import activity as client_activity
from memories.web.decorators import Request, memory_view
from oauth.access.app_names import get_connected_names

MAX_POLLS = 200  # one every three seconds: ten minutes; then the user checks with the button

Translatable = str | Promise


@dataclass(frozen=True, eq=False)  # there is one of each
class ClientGuide:
    """Instructions for one client.

    copied: returns the configuration or command for a server URL. link: returns a link that sets up the client.
    """

    key: str
    name: Translatable
    steps: tuple[Translatable, ...]
    copied: Callable[[str], str]
    link: Callable[[str], str] | None = None
    link_label: Translatable = ""
    is_cloud_client: bool = False  # connects from its vendor's servers, not from the user's machine


def _dump_server_config(key: str, **server: object) -> str:
    return json.dumps({key: {"picard": server}}, indent=2)


def _build_cursor_link(url: str) -> str:
    config = base64.b64encode(json.dumps({"url": url}).encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?name=picard&config={quote(config)}"


def _build_vscode_link(url: str) -> str:
    return f"vscode:mcp/install?{quote(json.dumps({'name': 'picard', 'type': 'http', 'url': url}))}"


_APPROVAL_STEP = _("Your browser opens this site. Check what the app requests, and allow it.")
CLIENT_GUIDES = (
    ClientGuide(
        "claude", "Claude",
        (_("In Claude, open Settings > Connectors and add a custom connector."),
         _("Name it Picard and paste this URL. Leave the other fields empty."), _APPROVAL_STEP),
        lambda url: url, lambda _url: "https://claude.ai/settings/connectors",
        _("Open Claude's connectors"), is_cloud_client=True,
    ),
    ClientGuide(
        "claude-code", "Claude Code",
        (_("Run this command in a terminal:"), _("In Claude Code, type /mcp, select picard and authenticate."),
         _APPROVAL_STEP),
        lambda url: f"claude mcp add --transport http picard {url}",
    ),
    ClientGuide(
        "chatgpt", "ChatGPT",
        (_("In ChatGPT, open Settings > Apps and connectors > Advanced and turn on developer mode."),
         _("Create a connector with this URL and OAuth authentication."), _APPROVAL_STEP),
        lambda url: url, lambda _url: "https://chatgpt.com/#settings/Connectors",
        _("Open ChatGPT's settings"), is_cloud_client=True,
    ),
    ClientGuide(
        "cursor", "Cursor",
        (_("Click the button, or add this to ~/.cursor/mcp.json:"), _APPROVAL_STEP),
        lambda url: _dump_server_config("mcpServers", url=url), _build_cursor_link, _("Add to Cursor"),
    ),
    ClientGuide(
        "vscode", "VS Code",
        (_("Click the button, or add this to .vscode/mcp.json:"),
         _("In that file, start the server with the link above its name."),
         _APPROVAL_STEP),
        lambda url: _dump_server_config("servers", type="http", url=url), _build_vscode_link,
        _("Add to VS Code"),
    ),
    ClientGuide(
        "codex", "Codex",
        (_("Run these commands in a terminal:"), _APPROVAL_STEP),
        lambda url: f"codex mcp add picard --url {url}\ncodex mcp login picard",
    ),
    ClientGuide(
        "gemini", "Gemini CLI",
        (_("Run this command in a terminal:"), _("In Gemini CLI, type /mcp auth picard."), _APPROVAL_STEP),
        lambda url: f"gemini mcp add --transport http picard {url}",
    ),
    ClientGuide(
        "stdio", _("Other (stdio)"),
        (_("For clients that only support stdio: install Node.js, then add this to their configuration:"),
         _APPROVAL_STEP),
        lambda url: _dump_server_config("mcpServers", command="npx", args=["-y", "mcp-remote", url]),
    ),
    ClientGuide(
        "command-line", _("Command line"),
        (_("Run these commands in the folder with Picard's source code:"),
         _("Open the URL that appears, on any computer or phone. Check what it requests, and allow it.")),
        lambda url: f"pip install ./cli\npicard login {url.removesuffix('/mcp')}",
    ),
    ClientGuide(
        "rest", "REST",
        (_("For a script or a device, create an access token. Apps for other people use OAuth: register yours in the "
           "developer console, at the end of Connected apps."),
         _("Call the API:")),
        lambda url: f'curl {url.removesuffix("/mcp")}/api/v1/memories/ -H "Authorization: Bearer $TOKEN"',
        lambda _url: "/accounts/tokens/", _("Open access tokens"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ConnectedApp:
    """A connected app, and when it last used a memory."""

    name: str
    last_at: datetime | None


@require_safe
@memory_view
def connect_page(request: Request, actor: Actor) -> HttpResponseBase:
    client = request.GET.get("client")
    guide = next((guide for guide in CLIENT_GUIDES if guide.key == client), CLIENT_GUIDES[0])
    url = f"{get_base_url(request)}/mcp"
    context = {
        "guides": CLIENT_GUIDES,
        "guide": guide,
        "copied": guide.copied(url),
        "link": guide.link(url) if guide.link else "",
        "needs_public_url": guide.is_cloud_client and not url.startswith("https:"),
        **_build_connection_context(actor, 1),
    }
    return render(request, "memories/connect.html", context)


@require_safe
@memory_view
def connection_status(request: Request, actor: Actor) -> HttpResponseBase:
    """Render the connection status for polling."""
    attempt = request.GET.get("try", "")
    context = _build_connection_context(actor, int(attempt) + 1 if attempt.isdecimal() else 1)
    return render(request, "memories/_connection_status.html", context)


def _build_connection_context(actor: Actor, next_attempt: int) -> dict[str, object]:
    usage = client_activity.get_usage_by_app(actor)
    apps = [
        ConnectedApp(name, usage.get(client_id, client_activity.AppUsage()).last_at)
        for client_id, name in get_connected_names(actor).items()
    ]
    return {
        "apps": apps,
        "has_called": any(app.last_at for app in apps),
        "next_try": next_attempt if next_attempt < MAX_POLLS else None,
    }
