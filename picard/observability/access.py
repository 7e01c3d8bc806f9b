"""Who may read metrics."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


def has_metrics_token(request: HttpRequest) -> bool:
    """Return whether the request has METRICS_TOKEN, if there is one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_valid = constant_time_compare(token, settings.METRICS_TOKEN)
    return bool(settings.METRICS_TOKEN) and scheme.lower() == "bearer" and is_valid
