"""Where a person's memories are."""

from django.urls import path

from memories.web import ask, extract, insights, life, moving, review, saved, views

app_name = "memories"
urlpatterns = [
    path("", views.memory_list, name="list"),
    path("new/", views.new, name="new"),
    path("ask/", ask.ask, name="ask"),
    path("import/", moving.bring, name="bring"),
    path("import/<uuid:batch_id>/", moving.one_import, name="import"),
    path("import/<uuid:batch_id>/start/", moving.start, name="import_start"),
    path("import/<uuid:batch_id>/go-on/", moving.go_on, name="import_go_on"),
    path("import/<uuid:batch_id>/undo/", moving.undo, name="import_undo"),
    path("import/<uuid:batch_id>/discard/", moving.discard, name="import_discard"),
    path("export/", moving.take, name="export"),
    path("export/<slug:form>/", moving.download, name="download"),
    path("extract/", extract.extract, name="extract"),
    path("review/", review.review, name="review"),
    path("trash/", views.trash, name="trash"),
    path("trash/empty/", views.empty_trash, name="empty_trash"),
    path("filters/save/", saved.save_filter, name="save_filter"),
    path("filters/<uuid:filter_id>/delete/", saved.delete_filter, name="delete_filter"),
    path("many/", life.change_many, name="many"),
    path("many/restore/", life.restore_many, name="restore_many"),
    path("insights/", insights.insights, name="insights"),
    path("tags/", life.tags, name="tags"),
    path("tags/<uuid:tag_id>/rename/", life.rename_tag, name="rename_tag"),
    path("tags/<uuid:tag_id>/remove/", life.remove_tag, name="remove_tag"),
    path("<uuid:memory_id>/", views.detail, name="detail"),
    path("<uuid:memory_id>/unite/", life.unite, name="unite"),
    path("<uuid:memory_id>/edit/", views.edit, name="edit"),
    path("<uuid:memory_id>/visibility/", views.visibility, name="visibility"),
    path("<uuid:memory_id>/state/", views.state, name="state"),
    path("<uuid:memory_id>/retry/", views.retry, name="retry"),
    path("<uuid:memory_id>/delete/", views.delete, name="delete"),
    path("<uuid:memory_id>/restore/", views.restore, name="restore"),
    path("<uuid:memory_id>/destroy/", views.destroy, name="destroy"),
    path("<uuid:memory_id>/history/<int:version>/restore/", views.restore_version, name="restore_version"),
]
