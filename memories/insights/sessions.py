"""Access to Insights: the user's own session, and no app."""

from accounts.actor import Actor, InsufficientScope
from memories import scopes


def require_session(actor: Actor) -> None:
    """Raise InsufficientScope for an app, whatever its scopes."""
    actor.require_scope(scopes.READ)
    if actor.is_app:
        raise InsufficientScope(scopes.READ)
