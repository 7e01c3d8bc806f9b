"""Pages about the person that are not django-allauth's."""

from django.urls import path

from accounts.deletion import views as deletion_views
from accounts.login import views as login_views
from accounts.profile import views
from accounts.sessions import views as session_views

app_name = "accounts"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("profile/", views.profile, name="profile"),
    path("theme/", views.theme, name="theme"),
    path("invitation/<str:secret>/", login_views.invitation, name="invitation"),
    path("sessions/", session_views.sessions, name="sessions"),
    path("delete/", deletion_views.delete, name="delete"),
    path("closed/", deletion_views.closed, name="closed"),
    path("restore/", deletion_views.restore, name="restore"),
    path("restore/<str:token>/", deletion_views.come_back, name="come_back"),
]
