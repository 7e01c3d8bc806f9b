"""Web app manifest: install Picard on a home screen and offer it as a share target."""

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

PAPER, ACCENT = "#f3f5f2", "#0b5f59"  # light theme of static/css/picard.css; a manifest has only one of each
# file, size in pixels, purpose; devices may crop maskable icons to a circle
ICONS = (
    ("img/icon-192.png", "192x192", "any"),
    ("img/icon-512.png", "512x512", "any"),
    ("img/icon-maskable-512.png", "512x512", "maskable"),
)


@require_safe
def web_manifest(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    icons = [{"src": static("img/logo.svg"), "sizes": "any", "type": "image/svg+xml"}]
    icons += [
        {"src": static(file), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for file, sizes, purpose in ICONS
    ]
    manifest = {
        "name": "Picard",
        "short_name": "Picard",
        "description": _("What AI should know about you, in one place that you own."),
        "id": "/",
        "scope": "/",
        "start_url": reverse("memories:list"),
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": ACCENT,
        "icons": icons,
        "share_target": _build_share_target(),
        "shortcuts": [
            {"name": _("New memory"), "url": reverse("memories:new")},
            {"name": _("Ask"), "url": reverse("memories:ask")},
        ],
    }
    return JsonResponse(manifest, content_type="application/manifest+json")


def _build_share_target() -> dict[str, object]:
    """Return the share target. It uses POST, because histories and proxy logs store URLs."""
    return {
        "action": reverse("memories:share"),
        "method": "POST",
        "enctype": "application/x-www-form-urlencoded",
        "params": {name: name for name in ("title", "text", "url")},
    }
