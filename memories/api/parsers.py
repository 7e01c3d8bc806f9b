"""Parse and render JSON, with limits on size and depth and without null characters."""

import io
import tempfile
from collections.abc import Iterable, Mapping
from typing import IO, Any, cast

import orjson
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

BODY_BYTES = 4_000_000  # a hundred memories of 8,000 characters, in any script
DEPTH = 8
SPOOL_BYTES = 1_000_000
CHUNK_BYTES = 65_536


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = f"The request body is larger than {BODY_BYTES:,} bytes."


class JsonRenderer(BaseRenderer):
    """Render JSON, including dates, UUIDs and orjson.Fragment."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: object,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, object] | None = None,
    ) -> bytes:
        return b"" if data is None else dump_json(data)


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> Any:
        body = stream.read(BODY_BYTES + 1)
        if len(body) > BODY_BYTES:
            raise BodyTooLarge
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(_("Invalid JSON: %(why)s") % {"why": error.msg}, code="malformed") from None
        _validate_json_value(value)
        return value


class FileParser(BaseParser):
    """Parse a body that is a file: `request.data` is an open file that the view must close.

    The gateway limits its size.
    """

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> Any:
        file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the view closes it
        while chunk := stream.read(CHUNK_BYTES):
            file.write(chunk)
        file.seek(0)
        return file


def open_uploaded_file(request: Request) -> IO[bytes]:
    """Return the file that is the body or the only one in the form, empty without any. The caller must close it."""
    body: Any = request.data
    if hasattr(body, "read"):
        return cast(IO[bytes], body)
    files: list[Any] = [upload for _name, uploads in request.FILES.lists() for upload in uploads]
    if len(files) > 1:
        raise ParseError(_("Send one file."), code="malformed")
    return files[0].file if files else io.BytesIO()


# All are treated alike: the format is detected from the content.
FILE_TYPES = (
    "application/octet-stream", "application/zip", "application/json", "application/x-ndjson",
    "text/plain", "text/csv", "text/markdown",
)  # fmt: skip
FILE_PARSERS: list[type[BaseParser]] = [
    MultiPartParser,
    *(type("FileParser", (FileParser,), {"media_type": name}) for name in FILE_TYPES),
]


class JsonContentNegotiation(BaseContentNegotiation):
    """Always respond with JSON (RFC 9110, 12.5.1 allows a server to ignore Accept)."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def dump_json(data: object) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_UTC_Z)


def dump_canonical_json(data: object) -> bytes:
    """Serialize with sorted keys, so that equal data gives equal bytes."""
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _validate_json_value(value: object) -> None:
    """Raise ParseError if the value is nested too deeply or contains a null character.

    PostgreSQL cannot store null characters.
    """
    level = [value]
    for _depth in range(DEPTH):
        children: list[object] = []
        for each in level:
            if isinstance(each, dict):
                children += each
                children += each.values()
            elif isinstance(each, list):
                children += each
            elif isinstance(each, str) and "\0" in each:
                raise ParseError(_("The body contains a null character."), code="null_character")
        if not children:
            return
        level = children
    raise ParseError(
        _("The body is nested more than %(limit)s levels deep.") % {"limit": DEPTH}, code="too_deep"
    )
