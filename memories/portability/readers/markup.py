"""What a text is by its content, if it is no text of a person: markup, data, mail, code.

A few words that only begin like one ("<3 my cat", "{name} is my cat") are a text.
"""

import re

import orjson

from memories.portability.files.encodings import SAMPLE_BYTES
from memories.portability.files.json_stream import ITEMS
from memories.portability.readers.formats import PartStart

SAMPLE_CHARACTERS = 20_000
HTML_TAGS = (
    "html|head|body|meta|div|p|span|ul|ol|li|dl|table|thead|tbody|tr|td|th|article|section|main|header|footer|nav|aside|"
    "h[1-6]|br|hr|a|b|i|u|s|strong|em|font|center|blockquote|pre|code|img|style|script|title|link|form|button|figure|"
    "details|summary|small|sup|sub|iframe|label|input"
)
HTML_START = re.compile(
    rf"<(?:!doctype\s+html|(?P<tag>{HTML_TAGS})(?=[\s/>])[^<>]{{0,2000}}>)", re.IGNORECASE
)
HTML_TAG = re.compile(rf"</?(?:{HTML_TAGS})(?=[\s/>])[^<>]{{0,500}}>", re.IGNORECASE)
XML_START = re.compile(r"<(?P<tag>[A-Za-z_][\w:.-]{0,100})(?:\s[^<>]{0,5000})?>")
COMMENT = re.compile(r"\s*<!--")
MIN_TAGS = 6
MARKUP_SHARE = 0.15  # of the characters of a text with HTML in it

# The start of a list in JSON, in contrast to "[2025-01-01] - I keep bees".
JSON_LIST_START = re.compile(
    r"\[\s*(?:\{\s*[\"}]|\"(?:[^\"\\]|\\.){0,5000}\"\s*,|-?\d+(?:\.\d+)?\s*,|(?:true|false|null)\s*,|\[)"
)
MAIL_HEADER = re.compile(
    r"(?:Received|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-Type|Content-Transfer-Encoding|Return-Path|"
    r"Reply-To|Delivered-To|DKIM-Signature|ARC-[\w-]+|X-[\w-]+):",
    re.IGNORECASE,
)
TECHNICAL_HEADER = re.compile(
    r"^(?:Received|Message-ID|MIME-Version|Return-Path|Delivered-To|DKIM-Signature|X-[\w-]+):",
    re.IGNORECASE | re.MULTILINE,
)
MBOX_START = re.compile(r"From \S+ .{0,60}\d{4}\r?\n")
YAML_LINE = re.compile(r"\s*(?:- )?[a-z_][\w.-]*:(?:\s.*)?|\s*- \S.*|\s*#.*")
YAML_NESTED = re.compile(r"\s+(?:- )?[a-z_][\w.-]*:(?:\s.*)?")
MIN_YAML_LINES = 4
SECTION = re.compile(r"\[\[?[\w .:\"'/-]+\]?\]\s*")
SETTING = re.compile(r"[\w.\"'-]+\s*=.*")
LOG_LINE = re.compile(
    r"\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]|[A-Z][a-z]{2} [ \d]\d )\d\d:\d\d:\d\d.{0,80}?\b(?:TRACE|DEBUG|INFO|NOTICE|"
    r"WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b"
)
CODE_START = re.compile(
    r"#!\s?/|<\?php|diff --git |(?:--[^\n]*\n\s*)*(?:CREATE TABLE|INSERT INTO|PRAGMA |BEGIN TRANSACTION)|"
    r"#include\s*[<\"]|package main\b|\"use strict\""
)
# "[06/05/2024, 07:08:09] Ada: hello", "06.05.24, 07:08 - Ada: hello"
MESSAGE = re.compile(
    r"[\u200e\u200f]?\[?\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[ \u202f][AaPp]\.?[Mm]\.?)?"
    r"(?:\]| -) (?P<name>[^\s:-][^:\n]{0,60}): "
)
MIN_MESSAGES = 3
SUBTITLES = re.compile(r"WEBVTT|\d+\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> ")


