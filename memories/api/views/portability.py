"""Views for import and export."""

from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import describe_operations
from memories.api.parsers import FILE_PARSERS, open_uploaded_files
from memories.api.representations import serialize_import, serialize_import_summary
from memories.api.requests import EVERYTHING, ExportQuery, ImportQuery, RunIn
from memories.api.views.base import ApiView, validate_body, validate_query
from memories.portability.exports.formats import export_memories
from memories.portability.exports.full_archive import export_everything
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import MAX_SECONDS_ONLINE, check_preview_rate, stage_import
from memories.portability.readers.formats import ChatFilter

BUDGET_S = 8.0  # per call; then the client calls again


@describe_operations("list_imports", "look_at_import")
class ImportListView(ApiView):
    def get_parsers(self) -> list[BaseParser]:
        parsers = FILE_PARSERS if self.request and self.request.method == "POST" else self.parser_classes
        return [parser() for parser in parsers]

    def get(self, request: Request) -> Response:
        imports = import_run.list_imports(self.actor)
        return Response({"results": list(map(serialize_import_summary, imports))})

    def post(self, request: Request) -> Response:
        query = validate_query(request, ImportQuery)
        with open_uploaded_files(request) as files:
            check_preview_rate(self.actor)
            batch = stage_import(
                self.actor,
                files,
                chats=ChatFilter(query["chats"]),
                text_column=query["text_column"],
                seconds=MAX_SECONDS_ONLINE,
            )
        headers = {"Location": reverse("api:import", args=[batch.pk])}
        return Response(serialize_import(batch), status=201, headers=headers)


@describe_operations("read_import", "discard_import")
class ImportDetailView(ApiView):
    def get(self, request: Request, batch_id: UUID) -> Response:
        return Response(serialize_import(import_run.get_import(self.actor, batch_id)))

    def delete(self, request: Request, batch_id: UUID) -> Response:
        import_run.discard_import(self.actor, batch_id)
        return Response(status=204)


@describe_operations("run_import")
class RunImportView(ApiView):
    def post(self, request: Request, batch_id: UUID) -> Response:
        publish = validate_body(request, RunIn)["publish"]
        import_run.start_import(self.actor, batch_id, publish=publish)
        return Response(serialize_import(import_run.advance_import(self.actor, batch_id, seconds=BUDGET_S)))


@describe_operations("undo_import")
class UndoImportView(ApiView):
    def post(self, request: Request, batch_id: UUID) -> Response:
        return Response(serialize_import(import_run.undo_import(self.actor, batch_id)))


@describe_operations("export_memories")
class ExportView(ApiView):
    def get(self, request: Request) -> StreamingHttpResponse:
        export_format = validate_query(request, ExportQuery)["format"]
        if export_format == EVERYTHING:
            export = export_everything(self.actor)
        else:
            export = export_memories(self.actor, export_format)
        response = StreamingHttpResponse(export.chunks, content_type=export.media_type)
        response["Content-Disposition"] = f'attachment; filename="{export.filename}"'
        return response
