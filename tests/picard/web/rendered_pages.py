"""Every page that a user of the demo reaches, at a fixed time and with fixed ids, so that its HTML never varies."""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.humanize.templatetags import humanize
from django.db import connection
from django.db.models import DateTimeField
from django.test import Client
from django.utils.text import slugify

from accounts.models import User
from memories.jobs import indexer
from memories.models import AuditEvent, ImportBatch, IndexState, Memory, Proposal, Tag
from oauth.models import AppGrant, Application
from picard.demo.seed import fill_database
from tests.database import owning_tables
from tests.factories import session
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.records.pages import list_urls
from tests.records.world import World, rolled_back

# Later than the clock of PostgreSQL, for which memories that expire must not have done so.
NOW = datetime(2044, 9, 14, 12, 30, tzinfo=UTC)
REAL = NOW - timedelta(days=3_000)  # later than the true time, earlier than everything in the demo
LIST, MISSING = "/memories/", "/nowhere/"
VIEWS_OF_LIST = ("?q=knee", "?q=zzz", "?visibility=public", "?tag={tag}", "?tag={proposal}", "?month=2044-03",
                 "?before={memory}", "?open={memory}", "?open={old}", "?trashed=2&at=1", "?q=knee&open={memory}",
                 "?visibility=private&before={old}")  # fmt: skip
OTHERS = ("/memories/ask/?whom=maya", "/memories/trash/?expired=1", "/connect/?client=cursor",
          "/accounts/login/?next=/memories/")  # fmt: skip
# Downloads, protocols and the pages of staff.
NOT_PAGES = re.compile(r"/(?:api|admin|oauth/(?!authorize)|mcp|metrics|\.well-known|memories/export/.)")
# What differs each time: what is in a pair of brackets is replaced.
VOLATILE = (
    re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"'),
    re.compile(r'(?s)<script id="js_data" type="application/json">(.*?)</script>'),
    re.compile(r'"challenge": ?"([^"]+)"'),
    re.compile(r"(?:data:image/svg\+xml;base64,)([\w+/=]+)"),
    re.compile(r'id="authenticator_secret"[^>]*value="(\w+)"'),
    re.compile(r'(?s)<ul class="pairs">(.*?)</ul>'),  # equally similar ones, in any order
    re.compile(r' cx="(\d+)"'),  # of the map, which may be mirrored
    re.compile(r' cy="(\d+)"'),
)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEADERS_LEFT_OUT = ("X-Request-ID", "Content-Length", "Expires")


class FixedTime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW.astimezone(tz) if tz else NOW.replace(tzinfo=None)


@contextmanager
def fixed_time() -> Iterator[None]:
    """Stop the clock of pages in the block, and number the ids."""
    numbers = itertools.count(1)

    def build_id(timestamp: int | None = None, nanos: int = 0) -> UUID:
        seconds = NOW.timestamp() if timestamp is None else timestamp + nanos / 1e9
        return UUID(int=(int(seconds * 1000) << 80) | (7 << 76) | (2 << 62) | next(numbers))

    with ExitStack() as stack:
        stack.enter_context(patch("django.utils.timezone.now", lambda: NOW))
        stack.enter_context(patch.object(humanize, "datetime", FixedTime))
        stack.enter_context(patch("accounts.ids.uuid7", build_id))
        yield


def create_demo() -> User:
    """Create the demo, with a row of every kind: pinned, not indexed, unreadable, and an import."""
    maya = fill_database()[0]
    actor = session(maya)
    stage(actor, file_of("[2025-01-01] - The zebra sleeps."))
    while indexer.process_batch(worker=0):
        pass
    own = Memory.objects.visible_to(actor, owner=maya).order_by("-pk")
    pending, failed, pinned, unreadable = own.values_list("pk", flat=True)[2:6]
    Memory.objects.filter(pk=pending).update(index_state=IndexState.PENDING)
    Memory.objects.filter(pk=failed).update(index_state=IndexState.FAILED, index_error="unreadable")
    Memory.objects.filter(pk=pinned).update(pinned=True)
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = 'damaged' where id = %s", [unreadable])
    for application in Application.objects.filter(user=maya):
        Application.objects.filter(pk=application.pk).update(client_id=slugify(application.name))
    _date_rows()
    return maya


