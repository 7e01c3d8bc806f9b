"""Template context of every page: facts about the site."""

from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.actor import Channel
from accounts.consent import embeddings as embedding_consent
from accounts.login import watched_email
from accounts.profile.forms import THEME_COOKIE, THEMES
from accounts.settings import get_passkey_rp_id
from memories.index.moves import MoveProgress, get_progress
from memories.review import decisions as review_decisions
from oauth.access.request_actor import actor_from_request
from oauth.consent import pending_request
from picard.web.navigation import list_section_links

NAME = "Picard"


def site_context(request: HttpRequest) -> dict[str, Any]:
    return {
        "picard": {
            "name": NAME,
            "may_sign_up": settings.SIGNUP == "open",
            "openid_name": settings.OPENID.label,
            "passkey_host": partial(get_passkey_rp_id, settings.PUBLIC_URL),
            "has_mail": settings.HAS_MAIL,
            "email_state": partial(watched_email.get_state, request),
            "theme": get_theme(request),
            "themes": THEMES,
            "languages": tuple(settings.LANGUAGES),
            "texts_go_to": embedding_consent.get_provider_host,
            "asking_app": partial(pending_request.describe_asking_app, request),
            "login_url": partial(pending_request.build_page_url, request, "account_login"),
            "signup_url": partial(pending_request.build_page_url, request, "account_signup"),
            "sections": partial(list_section_links, request),
            "count_waiting": cache(partial(_count_pending_proposals, request)),
            "move_progress": partial(_get_move_progress, request),
        }
    }


def get_theme(request: HttpRequest) -> str:
    """Return the theme from the cookie. It is part of the HTML, so that a page never flashes in another theme."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def _count_pending_proposals(request: HttpRequest) -> int:
    """Return the number of proposals that need the logged-in user's approval. Only the page header uses it."""
    actor = actor_from_request(request, Channel.WEB)
    return (
        review_decisions.count_pending_proposals(actor)
        if actor.user is not None and actor.user.is_active
        else 0
    )


def _get_move_progress(request: HttpRequest) -> MoveProgress | None:
    """Return how far the logged-in user's memories are indexed for their language, None if all are."""
    user = actor_from_request(request, Channel.WEB).user
    return None if user is None else get_progress(user)
