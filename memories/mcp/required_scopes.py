"""What a message needs to be allowed, known before anything is done.

The services ask for their scopes themselves, and theirs is the last word. This is for the app: a missing permission
must be an HTTP answer that names it, and by then no stream may have begun.
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
