"""English dates as the pages show them: "1 Dec 2026" instead of Django's "12/01/2026"."""

SHORT_DATE_FORMAT = "j M Y"
