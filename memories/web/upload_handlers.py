"""Upload handler that stores large files in unnamed temporary files."""

import tempfile
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from core.uploads import Form, parse_upload_form

SPOOL_BYTES = 1_000_000
PAGE_VIEW, API_VIEW = "memories:bring", "api:imports"  # accept many and large files


class UnnamedFileHandler(FileUploadHandler):
    """Store uploads in memory or in an unnamed file.

    Django's own handler leaves a named, unencrypted file behind if the process is killed.
    """

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: bytes,  # type: ignore[override]
        encoding: str | None = None,
    ) -> Form | None:
        """Read the form of an import, except from anonymous users; Django reads any other form.

        The CSRF middleware reads forms before the page requires a user. REST reads them after it.
        """
        request = self.request
        view = request.resolver_match.view_name if request and request.resolver_match else ""
        if request and (view == API_VIEW or (view == PAGE_VIEW and request.user.is_authenticated)):
            return parse_upload_form(input_data, boundary, encoding or "utf-8")
        return None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed with the upload

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        self._file.seek(0)
        return UploadedFile(self._file, self.file_name, self.content_type, file_size, self.charset)

    def upload_interrupted(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