def is_html(start: PartStart) -> bool:
    """Return whether a text is HTML: it begins like it, or is full of its tags."""
    text = _skip_comments(start.text)
    match = HTML_START.match(text)
    if match is not None:
        tag = match["tag"]
        return tag is None or tag.lower() in ("html", "head", "body") or f"</{tag.lower()}" in text.lower()
    if start.suffix in (".md", ".markdown", ".json", ".jsonl") or text[:1] in ("{", "[") or "```" in text:
        return False
    sample = text[:SAMPLE_CHARACTERS]
    tags = [found[0] for found in HTML_TAG.finditer(sample)]
    closed = sum(tag.startswith("</") for tag in tags)
    return len(tags) >= MIN_TAGS and closed > 1 and sum(map(len, tags)) >= len(sample) * MARKUP_SHARE


def is_xml(start: PartStart) -> bool:
    text = _skip_comments(start.text)
    if text[:5].lower() == "<?xml":
        return True
    match = XML_START.match(text)
    if match is None:
        return False
    return (
        "xmlns" in match[0]
        or text.rstrip().endswith(f"</{match['tag']}>")
        or (len(start.data) >= SAMPLE_BYTES and text.count("</") > MIN_TAGS)
    )


def _skip_comments(text: str) -> str:
    for _number in range(10):
        if not COMMENT.match(text):
            break
        text = text.partition("-->")[2].lstrip()
    return text


def is_json(start: PartStart) -> bool:
    """Return whether a text is JSON or JSON Lines, also a broken one."""
    text = start.text
    if text[:1] not in ("{", "["):
        return False
    if start.lines.kinds or start.json.keys or start.json.at(ITEMS).keys:
        return True
    if len(start.data) >= SAMPLE_BYTES:
        return start.suffix == ".json" or JSON_LIST_START.match(text) is not None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return start.suffix == ".json"
    return True


def is_mail(start: PartStart) -> bool:
    """Return whether a text is an e-mail with its technical headers, or a mailbox of them."""
    text = start.text[:SAMPLE_CHARACTERS]
    if MBOX_START.match(text):
        return True
    lines = text.split("\n", 40)[:40]
    if not MAIL_HEADER.match(lines[0]):
        return False
    headers = text.partition("\n\n")[0].replace("\r", "")
    count = sum(MAIL_HEADER.match(line) is not None for line in lines)
    return count >= 3 and TECHNICAL_HEADER.search(headers) is not None


def is_yaml(start: PartStart) -> bool:
    """Return whether a text is YAML: nothing but keys in small letters and lists, some of them nested."""
    if start.text.startswith("%YAML"):
        return True
    lines = [line for line in start.text.split("\n", 200)[:200] if line.strip() and line.strip() != "---"]
    if len(lines) < MIN_YAML_LINES or not all(map(YAML_LINE.fullmatch, lines[:-1])):
        return False
    keyed = sum(YAML_NESTED.fullmatch(line) is not None for line in lines)
    return keyed >= 2 and ":" in lines[0]


def is_settings(start: PartStart) -> bool:
    """Return whether a text is TOML or INI: a section in brackets, and "key = value" lines."""
    lines = [
        line for line in start.text.split("\n", 100)[:100] if line.strip() and line.strip()[0] not in "#;"
    ]
    settings = sum(SETTING.match(line) is not None for line in lines)
    return (
        len(lines) > 1
        and SECTION.fullmatch(lines[0]) is not None
        and settings * 2 >= len(lines) - 1
        and settings > 0
    )


def is_log(start: PartStart) -> bool:
    lines = start.text.split("\n", 20)[:20]
    return len(lines) >= 3 and sum(LOG_LINE.match(line) is not None for line in lines) * 2 > len(lines)


def is_code(start: PartStart) -> bool:
    return CODE_START.match(start.text) is not None


def is_messages(start: PartStart) -> bool:
    """Return whether a text is a chat with others, as WhatsApp exports it: whose words are whose is not known."""
    if not start.is_text or not start.text[:3].lstrip("[\u200e\u200f")[:1].isdigit():
        return False
    lines = [line for line in start.text[:SAMPLE_CHARACTERS].splitlines() if line.strip()]
    names = [found["name"] for line in lines if (found := MESSAGE.match(line))]
    return len(names) >= MIN_MESSAGES and len(set(names)) < len(names) and 3 * len(names) > len(lines)


def is_subtitles(start: PartStart) -> bool:
    return SUBTITLES.match(start.text) is not None


def is_key(start: PartStart) -> bool:
    return start.text.startswith(("-----BEGIN ", "PuTTY-User-Key-File", "ssh-rsa ", "ssh-ed25519 "))
