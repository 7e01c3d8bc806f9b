"""Read values of JSON whose form is not certain."""

from collections.abc import Iterator

Object = dict[str, object]


def get_text(value: Object, *keys: str) -> str:
    """Return the first of these that is a text; empty if none is."""
    return next((text for key in keys if isinstance(text := value.get(key), str)), "")


def get_object(value: Object, key: str) -> Object:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def list_objects(value: object) -> Iterator[Object]:
    """Yield the items of a list that are objects."""
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict):
            yield each


def list_texts(value: object) -> tuple[str, ...]:
    """Return the items of a list that are texts."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
