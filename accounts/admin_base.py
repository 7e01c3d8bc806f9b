"""What staff may do on the admin site: look. A page that allows more says so itself."""

from django.contrib import admin
from django.http import HttpRequest


class StaffAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Every member of staff may look at it, nobody may change it. Roles are two flags, so there are no permissions."""

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
