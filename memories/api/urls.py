"""Where the API is. Everything below /api/ that is not here is a problem, not a page."""

from django.urls import path, re_path

from memories.api.openapi import views as openapi_views
from memories.api.views import apps, memories, person, portability, proposals, tags

app_name = "api"
urlpatterns = [
    path("v1/memories/", memories.Memories.as_view(), name="memories"),
    path("v1/memories/search/", memories.Search.as_view(), name="search"),
    path("v1/memories/bulk/", memories.Bulk.as_view(), name="bulk"),
    path("v1/memories/extract/", proposals.Extract.as_view(), name="extract"),
    path("v1/memories/<uuid:memory_id>/", memories.OneMemory.as_view(), name="memory"),
    path("v1/memories/<uuid:memory_id>/similar/", memories.Similar.as_view(), name="similar"),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/unite/",
        memories.Unite.as_view(),
        name="unite",
    ),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/keep/",
        memories.KeepBoth.as_view(),
        name="keep_both",
    ),
    path("v1/memories/<uuid:memory_id>/history/", memories.History.as_view(), name="history"),
    path(
        "v1/memories/<uuid:memory_id>/history/<int:version>/restore/",
        memories.RestoreVersion.as_view(),
        name="restore_version",
    ),
    path("v1/trash/", memories.Trash.as_view(), name="trash"),
    path("v1/trash/<uuid:memory_id>/", memories.TrashedMemory.as_view(), name="trashed_memory"),
    path("v1/trash/<uuid:memory_id>/restore/", memories.RestoreMemory.as_view(), name="restore_memory"),
    path("v1/proposals/", proposals.Proposals.as_view(), name="proposals"),
    path("v1/proposals/<uuid:proposal_id>/", proposals.OneProposal.as_view(), name="proposal"),
    path("v1/proposals/<uuid:proposal_id>/accept/", proposals.Accept.as_view(), name="accept_proposal"),
    path("v1/tags/", tags.Tags.as_view(), name="tags"),
    path("v1/tags/<uuid:tag_id>/", tags.OneTag.as_view(), name="tag"),
    path("v1/tags/<uuid:tag_id>/merge/", tags.MergeTag.as_view(), name="merge_tags"),
    path("v1/personas/<str:handle>/ask/", person.AskPersona.as_view(), name="ask"),
    path("v1/whoami/", person.Whoami.as_view(), name="whoami"),
    path("v1/profile/", person.Profile.as_view(), name="profile"),
    path("v1/apps/", apps.Apps.as_view(), name="apps"),
    path("v1/apps/<uuid:grant_id>/", apps.OneApp.as_view(), name="app"),
    path("v1/apps/<uuid:grant_id>/forget/", apps.ForgetWritten.as_view(), name="forget_written"),
    path("v1/activity/", person.Activity.as_view(), name="activity"),
    path("v1/import/", portability.Imports.as_view(), name="imports"),
    path("v1/import/<uuid:batch_id>/", portability.OneImport.as_view(), name="import"),
    path("v1/import/<uuid:batch_id>/run/", portability.RunImport.as_view(), name="run_import"),
    path("v1/import/<uuid:batch_id>/undo/", portability.UndoImport.as_view(), name="undo_import"),
    path("v1/export/", portability.Export.as_view(), name="export"),
    path("schema/", openapi_views.OpenApi.as_view(), name="schema"),
    path("docs/", openapi_views.swagger, name="docs"),
    path("redoc/", openapi_views.redoc, name="redoc"),
    re_path(r"^(?P<page>docs|redoc|schema)$", openapi_views.with_slash, name="with_slash"),
    re_path(r"", openapi_views.Nowhere.as_view()),
]
