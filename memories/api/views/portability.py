"""The REST API of moving in and out."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import operations
from memories.api.parsers import FILE_PARSERS, NoFile
from memories.api.representations import import_json
from memories.api.requests import EVERYTHING, ExportQuery, ImportQuery, RunIn
from memories.api.views.base import ApiView, body_of, query_of
from memories.portability.exports.formats import export
from memories.portability.exports.full_archive import export_everything
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import SECONDS_ONLINE, may_look, stage
from memories.portability.readers.chat_exports import Chats

BUDGET_S = 8.0  # of one call; then the client asks again


@operations("list_imports", "look_at_import")
class Imports(ApiView):
    def get_parsers(self) -> list[BaseParser]:
        parsers = FILE_PARSERS if self.request and self.request.method == "POST" else self.parser_classes
        return [parser() for parser in parsers]

    def get(self, request: Request) -> Response:
        return Response({"results": list(map(import_json, import_run.list_imports(self.actor)))})

    def post(self, request: Request) -> Response:
        asked = query_of(request, ImportQuery)
        sent: Any = request.data
        with sent if hasattr(sent, "read") else NoFile() as file:
            may_look(self.actor)
            batch = stage(self.actor, file, chats=Chats(asked["chats"]), seconds=SECONDS_ONLINE)
        headers = {"Location": reverse("api:import", args=[batch.pk])}
        return Response(import_json(batch), status=201, headers=headers)


@operations("read_import", "discard_import")
class OneImport(ApiView):
    def get(self, request: Request, batch_id: UUID) -> Response:
        return Response(import_json(import_run.get_import(self.actor, batch_id)))

    def delete(self, request: Request, batch_id: UUID) -> Response:
        import_run.discard(self.actor, batch_id)
        return Response(status=204)


@operations("run_import")
class RunImport(ApiView):
    def post(self, request: Request, batch_id: UUID) -> Response:
        publish = body_of(request, RunIn)["publish"]
        import_run.start(self.actor, batch_id, publish=publish)
        return Response(import_json(import_run.advance(self.actor, batch_id, seconds=BUDGET_S)))


@operations("undo_import")
class UndoImport(ApiView):
    def post(self, request: Request, batch_id: UUID) -> Response:
        return Response(import_json(import_run.undo(self.actor, batch_id)))


@operations("export_memories")
class Export(ApiView):
    def get(self, request: Request) -> StreamingHttpResponse:
        form = query_of(request, ExportQuery)["format"]
        exported = export_everything(self.actor) if form == EVERYTHING else export(self.actor, form)
        response = StreamingHttpResponse(exported.chunks, content_type=exported.media_type)
        response["Content-Disposition"] = f'attachment; filename="{exported.filename}"'
        return response
