"""URLs of the account pages that are not django-allauth's."""

from django.urls import path

from accounts.deletion import views as deletion_views
from accounts.login import views as login_views
from accounts.login.openid import views as openid_views
from accounts.profile import views
from accounts.sessions import views as session_views
from accounts.staff import views as staff_views

app_name = "accounts"
urlpatterns = [
    path("", views.show_overview, name="overview"),
    path("profile/", views.edit_profile, name="profile"),
    path("theme/", views.set_theme, name="theme"),
    path("language/", views.set_language, name="language"),
    path("invitation/<str:secret>/", login_views.accept_invitation, name="invitation"),
    # These replace django-allauth's, which are included after them.
    path("confirm-email/", login_views.confirm_address, name="confirm_address"),
    path("confirm-email/<str:key>/", login_views.show_outdated_link, name="outdated_link"),
    path("2fa/webauthn/login/", login_views.log_in_with_passkey),
    path("2fa/webauthn/keys/<int:pk>/remove/", login_views.remove_passkey),
    path("password/set/", login_views.set_password),
    path("openid/login/", openid_views.start_login, name="openid_login"),
    path("openid/callback/", openid_views.finish, name="openid_callback"),
    path("openid/signup/", openid_views.sign_up, name="openid_signup"),
    path("openid/connect/", openid_views.start_connection, name="openid_connect"),
    path("openid/confirm/", openid_views.reauthenticate, name="openid_reauthenticate"),
    path("connections/", openid_views.manage_connections, name="connections"),
    path("email-state/", login_views.show_email_state, name="email_state"),
    path("sessions/", session_views.manage_sessions, name="sessions"),
    path("administrators/", staff_views.show_staff_actions, name="staff"),
    path("delete/", deletion_views.delete_account, name="delete"),
    path("closed/", deletion_views.show_account_closed, name="closed"),
    path("restore/", deletion_views.restore_account, name="restore"),
    path("restore/<str:token>/", deletion_views.restore_by_link, name="come_back"),
]
