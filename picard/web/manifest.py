"""The web app manifest: Picard on a device's home screen, and among the places that its apps can share to."""

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

PAPER, ACCENT = "#f3f5f2", "#0b5f59"  # of static/css/picard.css, light; a manifest holds one of each
# file, edge in pixels, purpose: a maskable one may be cut to a circle by the device
ICONS = (
    ("img/icon-192.png", "192x192", "any"),
    ("img/icon-512.png", "512x512", "any"),
    ("img/icon-maskable-512.png", "512x512", "maskable"),
)


@require_safe
def web_manifest(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    pictures = [{"src": static("img/logo.svg"), "sizes": "any", "type": "image/svg+xml"}]
    pictures += [
        {"src": static(file), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for file, sizes, purpose in ICONS
    ]
    described = {
        "name": "Picard",
        "short_name": "Picard",
        "description": _("What AI should know about you, in one place that you own."),
        "id": "/",
        "scope": "/",
        "start_url": reverse("memories:list"),
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": ACCENT,
        "icons": pictures,
        "share_target": _build_share_target(),
        "shortcuts": [
            {"name": _("New memory"), "url": reverse("memories:new")},
            {"name": _("Ask"), "url": reverse("memories:ask")},
        ],
    }
    return JsonResponse(described, content_type="application/manifest+json")


def _build_share_target() -> dict[str, object]:
    """By POST: what is shared must not stand in addresses, which histories and the logs of proxies keep."""
    return {
        "action": reverse("memories:share"),
        "method": "POST",
        "enctype": "application/x-www-form-urlencoded",
        "params": {name: name for name in ("title", "text", "url")},
    }
