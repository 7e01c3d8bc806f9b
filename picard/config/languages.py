"""Languages of the pages: English and every compiled catalog in `locale/` (docs/style.md)."""

from pathlib import Path

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

from core import languages

ENGLISH = (languages.ENGLISH, "English")
# What programs read is in English, whatever their user's language.
ENGLISH_PATHS = (
    *("/api/", "/mcp", "/.well-known/", "/healthz", "/health", "/readyz", "/metrics"),
    *("/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/register", "/oauth/device-authorization"),
)


def list_languages(folder: Path) -> list[tuple[str, str]]:
    """Return code and native name of each language with a compiled catalog, English first."""
    compiled = folder.glob("*/LC_MESSAGES/django.mo")
    codes = sorted({to_language(path.parent.parent.name) for path in compiled} - {ENGLISH[0]})
    return [ENGLISH, *((code, _get_native_name(code)) for code in codes)]


def _get_native_name(code: str) -> str:
    return languages.NAMES.get(code) or str(LANG_INFO.get(code, {}).get("name_local", code))
