"""The text of a highlight in a book."""

from django.utils.translation import gettext as _


def build_quote(quote: str, title: str, author: str, note: str = "") -> str:
    """Return a highlight with its book and what the reader noted; empty if there is neither quote nor note."""
    quote, note = quote.strip(), note.strip()
    if not quote and not note:
        return ""
    source = ", ".join(filter(None, (title.strip(), author.strip())))
    own = _("Note: %(note)s") % {"note": note} if note and quote else note
    return "\n\n".join(filter(None, (quote, own, f"— {source}" if source else "")))
