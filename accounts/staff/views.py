"""The page on which users see what administrators did with their account."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.staff.actions import list_staff_actions

PAGE_SIZE = 50


@login_required
@never_cache
@require_safe
def show_staff_actions(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    page = Paginator(list_staff_actions(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/staff.html", {"page": page})
