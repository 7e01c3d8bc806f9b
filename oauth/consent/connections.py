"""What the pages show of a user's connected apps and personal access tokens."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import OperationalError
from django.utils.translation import gettext as _

from accounts.actor import Actor
from oauth.consent.resource_server import ClientUsage, get_resource_server
from oauth.models import AppGrant
from oauth.tokens.families import AccessToken
from oauth.toolkit.scopes import get_scope_descriptions


def load_usage(actor: Actor) -> Mapping[str, ClientUsage] | None:
    """Return the usage by client id; None if the query fails or takes too long: figures never hide the off switch."""
    try:
        return get_resource_server().usage_by_client(actor)
    except OperationalError:
        return None


def find_revoked_tokens(grants: Collection[AppGrant]) -> set[UUID]:
    """Return the ids of those grants of personal access tokens whose token was revoked alone, as by a new password."""
    tokens = {grant.application_id: grant.pk for grant in grants if grant.application.is_personal_token}
    valid = AccessToken.objects.filter(application__in=tokens).values_list("application_id", flat=True)
    return {tokens[application] for application in tokens.keys() - set(valid)} if tokens else set()


def describe_grant(
    actor: Actor, grant: AppGrant, usage: Mapping[str, ClientUsage] | None, *, is_revoked: bool = False
) -> dict[str, Any]:
    """Return the context of oauth/_status.html and oauth/_usage.html. is_revoked: whether its token was revoked."""
    names = get_resource_server().tag_names(actor, grant.only_tags) if grant.only_tags else {}
    descriptions = get_scope_descriptions()
    own = usage.get(grant.application.client_id, ClientUsage()) if usage is not None else None
    uses = (grant.used_at, own.last_at if own is not None else None)
    return {
        "grant": grant,
        "app": grant.application,
        "name": grant.name,
        "new_name": grant.new_name,
        "permissions": [descriptions.get(scope, scope) for scope in grant.scopes],
        "tags": [names.get(tag, _("(a tag no longer used)")) for tag in grant.only_tags or ()],
        "usage": own,
        "last_used_at": max(filter(None, uses), default=None),
        "is_revoked": is_revoked,
    }
