"""URLs of the OAuth endpoints, connected apps and the developer console."""

from django.urls import path, re_path

from oauth.consent import consent_views, device_views, views
from oauth.console import playground_views
from oauth.console import views as console_views
from oauth.endpoints import device, metadata
from oauth.endpoints import views as endpoint_views
from oauth.personal import views as personal_views
from oauth.registration import dynamic as dynamic_registration

app_name = "oauth"
urlpatterns = [
    re_path(
        r"^\.well-known/oauth-authorization-server/?$",
        metadata.authorization_server_metadata,
        name="server_metadata",
    ),
    re_path(r"^\.well-known/oauth-protected-resource(?P<path>/.*)?$", metadata.protected_resource_metadata),
    # Clients also look for metadata of other issuers (`/mcp`), at other places, and of OpenID Connect.
    re_path(r"^(?:.+/)?\.well-known/", metadata.metadata_not_found),
    path("oauth/authorize/", consent_views.authorize_app, name="authorize"),
    path("oauth/device-authorization/", device.authorize_device, name="device_authorization"),
    path("device/", device_views.connect_device, name="device"),
    path("oauth/token/", endpoint_views.issue_token, name="token"),
    path("oauth/revoke/", endpoint_views.revoke_token, name="revoke"),
    path("oauth/introspect/", endpoint_views.introspect_token, name="introspect"),
    path("oauth/register/", dynamic_registration.register, name="register"),
    # Without a trailing slash, as many clients are configured: a redirect would lose the POST body.
    path("oauth/device-authorization", device.authorize_device),
    path("oauth/token", endpoint_views.issue_token),
    path("oauth/revoke", endpoint_views.revoke_token),
    path("oauth/introspect", endpoint_views.introspect_token),
    path("oauth/register", dynamic_registration.register),
    path("accounts/apps/", views.list_apps, name="apps"),
    path("accounts/apps/activity/", views.list_activity, name="activity"),
    path("accounts/apps/<uuid:grant_id>/", views.show_app, name="app"),
    path("accounts/apps/<uuid:grant_id>/narrow/", views.update_app_access, name="narrow"),
    path("accounts/apps/<uuid:grant_id>/pause/", views.pause_app, name="pause"),
    path("accounts/apps/<uuid:grant_id>/disconnect/", views.disconnect_app, name="disconnect"),
    path("accounts/apps/<uuid:grant_id>/forget/", views.trash_app_memories, name="forget"),
    path("accounts/tokens/", personal_views.list_tokens, name="tokens"),
    path("accounts/tokens/new/", personal_views.create_token, name="new_token"),
    path(
        "accounts/tokens/<uuid:grant_id>/regenerate/",
        personal_views.regenerate_token,
        name="regenerate_token",
    ),
    path("developer/", console_views.developer_console, name="console"),
    path("developer/addresses/", console_views.check_redirect_uris, name="look_at_addresses"),
    path("developer/<slug:client_id>/", console_views.edit_app, name="own_app"),
    path("developer/<slug:client_id>/mistakes/", console_views.clear_client_errors, name="forget_mistakes"),
    path("developer/<slug:client_id>/try/", playground_views.show_playground, name="try"),
    path("developer/<slug:client_id>/try/<slug:act>/", playground_views.run_step, name="try_act"),
    path("developer/<slug:client_id>/secret/", console_views.rotate_secret, name="rotate"),
    path("developer/<slug:client_id>/delete/", console_views.delete_app, name="delete"),
]
