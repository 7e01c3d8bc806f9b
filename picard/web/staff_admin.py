"""The admin site acts as the system in the database: staff see the metadata of all people, never a text."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase

from core.db.roles import acting_as_system

View = Callable[..., HttpResponseBase]


def act_as_system(site: AdminSite) -> None:
    """Let the site's pages access the rows of all people, after the site has checked that the user is staff."""
    check_access: Callable[..., View] = site.admin_view

    def admin_view(view: View, cacheable: bool = False) -> View:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with acting_as_system():
                response: Any = view(request, *args, **kwargs)
                return response.render() if hasattr(response, "render") else response  # type: ignore[no-any-return]

        return check_access(page, cacheable)

    site.admin_view = admin_view  # type: ignore[method-assign, assignment]
