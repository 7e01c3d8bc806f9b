"""Parse and render JSON, with limits on size and depth and without null characters."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import orjson
from django.utils.http import parse_header_parameters
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.uploads import list_uploads
from memories.portability.files.archives import NamedFile

BODY_BYTES = 4_000_000  # a hundred memories of 8,000 characters, in any script
DEPTH = 8
SPOOL_BYTES = 1_000_000
CHUNK_BYTES = 65_536
ANY_MEDIA_TYPE = "*/*"


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
            raise ParseError(f"Invalid JSON: {error.msg}", code="malformed") from None
        _validate_json_value(value)
        return value


class FileParser(BaseParser):
    """Parse a body of any media type that is a file: `request.data` is an open file that the view must close.

    The gateway limits its size; the format is detected from the content.
    """

    media_type = ANY_MEDIA_TYPE

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> Any:
        file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the view closes it
        while chunk := stream.read(CHUNK_BYTES):
            file.write(chunk)
        return file


class FormParser(MultiPartParser):
    def parse(self, *args: Any, **options: Any) -> "DataAndFiles[Any, Any]":
        try:
            return super().parse(*args, **options)
        except ParseError as error:
            raise ParseError(str(error.detail), code="malformed") from None


FILE_PARSERS: list[type[BaseParser]] = [FormParser, FileParser]


@contextmanager
def open_uploaded_files(request: Request) -> Iterator[list[NamedFile]]:
    """Provide the files of the form, or the one that is the body, named by Content-Disposition (RFC 6266)."""
    body: Any = request.data
    if not hasattr(body, "read"):
        yield [NamedFile(file, name) for file, name in list_uploads(request.FILES)]
        return
    with body:
        yield [NamedFile(body, _get_file_name(request.headers.get("Content-Disposition", "")))]


def _get_file_name(disposition: str) -> str:
    """Return the file name in a Content-Disposition header, which may be UTF-8 (WSGI decodes Latin-1)."""
    with suppress(UnicodeError):
        disposition = disposition.encode("latin-1").decode()
    with suppress(ValueError):
        return parse_header_parameters(disposition)[1].get("filename", "")
    return ""


class JsonContentNegotiation(BaseContentNegotiation):
    """Always respond with JSON (RFC 9110, 12.5.1 allows a server to ignore Accept)."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        accepted = (media_type, ANY_MEDIA_TYPE)
        return next((parser for parser in parsers if parser.media_type in accepted), None)

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
                raise ParseError("The body contains a null character.", code="null_character")
        if not children:
            return
        level = children
    raise ParseError(f"The body is nested more than {DEPTH} levels deep.", code="too_deep")
