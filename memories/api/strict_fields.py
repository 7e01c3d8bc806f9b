"""The kinds of field that may be sent: each takes what it is named for, and nothing that could be made that."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt name must not be taken for "not given"."""

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, dict) and (unknown := [name for name in data if name not in self.fields]):
            message = gettext("This is not known here.")
            errors = {str(name): [serializers.ErrorDetail(message, code="unknown_field")] for name in unknown}
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


class StrictString(serializers.Field[str, str, str, Any]):
    """A string as it is, and nothing that could be made one."""

    default_error_messages = {"not_a_string": _("Send a string.")}

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("not_a_string")
        return data

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"type": "boolean"})
class StrictBoolean(serializers.Field[bool, bool, bool, Any]):
    """true or false, and nothing that could be made one."""

    default_error_messages = {"not_a_boolean": _("Send true or false.")}

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("not_a_boolean")
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class StrictUUID(serializers.UUIDField):
    """A UUID as a string."""

    def to_internal_value(self, data: object) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=type(data).__name__)
        return super().to_internal_value(data)


class StrictInteger(serializers.IntegerField):
    """A JSON number that is whole."""

    def to_internal_value(self, data: object) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class AwareDateTime(serializers.DateTimeField):
    """RFC 3339, with its offset: a time without one is another moment for every reader."""

    default_error_messages = {"naive": _("Say the offset from UTC, as in 2030-01-31T12:00:00Z.")}

    def to_internal_value(self, value: object) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="RFC 3339")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")
