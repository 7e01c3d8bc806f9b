"""URL configuration."""

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.urls import include, path, re_path

from memories.web.views import connect
from memories.web.views.persona import public_page, redirect_to_public_page
from picard.observability import health, metrics
from picard.web import manifest, security_txt, views
from picard.web.staff_admin import act_as_system

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # use the site's log-in
admin.site.unregister([Authenticator, UserSession])  # allauth's admin pages would show and edit them
admin.site.site_header = "Picard"
act_as_system(admin.site)

urlpatterns = [
    path("", views.landing_page, name="landing"),
    path("help/", views.help_page, name="help"),
    path("manifest.webmanifest", manifest.web_manifest, name="manifest"),
    path("healthz", health.liveness_view),
    path("health", health.liveness_view),
    path("readyz", health.readiness_view),
    path("metrics", metrics.metrics_view),
    path(".well-known/security.txt", security_txt.security_txt),
    path("", include("oauth.urls")),
    path("api/", include("memories.api.urls")),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("oauth/register/", include("oauth.endpoints.toolkit_urls")),
    path("memories/", include("memories.web.urls")),
    path("connect/", connect.connect_page, name="connect"),
    path("connect/connected/", connect.connection_status, name="connected"),
    re_path(r"^@(?P<handle>[a-z0-9-]+)$", public_page, name="persona"),
    re_path(r"^@(?P<handle>[A-Za-z0-9-]+)/?$", redirect_to_public_page),
    path("", include("memories.mcp.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "picard.web.views.bad_request"
handler403 = "picard.web.views.permission_denied"
handler404 = "picard.web.views.not_found"
handler500 = "picard.web.views.server_error"
