"""Base class of the admin pages: read-only for staff unless a page overrides that."""

from django.contrib import admin
from django.http import HttpRequest


class StaffAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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
