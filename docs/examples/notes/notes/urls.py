"""URLs of the pages."""

from django.conf import settings
from django.urls import path
from django.views.static import serve

from notes import views

urlpatterns = [
    path("", views.front, name="front"),
    path("connect/", views.connect, name="connect"),
    path("callback/", views.callback, name="callback"),
    path("disconnect/", views.disconnect, name="disconnect"),
    path("notes/", views.notes, name="notes"),
    path("notes/search/", views.search, name="search"),
    path("notes/add/", views.add, name="add"),
    path("notes/waiting/", views.waiting, name="waiting"),
    path("notes/<uuid:memory_id>/", views.edit, name="edit"),
    path("style/<path:path>", serve, {"document_root": settings.HERE / "style"}, name="style"),
]
