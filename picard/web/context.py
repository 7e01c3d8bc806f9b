"""What every page may know of the site itself."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.actor import Channel
from accounts.consent import embeddings as embedding_consent
from accounts.profile.forms import THEME_COOKIE, THEMES
from accounts.settings import get_passkey_rp_id
from memories.review import decisions as review_decisions
from oauth.access.request_actor import actor_from_request

NAME = "Picard"


def site_context(request: HttpRequest) -> dict[str, Any]:
    return {
        "picard": {
            "name": NAME,
            "may_sign_up": settings.SIGNUP == "open",
            "passkey_host": partial(get_passkey_rp_id, settings.PUBLIC_URL),
            "has_mail": settings.HAS_MAIL,
            "theme": get_theme(request),
            "themes": THEMES,
            "texts_go_to": embedding_consent.get_provider_host,
            "count_waiting": partial(_count_waiting, request),
        }
    }


def get_theme(request: HttpRequest) -> str:
    """The theme the person chose. It comes with the page, so a page never flashes in the other one."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def _count_waiting(request: HttpRequest) -> int:
    """How much waits for the yes of who is logged in; asked by the header alone."""
    actor = actor_from_request(request, Channel.WEB)
    return (
        review_decisions.count_pending_proposals(actor)
        if actor.user is not None and actor.user.is_active
        else 0
    )
