"""URLs of the API. Any other URL below /api/ responds with a problem, not an HTML page."""

from django.urls import path, re_path

from memories.api.openapi import views as openapi_views
from memories.api.views import apps, context, memories, person, portability, proposals, tags

app_name = "api"
urlpatterns = [
    path("v1/memories/", memories.MemoryListView.as_view(), name="memories"),
    path("v1/memories/search/", memories.MemorySearchView.as_view(), name="search"),
    path("v1/memories/bulk/", memories.MemoryBulkView.as_view(), name="bulk"),
    path("v1/memories/extract/", proposals.ExtractMemoriesView.as_view(), name="extract"),
    path("v1/memories/<uuid:memory_id>/", memories.MemoryDetailView.as_view(), name="memory"),
    path("v1/memories/<uuid:memory_id>/similar/", memories.SimilarMemoriesView.as_view(), name="similar"),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/unite/",
        memories.MergeMemoriesView.as_view(),
        name="unite",
    ),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/keep/",
        memories.KeepBothView.as_view(),
        name="keep_both",
    ),
    path("v1/memories/<uuid:memory_id>/history/", memories.MemoryHistoryView.as_view(), name="history"),
    path(
        "v1/memories/<uuid:memory_id>/history/<int:version>/restore/",
        memories.RestoreVersionView.as_view(),
        name="restore_version",
    ),
    path("v1/trash/", memories.TrashListView.as_view(), name="trash"),
    path("v1/trash/<uuid:memory_id>/", memories.TrashedMemoryView.as_view(), name="trashed_memory"),
    path("v1/trash/<uuid:memory_id>/restore/", memories.RestoreMemoryView.as_view(), name="restore_memory"),
    path("v1/proposals/", proposals.ProposalListView.as_view(), name="proposals"),
    path("v1/proposals/<uuid:proposal_id>/", proposals.ProposalDetailView.as_view(), name="proposal"),
    path(
        "v1/proposals/<uuid:proposal_id>/accept/",
        proposals.AcceptProposalView.as_view(),
        name="accept_proposal",
    ),
    path("v1/context/", context.ContextView.as_view(), name="context"),
    path("v1/tags/", tags.TagListView.as_view(), name="tags"),
    path("v1/tags/<uuid:tag_id>/", tags.TagDetailView.as_view(), name="tag"),
    path("v1/tags/<uuid:tag_id>/merge/", tags.MergeTagsView.as_view(), name="merge_tags"),
    path("v1/personas/<str:handle>/ask/", person.AskPersonaView.as_view(), name="ask"),
    path("v1/whoami/", person.WhoamiView.as_view(), name="whoami"),
    path("v1/profile/", person.ProfileView.as_view(), name="profile"),
    path("v1/apps/", apps.AppListView.as_view(), name="apps"),
    path("v1/apps/<uuid:grant_id>/", apps.AppDetailView.as_view(), name="app"),
    path("v1/apps/<uuid:grant_id>/forget/", apps.TrashAppMemoriesView.as_view(), name="forget_written"),
    path("v1/activity/", person.ActivityView.as_view(), name="activity"),
    path("v1/import/", portability.ImportListView.as_view(), name="imports"),
    path("v1/import/<uuid:batch_id>/", portability.ImportDetailView.as_view(), name="import"),
    path("v1/import/<uuid:batch_id>/run/", portability.RunImportView.as_view(), name="run_import"),
    path("v1/import/<uuid:batch_id>/undo/", portability.UndoImportView.as_view(), name="undo_import"),
    path("v1/export/", portability.ExportView.as_view(), name="export"),
    path("schema/", openapi_views.OpenApiView.as_view(), name="schema"),
    path("docs/", openapi_views.swagger_page, name="docs"),
    re_path(r"^redoc/?$", openapi_views.redirect_to_docs, name="redoc"),
    re_path(r"^(?P<page>docs|schema)$", openapi_views.redirect_with_slash, name="with_slash"),
    re_path(r"", openapi_views.ApiNotFound.as_view()),
]
