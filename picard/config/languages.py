"""Languages of the pages: English and every compiled catalog in `locale/` (docs/style.md)."""

from pathlib import Path

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

ENGLISH = ("en", "English")


def list_languages(folder: Path) -> list[tuple[str, str]]:
    """Return code and native name of each language with a compiled catalog, English first."""
    compiled = folder.glob("*/LC_MESSAGES/django.mo")
    codes = sorted({to_language(path.parent.parent.name) for path in compiled} - {ENGLISH[0]})
    return [ENGLISH, *((code, str(LANG_INFO.get(code, {}).get("name_local", code))) for code in codes)]
