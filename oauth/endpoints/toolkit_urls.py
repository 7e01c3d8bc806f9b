"""URLs that the toolkit reverses in its own namespace."""

from django.urls import path

from oauth.registration import dynamic as dynamic_registration

app_name = "oauth2_provider"
urlpatterns = [
    path("<slug:client_id>/", dynamic_registration.manage, name="dcr-register-management"),
]
