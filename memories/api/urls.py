"""Where the API is. Everything below /api/ that is not here is a problem, not a page."""

from django.urls import path, re_path

from memories.api import app_views, docs, moving_views, person_views, review_views, tag_views, views

app_name = "api"
urlpatterns = [
    path("v1/memories/", views.Memories.as_view(), name="memories"),
    path("v1/memories/search/", views.Search.as_view(), name="search"),
    path("v1/memories/bulk/", views.Bulk.as_view(), name="bulk"),
    path("v1/memories/extract/", review_views.Extract.as_view(), name="extract"),
    path("v1/memories/<uuid:memory_id>/", views.OneMemory.as_view(), name="memory"),
    path("v1/memories/<uuid:memory_id>/similar/", views.Similar.as_view(), name="similar"),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/unite/",
        views.Unite.as_view(),
        name="unite",
    ),
    path(
        "v1/memories/<uuid:memory_id>/similar/<uuid:other_id>/keep/",
        views.KeepBoth.as_view(),
        name="keep_both",
    ),
    path("v1/memories/<uuid:memory_id>/history/", views.History.as_view(), name="history"),
    path(
        "v1/memories/<uuid:memory_id>/history/<int:version>/restore/",
        views.RestoreVersion.as_view(),
        name="restore_version",
    ),
    path("v1/trash/", views.Trash.as_view(), name="trash"),
    path("v1/trash/<uuid:memory_id>/", views.TrashedMemory.as_view(), name="trashed_memory"),
    path("v1/trash/<uuid:memory_id>/restore/", views.RestoreMemory.as_view(), name="restore_memory"),
    path("v1/proposals/", review_views.Proposals.as_view(), name="proposals"),
    path("v1/proposals/<uuid:proposal_id>/", review_views.OneProposal.as_view(), name="proposal"),
    path("v1/proposals/<uuid:proposal_id>/accept/", review_views.Accept.as_view(), name="accept_proposal"),
    path("v1/tags/", tag_views.Tags.as_view(), name="tags"),
    path("v1/tags/<uuid:tag_id>/", tag_views.OneTag.as_view(), name="tag"),
    path("v1/tags/<uuid:tag_id>/merge/", tag_views.MergeTag.as_view(), name="merge_tags"),
    path("v1/personas/<str:handle>/ask/", person_views.AskPersona.as_view(), name="ask"),
    path("v1/whoami/", person_views.Whoami.as_view(), name="whoami"),
    path("v1/profile/", person_views.Profile.as_view(), name="profile"),
    path("v1/apps/", app_views.Apps.as_view(), name="apps"),
    path("v1/apps/<uuid:grant_id>/", app_views.OneApp.as_view(), name="app"),
    path("v1/apps/<uuid:grant_id>/forget/", app_views.ForgetWritten.as_view(), name="forget_written"),
    path("v1/activity/", person_views.Activity.as_view(), name="activity"),
    path("v1/import/", moving_views.Imports.as_view(), name="imports"),
    path("v1/import/<uuid:batch_id>/", moving_views.OneImport.as_view(), name="import"),
    path("v1/import/<uuid:batch_id>/run/", moving_views.RunImport.as_view(), name="run_import"),
    path("v1/import/<uuid:batch_id>/undo/", moving_views.UndoImport.as_view(), name="undo_import"),
    path("v1/export/", moving_views.Export.as_view(), name="export"),
    path("schema/", docs.OpenApi.as_view(), name="schema"),
    path("docs/", docs.swagger, name="docs"),
    path("redoc/", docs.redoc, name="redoc"),
    re_path(r"^(?P<page>docs|redoc|schema)$", docs.with_slash, name="with_slash"),
    re_path(r"", docs.Nowhere.as_view()),
]
