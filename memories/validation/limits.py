"""Limits and validation of a memory's fields, shared by all channels."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from memories.models import Visibility

TEXT_CHARACTERS = 8_000
TAGS = 20
TAG_CHARACTERS = 50
TAG_SEPARATORS = re.compile("[,，、،]")  # commas: Latin, full-width, ideographic, Arabic
QUERY_CHARACTERS = 1_000
BYTES_PER_TOKEN = 3  # of UTF-8: below any tokenizer's average for English, above it for Chinese
BULK_OPERATIONS = 100
VISIBILITIES = frozenset(Visibility.values)


def clean_text(text: str) -> str:
    """Return the text with newlines as \\n and without surrounding whitespace. Raises ValidationError."""
    _reject_unstorable(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise ValidationError(_("Enter a text."), code="blank")
    if len(text) > TEXT_CHARACTERS:
        raise ValidationError(
            _("The text has %(length)s characters; a memory can have at most %(limit)s. Split it in two."),
            code="too_long",
            params={"length": f"{len(text):,}", "limit": f"{TEXT_CHARACTERS:,}"},
        )
    return text


def clean_tags(names: Iterable[str]) -> list[str]:
    """Return the tag names in order, without blanks and case-insensitive duplicates. Raises ValidationError."""
    cleaned: dict[str, str] = {}
    for name in names:
        _reject_unstorable(name)
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if TAG_SEPARATORS.search(name):
            raise ValidationError(_("Tags cannot contain commas."), code="comma")
        if len(name) > TAG_CHARACTERS:
            raise ValidationError(
                _("A tag has at most %(limit)s characters; “%(start)s…” has %(length)s."),
                code="tag_too_long",
                params={"limit": TAG_CHARACTERS, "start": name[:20], "length": len(name)},
            )
        if name:
            cleaned.setdefault(fold_tag_name(name), name)
    if len(cleaned) > TAGS:
        raise ValidationError(
            _("A memory can have at most %(limit)s tags, not %(count)s."),
            code="too_many_tags",
            params={"limit": TAGS, "count": len(cleaned)},
        )
    return list(cleaned.values())


def split_tags(text: str) -> list[str]:
    """Return the unchecked tag names in a text of names between commas, those of Chinese and Arabic included."""
    return TAG_SEPARATORS.split(text)


def select_valid_tags(names: Iterable[str]) -> list[str]:
    """Return the valid tags among unchecked names, split at commas and truncated to TAGS."""
    possible: dict[str, str] = {}
    for name in (part for each in names for part in split_tags(each)):
        try:
            cleaned = clean_tags([name])
        except ValidationError:
            continue
        possible |= {fold_tag_name(tag): tag for tag in cleaned if fold_tag_name(tag) not in possible}
    return list(possible.values())[:TAGS]


def fold_tag_name(tag_name: str) -> str:
    """Return the form in which all spellings of a tag are equal."""
    return unicodedata.normalize("NFKC", tag_name).casefold()


def clean_visibility(visibility: str) -> str:
    if visibility not in VISIBILITIES:
        raise ValidationError(_("Choose private or public."), code="unknown_visibility")
    return visibility


def clean_expires_at(expires_at: datetime | None) -> datetime | None:
    if expires_at is None:
        return None
    if timezone.is_naive(expires_at):
        raise ValidationError(_("The expiry date needs a time zone."), code="naive_time")
    try:
        expires_at.astimezone(UTC)
    except OverflowError:
        # PostgreSQL would store a year 10000 that Python cannot read back, and this user's lists would fail.
        raise ValidationError(_("The expiry date is too far in the future."), code="too_far") from None
    if expires_at <= timezone.now():
        raise ValidationError(_("The expiry date is in the past."), code="expired")
    return expires_at


def clean_query(query: str) -> str:
    """Return the search query without unsearchable characters; a very long one is truncated, not rejected."""
    query = query.replace("\0", " ").encode("utf-8", "ignore").decode()
    return query[:QUERY_CHARACTERS].strip()


def _reject_unstorable(text: str) -> None:
    if "\0" in text:
        raise ValidationError(
            _("The text contains a null character, which cannot be stored."), code="null_character"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError(
            _("The text contains invalid Unicode (a lone surrogate), which cannot be stored."),
            code="surrogate",
        ) from None
