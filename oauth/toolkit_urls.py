"""Addresses that the toolkit looks up itself, under its own namespace."""

from django.urls import path

from oauth import registration

app_name = "oauth2_provider"
urlpatterns = [
    path("<slug:client_id>/", registration.manage, name="dcr-register-management"),
]
