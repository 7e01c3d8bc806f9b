"""Read the text of a part, in any encoding, with bounded memory."""

import io
from collections.abc import Iterator

from django.utils.translation import gettext as _

from memories.portability.files.encodings import SAMPLE_BYTES, detect_encoding
from memories.portability.files.parts import Part, make_file_error, open_part

MAX_LINE_CHARACTERS = 20_000_000
MAX_TEXT_BYTES = 20_000_000  # of a file that is read whole, such as a note


def read_lines(part: Part) -> Iterator[str]:
    """Yield lines without line endings. Raises ValidationError for what is no text or not of one encoding."""
    encoding = detect_part_encoding(part)
    with open_part(part) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline=None)
        try:
            while line := text.readline(MAX_LINE_CHARACTERS):
                if len(line) >= MAX_LINE_CHARACTERS:
                    raise make_file_error(_("A line in the file is too long."), "line_too_long")
                yield line.rstrip("\n")
        except UnicodeError:
            raise make_not_text_error() from None


def read_text(part: Part) -> str:
    """Return the text of a whole file, without byte order mark and with line feeds as line endings.

    Raises ValidationError for what is no text or more than MAX_TEXT_BYTES.
    """
    encoding = detect_part_encoding(part)
    with open_part(part) as file:
        data: bytes = file.read(MAX_TEXT_BYTES + 1)
        while 0 < len(data) <= MAX_TEXT_BYTES and (more := file.read(MAX_TEXT_BYTES + 1 - len(data))):
            data += more
    if len(data) > MAX_TEXT_BYTES:
        raise make_file_error(_("The file is too large."), "too_large")
    try:
        return data.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeError:
        raise make_not_text_error() from None


def read_start(part: Part, size: int = SAMPLE_BYTES) -> bytes:
    with open_part(part) as file:
        start: bytes = file.read(size)
    return start


def detect_part_encoding(part: Part) -> str:
    """Return the encoding of a part. Raises ValidationError (not_text) for what is no text."""
    encoding = detect_encoding(read_start(part))
    if encoding is None:
        raise make_not_text_error()
    return encoding


def make_not_text_error() -> Exception:
    return make_file_error(_("The file is not a text file."), "not_text")
