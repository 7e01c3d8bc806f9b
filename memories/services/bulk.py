"""Many operations in one request: each succeeds or fails as a whole, independently of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from memories import scopes
from memories.errors import ApprovalRequired, MemoryNotFound, VersionConflict
from memories.models import AuditAction, Memory, MemoryVector
from memories.services import audit, supersession, writes
from memories.validation import limits
from memories.validation.drafts import Changes

OPERATION_ERRORS = (ValidationError, MemoryNotFound, VersionConflict, InsufficientScope, ApprovalRequired)


@dataclass(frozen=True)
class CreateOperation:
    """values: the arguments of writes.create_memory."""

    values: Changes


@dataclass(frozen=True)
class UpdateOperation:
    """changes: the arguments of writes.update_memory."""

    memory_id: UUID
    changes: Changes
    expected_version: int | None = None


@dataclass(frozen=True)
class TrashOperation:
    memory_id: UUID
    expected_version: int | None = None


Operation = CreateOperation | UpdateOperation | TrashOperation
Outcome = Memory | Exception


@audit.atomic()
def apply_operations(actor: Actor, operations: Sequence[Operation]) -> list[Outcome]:
    """Return the memory of each operation, or one of OPERATION_ERRORS, in order.

    Creating needs memories:write; updating and trashing also need memories:admin. Raises InsufficientScope, or
    ValidationError for none or more than limits.BULK_OPERATIONS operations; nothing is done in either case.
    """
    actor.require_scope(scopes.WRITE)
    if not 1 <= len(operations) <= limits.BULK_OPERATIONS:
        raise ValidationError(
            {
                "operations": ValidationError(
                    _("A request must have 1 to %(limit)s operations, not %(count)s."),
                    code="operations",
                    params={"limit": limits.BULK_OPERATIONS, "count": len(operations)},
                )
            }
        )
    if not all(isinstance(operation, CreateOperation) for operation in operations):
        actor.require_scope(scopes.ADMIN)
    if any(map(_changes_link, operations)):
        supersession.lock_links(actor.person.pk)
    return [_try_operation(actor, operation) for operation in operations]


def trash_queryset(actor: Actor, memories: QuerySet[Memory]) -> list[UUID]:
    """Move a queryset of the actor's own memories to trash and return their ids. Needs a transaction.

    The caller has checked the scope.
    """
    own = Memory.objects.owned_by(actor.person)
    theirs = memories.filter(owner_id=actor.person.pk)
    ids = list(theirs.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    own.filter(pk__in=ids).update(deleted_at=Now(), updated_at=Now(), version=F("version") + 1)
    MemoryVector.objects.filter(owner_id=actor.person.pk, memory_id__in=ids).update(is_trashed=True)
    audit.record_event(actor, AuditAction.MEMORY_TRASH, owner_id=actor.person.pk, memory_ids=ids)
    return ids


def _changes_link(operation: Operation) -> bool:
    if isinstance(operation, UpdateOperation):
        return "supersedes" in operation.changes
    return isinstance(operation, CreateOperation) and bool(operation.values.get("supersedes"))


def _try_operation(actor: Actor, operation: Operation) -> Outcome:
    try:
        return _apply_operation(actor, operation)
    except OPERATION_ERRORS as error:
        return error


def _apply_operation(actor: Actor, operation: Operation) -> Memory:
    if isinstance(operation, CreateOperation):
        return writes.create_memory(actor, **operation.values)
    if isinstance(operation, UpdateOperation):
        return writes.update_memory(
            actor, operation.memory_id, expected_version=operation.expected_version, **operation.changes
        )
    return writes.trash_memory(actor, operation.memory_id, expected_version=operation.expected_version)
