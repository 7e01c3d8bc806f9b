"""Tables of vector databases that are written column by column: Chroma's {"ids": [...], "documents": [...]}."""

from collections.abc import Mapping

TEXT_COLUMNS = ("documents", "texts")


def zip_columns(value: Mapping[str, object]) -> list[object]:
    """Return the rows of columns; an empty list for anything else."""
    texts = next((value[key] for key in TEXT_COLUMNS if isinstance(value.get(key), list)), None)
    ids, metadatas = (value.get(key) for key in ("ids", "metadatas"))
    if not isinstance(texts, list) or not isinstance(ids, list) or len(ids) != len(texts):
        return []
    if not all(text is None or isinstance(text, str) for text in texts):
        return []
    fields = metadatas if isinstance(metadatas, list) and len(metadatas) == len(ids) else [None] * len(ids)
    return [
        {"metadata": field, "id": own_id, "text": text}
        for own_id, text, field in zip(ids, texts, fields, strict=True)
    ]
