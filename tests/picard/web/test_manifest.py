"""Web app manifest."""

import json
import struct
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import resolve

PNG = b"\x89PNG\r\n\x1a\n"


def test_pages_link_the_manifest_and_the_csp_allows_it(client: Client, db: None) -> None:
    response = client.get("/")
    assert '<link rel="manifest" href="/manifest.webmanifest">' in response.content.decode()
    assert "manifest-src 'self'" in response["Content-Security-Policy"]
    assert client.get("/manifest.webmanifest")["Content-Type"] == "application/manifest+json"


def test_icons_have_their_declared_sizes(client: Client, db: None) -> None:
    icons = json.loads(client.get("/manifest.webmanifest").content)["icons"]
    bitmaps = {(icon["sizes"], icon["purpose"]): icon["src"] for icon in icons if icon["type"] == "image/png"}
    assert {"192x192", "512x512"} == {size for size, purpose in bitmaps if purpose == "any"}
    assert ("512x512", "maskable") in bitmaps
    for (sizes, _purpose), source in bitmaps.items():
        found = finders.find(source.removeprefix(settings.STATIC_URL))
        header = Path(str(found)).read_bytes()[:24]
        assert header.startswith(PNG)
        width, height = struct.unpack(">II", header[16:])
        assert f"{width}x{height}" == sizes


def test_start_url_share_target_and_shortcuts_exist(client: Client, db: None) -> None:
    manifest = json.loads(client.get("/manifest.webmanifest").content)
    assert resolve(manifest["start_url"]).view_name == "memories:list"
    target = manifest["share_target"]
    assert resolve(target["action"]).view_name == "memories:share"
    assert target["method"] == "POST"
    assert set(target["params"]) == {"title", "text", "url"}
    assert [resolve(each["url"]).view_name for each in manifest["shortcuts"]] == [
        "memories:new",
        "memories:ask",
    ]
