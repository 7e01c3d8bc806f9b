"""Determine the scopes that a message needs before it is handled.

The services check their scopes themselves; this does not replace them. It exists because a missing scope must be an
HTTP response that names it, which is possible only before a stream has started.
"""

from collections.abc import Collection

from accounts.actor import Actor
from memories import scopes
from memories.mcp.tools import TOOLS


def get_required_scopes(message: dict[str, object], actor: Actor) -> Collection[str]:
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    if message.get("method") == "resources/read":
        return (scopes.READ,)
    if message.get("method") != "tools/call":
        return ()
    tool = TOOLS.get(str(params.get("name")))
    arguments = params.get("arguments")
    return tool.scope_rule(actor, arguments if isinstance(arguments, dict) else {}) if tool else ()
