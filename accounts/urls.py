"""Pages about the person that are not django-allauth's."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("profile/", views.profile, name="profile"),
    path("theme/", views.theme, name="theme"),
    path("invitation/<str:secret>/", views.invitation, name="invitation"),
]
