"""Where the protocol's endpoints are, and the person's pages about apps."""

from django.urls import path

from oauth import console, endpoints, metadata, registration, try_it, views

app_name = "oauth"
urlpatterns = [
    path(".well-known/oauth-authorization-server", metadata.authorization_server, name="server_metadata"),
    path(".well-known/oauth-protected-resource", metadata.protected_resource, name="resource_metadata"),
    path(".well-known/oauth-protected-resource/<str:path>", metadata.protected_resource),
    path("oauth/authorize/", views.authorize, name="authorize"),
    path("oauth/token/", endpoints.token, name="token"),
    path("oauth/revoke/", endpoints.revoke, name="revoke"),
    path("oauth/introspect/", endpoints.introspect, name="introspect"),
    path("oauth/register/", registration.register, name="register"),
    # As other servers have them, and so many clients' settings: a redirect would lose what is posted.
    path("oauth/token", endpoints.token),
    path("oauth/revoke", endpoints.revoke),
    path("oauth/introspect", endpoints.introspect),
    path("oauth/register", registration.register),
    path("accounts/apps/", views.apps, name="apps"),
    path("accounts/apps/activity/", views.activity, name="activity"),
    path("accounts/apps/<uuid:grant_id>/", views.app, name="app"),
    path("accounts/apps/<uuid:grant_id>/narrow/", views.narrow, name="narrow"),
    path("accounts/apps/<uuid:grant_id>/pause/", views.pause, name="pause"),
    path("accounts/apps/<uuid:grant_id>/disconnect/", views.revoke, name="disconnect"),
    path("accounts/apps/<uuid:grant_id>/forget/", views.forget, name="forget"),
    path("developer/", console.console, name="console"),
    path("developer/addresses/", console.look_at_addresses, name="look_at_addresses"),
    path("developer/<slug:client_id>/", console.app, name="own_app"),
    path("developer/<slug:client_id>/mistakes/", console.forget_mistakes, name="forget_mistakes"),
    path("developer/<slug:client_id>/try/", try_it.page, name="try"),
    path("developer/<slug:client_id>/try/<slug:act>/", try_it.act, name="try_act"),
    path("developer/<slug:client_id>/secret/", console.rotate, name="rotate"),
    path("developer/<slug:client_id>/delete/", console.delete, name="delete"),
]
