"""Serializer fields that accept only their own JSON type and convert nothing."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    # No docstring: subclasses would inherit it as their description in the OpenAPI document.

    def to_internal_value(self, data: object) -> object:
        """Reject unknown fields: a misspelled name must not count as omitted.

        null counts as omitted for an optional field that cannot be null: many generated clients send every field.
        """
        if isinstance(data, dict):
            if unknown := [name for name in data if name not in self.fields]:
                message = "Unknown field."
                detail = [serializers.ErrorDetail(message, code="unknown_field")]
                raise serializers.ValidationError({str(name): detail for name in unknown})
            if None in data.values():
                data = {
                    name: value for name, value in data.items() if value is not None or self._takes_null(name)
                }
        return super().to_internal_value(data)

    def _takes_null(self, name: str) -> bool:
        """Return whether null is a value of the field, or an error because the field is required."""
        field = self.fields[name]
        return field.allow_null or field.required


@extend_schema_field({"type": "string"})
class StrictString(serializers.Field[str, str, str, Any]):
    """A JSON string, unchanged."""

    default_error_messages = {"not_a_string": "Must be a string."}

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("not_a_string")
        return data

    def to_representation(self, value: str) -> str:
        return value


def describe_string(*, required: bool = True, **schema: object) -> StrictString:
    """Return a field for strings, with these keywords of JSON Schema in the OpenAPI description."""
    # A class of its own: the description of a field belongs to its class.
    described = type("DescribedString", (StrictString,), {})
    field: StrictString = extend_schema_field({"type": "string", **schema})(described)(required=required)
    return field


@extend_schema_field({"type": "boolean"})
class StrictBoolean(serializers.Field[bool, bool, bool, Any]):
    """A JSON boolean."""

    default_error_messages = {"not_a_boolean": "Must be true or false."}

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
    """A JSON integer."""

    def to_internal_value(self, data: object) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class AwareDateTime(serializers.DateTimeField):
    """An RFC 3339 timestamp with a UTC offset; without one it would be ambiguous."""

    default_error_messages = {"naive": "Include a UTC offset, as in 2030-01-31T12:00:00Z."}

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
