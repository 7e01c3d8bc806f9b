"""Samples of files that are no memories: each is named with what it was taken for, beside a note that comes."""

from typing import Any

from tests.memories.portability.samples.sample import Expected, Sample, Zip

HTML = "<!DOCTYPE html>\n<html><head><title>Bees</title></head><body><p>I keep bees.</p></body></html>\n"
BOOKMARKS = (
    '<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p><DT><A HREF="https://bees.example">Bees</A></DL><p>\n'
)
CONTACT = "BEGIN:VCARD\nVERSION:4.0\nFN:Noor Example\nEND:VCARD\n"
CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Dentist\nEND:VEVENT\nEND:VCALENDAR\n"
MAIL = "Return-Path: <ada@example.org>\nFrom: ada@example.org\nTo: bo@example.org\nSubject: Hives\n\nCome on Monday.\n"
RAINDROP = (
    "id,title,note,excerpt,url,folder,tags,created,cover,highlights,favorite\n"
    "1,Bees,,All about bees,https://bees.example,Nature,,2025-01-02T03:04:05Z,,,false\n"
)
LOG = "2026-01-02 03:04:05 INFO started\n2026-01-02 03:04:06 WARN slow\n2026-01-02 03:04:07 ERROR stopped\n"

# What each is brought as, and why it is left out.
FILES: dict[str, tuple[Any, str]] = {
    "page.html": (HTML, "unknown_kind"),
    "page.txt": (HTML, "unknown_kind"),
    "bookmarks.html": (BOOKMARKS, "unknown_kind"),
    "raindrop.csv": (RAINDROP, "unknown_kind"),
    "pocket.csv": (
        "title,url,time_added,tags,status\nBees,https://bees.example,1700000000,,unread\n",
        "unknown_kind",
    ),
    "contacts.vcf": (CONTACT, "unknown_kind"),
    "calendar.ics": (CALENDAR, "unknown_kind"),
    "message.eml": (MAIL, "unknown_kind"),
    "archive.mbox": (f"From ada@example.org Thu Jan  2 03:04:05 2025\n{MAIL}", "unknown_kind"),
    "feed.xml": ("<?xml version='1.0'?>\n<feed><entry>Bees</entry></feed>", "unknown_kind"),
    "walk.gpx": (
        '<?xml version="1.0"?>\n<gpx version="1.1"><trk><name>Walk</name></trk></gpx>',
        "unknown_kind",
    ),
    "data.yaml": ("bees:\n  - name: Maja\n", "unknown_kind"),
    "letter.rtf": ("{\\rtf1\\ansi I keep bees.}", "export_as_text"),
    "app.toml": ('[hive]\nname = "north"\n', "unknown_kind"),
    "server.log": (LOG, "unknown_kind"),
    "count.py": ("import sys\nprint(len(sys.argv))\n", "unknown_kind"),
    "film.srt": ("1\n00:00:01,000 --> 00:00:02,000\nBees!\n", "unknown_kind"),
    "secret.pem": ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "unknown_kind"),
    "photo.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "attachment"),
    "report.pdf": (b"%PDF-1.7\n\xe2\xe3\xcf\xd3\n", "attachment"),
    "letter.docx": (b"PK\3\4\0\0", "attachment"),
    "table.xlsx": (b"PK\3\4\0\0", "save_as_csv"),
    "deck.apkg": (b"PK\3\4\0\0", "export_as_text"),
    "notes.jex": (b"\0" * 600, "export_as_markdown"),
    "more.7z": (b"7z\xbc\xaf\x27\x1c\0\4", "pack_as_zip"),
    "hives.sqlite": (b"SQLite format 3\0" + b"\0" * 80, "unknown_kind"),
    "setup.exe": (b"MZ\x90\0\3\0\0\0", "unknown_kind"),
    "settings.json": ({"theme": "dark", "zoom": 2}, "unknown_json"),
    "points.jsonl": ('{"x": 1}\n{"x": 2}\n', "unknown_json"),
    "nothing.txt": (" \n", "blank"),
    "data.foo": ("what is this", "unknown_kind"),
    "bytes": (b"\0\1\2\3" * 50, "unknown_kind"),
}

IN_ZIP = {name: value for name, value in FILES.items() if not name.endswith(".txt")}  # those may be notes
LIKE_MARKUP = (
    "<3 my cat is Tom", "{name} is my cat", "<p> is the tag that I always forget", "[1] was my first hive",
    "<name> is what I call my cat", "{ [ is how I smile",
)  # fmt: skip

REFUSED_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "a zip with files of many kinds beside a table",
        Zip(
            {"mine.csv": "memory\nI keep bees.\n"}
            | {name: content for name, (content, _reason) in IN_ZIP.items()}
        ),
        (Expected("I keep bees."),),
        frozenset({"table"}),
        left_out={(name, reason): 1 for name, (_content, reason) in IN_ZIP.items()},
    ),
    *(Sample(f"a text: {text}", text, (Expected(text),), frozenset({"text"})) for text in LIKE_MARKUP),
    Sample(
        "a mail without technical headers, pasted",
        "From: Ada\nTo: Bo\n\nThe hives are full.",
        (Expected("From: Ada"), Expected("To: Bo"), Expected("The hives are full.")),
        frozenset({"text"}),
    ),
)
