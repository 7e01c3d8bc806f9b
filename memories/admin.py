"""Memories in the staff admin: metadata only, never a text, a tag name or a vector."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin_base import StaffAdmin
from memories.index import work_queue
from memories.models import AuditEvent, Memory


@admin.register(Memory)
class MemoryAdmin(StaffAdmin):
    list_display = (
        "id",
        "owner_id",
        "visibility",
        "source",
        "index_state",
        "index_error",
        "index_attempts",
        "created_at",
    )
    list_filter = ("index_state", "index_error", "visibility")
    fields = (
        "id", "owner_id", "visibility", "source", "version", "created_at", "updated_at", "expires_at", "deleted_at",
        "index_state", "index_error", "index_attempts", "index_due_at",
    )  # fmt: skip
    readonly_fields = fields
    ordering = ("-id",)
    actions = ("retry_indexing",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Memory]:
        rows: QuerySet[Memory] = super().get_queryset(request)
        return rows.defer("text")  # the ciphertext does not need to leave the database

    @admin.action(description=_("Retry indexing"), permissions=["view"])
    def retry_indexing(self, request: HttpRequest, queryset: QuerySet[Memory]) -> None:
        count = work_queue.enqueue_memories(
            Memory.objects.filter(pk__in=queryset.values("pk")).exclude(index_state="ready")
        )
        self.message_user(
            request,
            ngettext("Queued %(n)d memory for indexing.", "Queued %(n)d memories for indexing.", count)
            % {"n": count},
        )


@admin.register(AuditEvent)
class AuditEventAdmin(StaffAdmin):
    list_display = ("happened_at", "action", "owner_id", "actor_id", "door", "client_id", "memory_count")
    list_filter = ("action", "door")
    fields = readonly_fields = (
        "happened_at",
        "action",
        "owner_id",
        "actor_id",
        "door",
        "client_id",
        "memory_ids",
    )
    ordering = ("-id",)

    @admin.display(description=_("memories"))
    def memory_count(self, event: AuditEvent) -> int:
        return len(event.memory_ids)
