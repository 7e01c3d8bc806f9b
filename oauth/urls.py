"""Where the protocol's endpoints are, and the person's pages about apps."""

from django.urls import path

from oauth.consent import views
from oauth.console import playground_views
from oauth.console import views as console_views
from oauth.endpoints import metadata
from oauth.endpoints import views as endpoint_views
from oauth.registration import dynamic as dynamic_registration

app_name = "oauth"
urlpatterns = [
    path(".well-known/oauth-authorization-server", metadata.authorization_server, name="server_metadata"),
    path(".well-known/oauth-protected-resource", metadata.protected_resource, name="resource_metadata"),
    path(".well-known/oauth-protected-resource/<str:path>", metadata.protected_resource),
    path("oauth/authorize/", views.authorize, name="authorize"),
    path("oauth/token/", endpoint_views.token, name="token"),
    path("oauth/revoke/", endpoint_views.revoke, name="revoke"),
    path("oauth/introspect/", endpoint_views.introspect, name="introspect"),
    path("oauth/register/", dynamic_registration.register, name="register"),
    # As other servers have them, and so many clients' settings: a redirect would lose what is posted.
    path("oauth/token", endpoint_views.token),
    path("oauth/revoke", endpoint_views.revoke),
    path("oauth/introspect", endpoint_views.introspect),
    path("oauth/register", dynamic_registration.register),
    path("accounts/apps/", views.apps, name="apps"),
    path("accounts/apps/activity/", views.activity, name="activity"),
    path("accounts/apps/<uuid:grant_id>/", views.app, name="app"),
    path("accounts/apps/<uuid:grant_id>/narrow/", views.narrow, name="narrow"),
    path("accounts/apps/<uuid:grant_id>/pause/", views.pause, name="pause"),
    path("accounts/apps/<uuid:grant_id>/disconnect/", views.revoke, name="disconnect"),
    path("accounts/apps/<uuid:grant_id>/forget/", views.forget, name="forget"),
    path("developer/", console_views.console, name="console"),
    path("developer/addresses/", console_views.look_at_addresses, name="look_at_addresses"),
    path("developer/<slug:client_id>/", console_views.app, name="own_app"),
    path("developer/<slug:client_id>/mistakes/", console_views.forget_mistakes, name="forget_mistakes"),
    path("developer/<slug:client_id>/try/", playground_views.page, name="try"),
    path("developer/<slug:client_id>/try/<slug:act>/", playground_views.act, name="try_act"),
    path("developer/<slug:client_id>/secret/", console_views.rotate, name="rotate"),
    path("developer/<slug:client_id>/delete/", console_views.delete, name="delete"),
]