def _date_rows() -> None:
    """Set what PostgreSQL dated by its own clock to the fixed time. Its record of events cannot be changed."""
    AuditEvent.objects.filter(happened_at__lt=REAL).delete()
    with owning_tables():
        for field in [field for model in apps.get_models() for field in model._meta.local_fields]:
            if isinstance(field, DateTimeField) and field.model is not AuditEvent:
                rows = field.model._base_manager.filter(**{f"{field.name}__lt": REAL})
                rows.update(**{field.name: NOW})


def list_pages(maya: User) -> list[str]:
    """Return the path of every page that can exist."""
    own = Memory.objects.visible_to(session(maya), owner=maya).order_by("-pk")
    memories = list(own.values_list("pk", flat=True)[:40])
    [proposal, *_] = Proposal.objects.order_by("pk").values_list("pk", flat=True)
    [tag, *_] = Tag.objects.order_by("pk").values_list("pk", flat=True)
    values: dict[str, list[Any]] = {
        "memory_id": [memories[0]], "other_id": [memories[1]], "tag_id": [tag], "proposal_id": [proposal],
        "grant_id": [AppGrant.objects.order_by("pk")[0].pk], "batch_id": [ImportBatch.objects.get().pk],
        "version": [1], "handle": [maya.handle],
    }  # fmt: skip
    urls = list_urls(World(maya, maya, maya, {}, {}, values), once=True)
    found = [path for path in urls if not NOT_PAGES.match(path)]
    ids = {"tag": tag, "proposal": proposal, "memory": memories[0], "old": memories[30]}
    found += [f"{LIST}{query.format(**ids)}" for query in VIEWS_OF_LIST]
    found += [f"{LIST}{pk}/" for pk in memories[2:6]]
    found += [f"/developer/{app.client_id}/" for app in Application.objects.filter(user=maya)]
    return list(dict.fromkeys([*found, *OTHERS]))


def log_in(maya: User) -> Client:
    """Return a client that logged in just now, so that pages that require a recent log-in open."""
    client = Client(raise_request_exception=False)
    client.force_login(maya)
    kept = client.session
    kept["account_authentication_methods"] = [{"method": "password", "at": time.time(), "email": maya.email}]
    kept.save()
    browser = {"ip": "127.0.0.1", "user_agent": "Firefox/140 Linux", "created_at": NOW, "last_seen_at": NOW}
    UserSession.objects.create(user=maya, session_key=kept.session_key, **browser)
    return client


def render_page(client: Client, path: str, headers: dict[str, str]) -> str:
    """Return the headers and HTML of a page without what differs each time and the space between its elements.

    Empty for what is no page.
    """
    cookies = client.cookies.output()
    with rolled_back():
        response: Any = client.get(path, headers=headers)
    client.cookies.load(cookies)
    is_html = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
    if not is_html or response.status_code != (404 if path == MISSING else 200):
        return ""
    names = sorted(name for name in response.headers if name not in HEADERS_LEFT_OUT)
    lines = [f"{name}: {'; '.join(sorted(response.headers[name].split('; ')))}" for name in names]
    numbers: dict[str, int] = {}
    html = _split_html(number_ids(response.content.decode(), numbers))
    return "\n".join([*(number_ids(line, numbers) for line in lines), *html]) + "\n"


def number_ids(text: str, numbers: dict[str, int]) -> str:
    """Replace ids by the order in which they appear: code that takes another id in between changes nothing."""
    return ID.sub(lambda found: f"id-{numbers.setdefault(found[0], len(numbers) + 1)}", text)


def _split_html(html: str) -> list[str]:
    """Return the elements, texts and tags of each on a line of its own."""
    for pattern in VOLATILE:
        html = pattern.sub(lambda found: found[0].replace(found[1], "..."), html)
    pieces = (" ".join(piece.split()) for piece in re.split(r"(<[^>]*>)", html))
    return [piece for piece in pieces if piece]
