"""Base class of the admin pages: read-only for staff unless a page overrides that, and everything is recorded."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import StaffAction
from accounts.staff.actions import record_staff_action

DELETE_SELECTED = "delete_selected"  # recorded by log_deletions, after the confirmation


class RecordedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Records what staff do: which object they open, add, change or delete, and each action on selected ones."""

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        self._record_view(request, object_id)
        return super().change_view(request, object_id, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        self._record_view(request, object_id)
        return super().history_view(request, object_id, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        self._record_view(request, object_id)
        return super().delete_view(request, object_id, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        record_staff_action(_get_staff(request), StaffAction.ADD, [obj])
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        fields = [name for part in message for name in part.get("changed", {}).get("fields", ())]
        if fields:
            record_staff_action(_get_staff(request), StaffAction.CHANGE, [obj], fields=fields)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        record_staff_action(_get_staff(request), StaffAction.DELETE, queryset)
        return super().log_deletions(request, queryset)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any
    ) -> HttpResponse | None:
        """Run an action on the selected objects and record it, both or neither."""
        action, selected = request.POST.get("action", ""), queryset
        if request.POST.get("select_across") != "1":
            selected = queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        with transaction.atomic():
            if action and action != DELETE_SELECTED and action in self.get_actions(request):
                record_staff_action(_get_staff(request), action, selected)
            return super().response_action(request, queryset, *args)

    def _record_view(self, request: HttpRequest, object_id: str) -> None:
        found = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if found is not None:
            record_staff_action(_get_staff(request), StaffAction.VIEW, [found])


class StaffAdmin(RecordedAdmin):
    """A read-only page for all staff. Roles are two flags of the user, so Django's permissions are not used."""

    list_per_page = 50
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def _get_staff(request: HttpRequest) -> Any:
    return request.user
