"""What every page may know of the site itself."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.forms import THEME_COOKIE, THEMES

NAME = "Picard"


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "picard": {
            "name": NAME,
            "may_sign_up": settings.SIGNUP == "open",
            "has_mail": settings.HAS_MAIL,
            "theme": theme_of(request),
            "themes": THEMES,
        }
    }


def theme_of(request: HttpRequest) -> str:
    """The theme the person chose. It comes with the page, so a page never flashes in the other one."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"
