"""Hooks of drf-spectacular that make the description easier for generators of clients."""

import json
from typing import Any


def describe_defaults(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Move the defaults of request bodies from the schema to the text.

    openapi-typescript declares every property with a default as required, and other generators send the default
    that was current when the client was generated.
    """
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            for field in schema.get("properties", {}).values():
                if "default" in field:
                    note = f"Default: `{_format_value(field.pop('default'))}`."
                    field["description"] = " ".join(filter(None, (field.get("description"), note)))
    return result


def simplify_requests(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Use the enums of the bodies for parameters too, and require the body of a file upload."""
    schemas = result["components"]["schemas"]
    enums = {tuple(schema["enum"]): name for name, schema in schemas.items() if "enum" in schema}
    for operation in (each for methods in result["paths"].values() for each in methods.values()):
        for parameter in operation.get("parameters", ()):
            _simplify_enum(parameter["schema"], enums)
        body = operation.get("requestBody", {"content": {}})
        if any(media["schema"].get("format") == "binary" for media in body["content"].values()):
            body["required"] = True
    return result


def _simplify_enum(schema: dict[str, Any], enums: dict[tuple[str, ...], str]) -> None:
    if "enum" not in schema:
        return
    schema.pop("minLength", None)  # of the field that reads it; no value is empty
    if name := enums.get(tuple(schema["enum"])):
        schema.clear()
        schema["$ref"] = f"#/components/schemas/{name}"


def _format_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
