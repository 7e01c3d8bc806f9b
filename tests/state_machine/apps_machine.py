"""The state machine of apps: two apps, one also by a device, and a personal access token act over REST.

They never see more than their grants allow.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.db import transaction
from django.test import Client
from django.urls import URLPattern
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts.models import User
from memories import scopes
from memories.api.urls import urlpatterns
from memories.models import Memory
from memories.services import tags
from oauth.models import AppGrant
from oauth.personal.service import regenerate_token
from tests.memories.api.callers import V1, Answer, Caller, session_of
from tests.oauth.device.devices import answer, make_device
from tests.oauth.flows import App, access_token, allow, make_app, personal_token
from tests.state_machine.questions import METHODS, find_leaked_words
from tests.state_machine.world import COMMON, ExpectedMemory, World

WORK = "work"
APPS = ("wide", "tagged", "bobs")
OWNER = {"wide": "ada", "tagged": "ada", "bobs": "bob"}
SCOPES = {
    "wide": (scopes.READ, scopes.WRITE, scopes.PUBLISH, scopes.ADMIN),
    "tagged": (scopes.READ, scopes.WRITE),
    "bobs": (scopes.READ, scopes.WRITE, scopes.PERSONA),
}
APP_NAMES = st.sampled_from(APPS)
INDEXES = st.integers(0, 9)
ABSENT = uuid4()
BOOLEANS = st.booleans()
REQUEST_ID = re.compile(rb"[0-9a-f]{32}")
# Every route of a single memory, including future ones.
ROUTES = sorted(
    str(route.pattern)
    for route in urlpatterns
    if isinstance(route, URLPattern) and "memory_id" in route.pattern.converters
)


@dataclass
class ConnectedApp:
    """An app and its current grant. grant_id: None if it is disconnected."""

    name: str
    app: App
    call: Caller
    grant_id: UUID | None
    is_limited: bool
    is_paused: bool = False

    @property
    def has_access(self) -> bool:
        return self.grant_id is not None and not self.is_paused


class AppsMachine(RuleBasedStateMachine):
    """The test sets `users`; each run is rolled back."""

    users: ClassVar[dict[str, User]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(("ada", "bob"))
        self._run = transaction.atomic()
        self._run.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._run.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.sessions = {who: session_of(user) for who, user in self.users.items()}
        [self.work] = tags.ensure_tags(self.users["ada"].pk, [WORK]).values()
        self.apps = {name: self._connect(name, make_app(name.title())) for name in APPS}
        self.saved_responses: dict[str, list[tuple[str, bytes, bytes]]] = {name: [] for name in APPS}
        for name in APPS:
            self.create(name, is_public=False, is_work=False)

    # --- Actions of apps ------------------------------------------------------------------------------

    @rule(name=APP_NAMES, is_public=BOOLEANS, is_work=BOOLEANS)
    def create(self, name: str, is_public: bool, is_work: bool) -> None:
        app, text, tag = self.apps[name], self.world.new_text(), self.world.canary()
        names = [tag, WORK] if is_work else [tag]
        body = {"text": text, "tags": names, "visibility": "public" if is_public else "private"}
        content, key = json.dumps(body).encode(), str(uuid4())
        answer = app.call("POST", "/memories/", content, Idempotency_Key=key)
        if not self._check_status(
            app, answer, 201, is_permitted=not is_public or scopes.PUBLISH in SCOPES[name]
        ):
            return
        repeated = app.call("POST", "/memories/", content, Idempotency_Key=key)
        assert (repeated.status, repeated.content) == (201, answer.content)
        self.saved_responses[name].append((key, content, answer.content))
        tagged = sorted({*names, WORK}) if app.is_limited else names
        self.world.memories.append(
            ExpectedMemory(OWNER[name], UUID(answer.json["id"]), [text], tagged, is_public and name == "wide")
        )

    @rule(name=APP_NAMES, other=APP_NAMES)
    def reuse_another_apps_idempotency_key(self, name: str, other: str) -> None:
        """An Idempotency-Key of another app is a new request here, and must not return the other's response."""
        if self.saved_responses[other] and name != other and self.apps[name].has_access:
            key, content, earlier_content = self.saved_responses[other][-1]
            answer = self.apps[name].call("POST", "/memories/", content, Idempotency_Key=key)
            assert answer.content != earlier_content
            if answer.status == 201:  # delete it: the model does not know it
                Memory.objects.filter(pk=answer.json["id"]).delete()

    @rule(name=APP_NAMES, which=INDEXES)
    def edit_by_etag(self, name: str, which: int) -> None:
        app, memory = self.apps[name], self.world.pick(OWNER[name], which)
        if memory is None:
            return
        read = app.call("GET", f"/memories/{memory.id}/")
        if not self._check_status(app, read, 200, is_visible=self._is_visible(app, memory)):
            return
        text, stale = self.world.new_text(), read.headers["ETag"]
        changed = app.call("PATCH", f"/memories/{memory.id}/", {"text": text}, If_Match=stale)
        if memory.is_public and scopes.PUBLISH not in SCOPES[name]:
            self.world.record_app_edit(memory, text, needs_approval=changed.status == 202)
            return
        assert changed.status == 200, changed.json
        memory.texts.append(text)
        again = app.call("PATCH", f"/memories/{memory.id}/", {"text": self.world.new_text()}, If_Match=stale)
        assert again.status == 412

    @rule(name=APP_NAMES, which=INDEXES, is_public=BOOLEANS)
    def publish_or_unpublish(self, name: str, which: int, is_public: bool) -> None:
        app, memory = self.apps[name], self.world.pick(OWNER[name], which)
        if memory is not None:
            visibility = "public" if is_public else "private"
            answer = app.call("PATCH", f"/memories/{memory.id}/", {"visibility": visibility})
            is_permitted = memory.is_public == is_public or not is_public or scopes.PUBLISH in SCOPES[name]
            if self._check_status(
                app, answer, 200, is_visible=self._is_visible(app, memory), is_permitted=is_permitted
            ):
                memory.is_public = is_public

    @rule(name=APP_NAMES, which=INDEXES, whose=st.sampled_from(("ada", "bob")))
    def send_bulk_operations(self, name: str, which: int, whose: str) -> None:
        """Create a memory, and move one to trash that may belong to another user."""
        app, text, memory = self.apps[name], self.world.new_text(), self.world.pick(whose, which)
        operations: list[dict[str, Any]] = [{"op": "create", "text": text}]
        if memory is not None:
            operations.append({"op": "trash", "id": str(memory.id)})
        answer = app.call("POST", "/memories/bulk/", {"operations": operations})
        if not self._check_status(
            app, answer, 200, is_permitted=memory is None or scopes.ADMIN in SCOPES[name]
        ):
            return
        created, *trashed = answer.json["results"]
        names = [WORK] if app.is_limited else []
        self.world.memories.append(ExpectedMemory(OWNER[name], UUID(created["memory"]["id"]), [text], names))
        if memory is not None:
            assert [row["status"] for row in trashed] == [204 if self._is_visible(app, memory) else 404]
            memory.is_trashed = memory.is_trashed or self._is_visible(app, memory)

    @rule(name=APP_NAMES, one=INDEXES, other=INDEXES, merge=BOOLEANS)
    def merge_similar(self, name: str, one: int, other: int, merge: bool) -> None:
        """A merged memory is public only if both were, which needs the publish scope."""
        app, pair = self.apps[name], [self.world.pick(OWNER[name], which) for which in (one, other)]
        older, newer = sorted(filter(None, pair), key=lambda memory: memory.id) if all(pair) else (None, None)
        if older is None or newer is None or older is newer:
            return
        answer = app.call("POST", f"/memories/{newer.id}/similar/{older.id}/unite/", {"merge": merge})
        are_public = older.is_public and newer.is_public
        is_visible = self._is_visible(app, older) and self._is_visible(app, newer)
        is_permitted = not are_public or scopes.PUBLISH in SCOPES[name]
        if self._check_status(app, answer, 200, is_visible=is_visible, is_permitted=is_permitted):
            older.texts.append(f"{older.text}\n\n{newer.text}" if merge else newer.text)
            older.tags, older.is_public = list({*older.tags, *newer.tags}), are_public
            newer.is_trashed = True

    @rule(name=APP_NAMES, which=INDEXES)
    def move_to_trash(self, name: str, which: int) -> None:
        app, memory = self.apps[name], self.world.pick(OWNER[name], which)
        if memory is not None:
            answer = app.call("DELETE", f"/memories/{memory.id}/")
            if self._check_status(app, answer, 204, is_visible=self._is_visible(app, memory)):
                memory.is_trashed = True

    @rule(name=APP_NAMES, which=INDEXES, permanently=BOOLEANS)
    def access_the_trash(self, name: str, which: int, permanently: bool) -> None:
        """The trash is for the user's own session; to apps it looks empty, whatever their scopes."""
        app, memory = self.apps[name], self.world.pick(OWNER[name], which, present=False)
        if memory is not None:
            path = f"/trash/{memory.id}/"
            answer = app.call("DELETE", path) if permanently else app.call("POST", f"{path}restore/")
            is_permitted = not permanently or scopes.ADMIN in SCOPES[name]
            assert not self._check_status(app, answer, 200, is_visible=False, is_permitted=is_permitted)

    # --- Actions of users -----------------------------------------------------------------------------

    @rule(who=st.sampled_from(("ada", "bob")), which=INDEXES, permanently=BOOLEANS)
    def restore_or_delete(self, who: str, which: int, permanently: bool) -> None:
        memory = self.world.pick(who, which, present=False)
        if memory is None:
            return
        path = f"/trash/{memory.id}/"
        if permanently:
            assert self.sessions[who]("DELETE", path).status == 204
            self.world.memories.remove(memory)
            self.world.deleted.append(memory)
        else:
            assert self.sessions[who]("POST", f"{path}restore/").status == 200
            memory.is_trashed = False

    @rule(which=INDEXES, is_work=BOOLEANS)
    def tag(self, which: int, is_work: bool) -> None:
        if memory := self.world.pick("ada", which):
            names = [name for name in memory.tags if name != WORK] + ([WORK] if is_work else [])
            answer = self.sessions["ada"]("PATCH", f"/memories/{memory.id}/", {"tags": names})
            assert answer.status == 200, answer.json
            memory.tags = names

    @rule(who=st.sampled_from(("ada", "bob")), is_on=BOOLEANS)
    def switch_persona(self, who: str, is_on: bool) -> None:
        assert self.sessions[who]("PATCH", "/profile/", {"persona_enabled": is_on}).status == 200
        self.world.has_persona[who] = is_on

    @rule(name=APP_NAMES, is_paused=BOOLEANS)
    def pause_or_resume(self, name: str, is_paused: bool) -> None:
        if self._change(name, paused=is_paused):
            self.apps[name].is_paused = is_paused

    @rule(is_limited=BOOLEANS)
    def limit_to_tags(self, is_limited: bool) -> None:
        if self._change("wide", only_tags=[str(self.work.pk)] if is_limited else None):
            self.apps["wide"].is_limited = is_limited

    @rule(name=APP_NAMES)
    def revoke_or_connect_again(self, name: str) -> None:
        connected = self.apps[name]
        if connected.grant_id is None:
            connect = self._connect_device if name == "bobs" else self._connect
            self.apps[name] = connect(name, connected.app)
        else:
            answer = self.sessions[OWNER[name]]("DELETE", f"/apps/{connected.grant_id}/")
            assert answer.status == 204
            connected.grant_id = None

    @rule()
    def regenerate_the_token(self) -> None:
        """The old token is as good as none; the new one sees the same. A paused token is resumed by it."""
        app = self.apps["tagged"]
        if app.grant_id is None:
            return
        grant = AppGrant.objects.select_related("user", "application").get(pk=app.grant_id)
        old, app.call = app.call, _call_with(regenerate_token(grant.user, grant, None).secret)
        app.is_paused = False
        assert old("GET", "/memories/").status == 401

    # --- Invariants -----------------------------------------------------------------------------------

    @invariant()
    def no_app_sees_hidden_words(self) -> None:
        for app in getattr(self, "apps", {}).values():
            content = self._collect_responses(app)
            assert find_leaked_words(self._get_hidden_canaries(app), content) == [], app.name
            if not app.has_access:
                assert COMMON not in content

    @invariant()
    def each_app_lists_its_visible_memories(self) -> None:
        for app in getattr(self, "apps", {}).values():
            if app.has_access:
                seen = [
                    memory
                    for memory in self.world.memories
                    if self._is_visible(app, memory) and memory.is_present
                ]
                assert sorted(self._list_texts(app)) == sorted(memory.text for memory in seen), app.name

    @rule(
        name=APP_NAMES,
        which=st.integers(0, 30),
        route=st.sampled_from(ROUTES),
        method=st.sampled_from(METHODS),
    )
    def forbidden_looks_absent(self, name: str, which: int, route: str, method: str) -> None:
        app = self.apps[name]
        hidden = [memory for memory in self.world.memories if not self._is_visible(app, memory)]
        if hidden:
            memory = hidden[which % len(hidden)]
            own = self.world.pick(OWNER[name], which)
            responses = [
                _request_memory(app, route, method, each, own.id if own else ABSENT)
                for each in (memory.id, uuid4())
            ]
            assert responses[0] == responses[1], (route, method)

    @rule(source=APP_NAMES, reader=APP_NAMES)
    def cursor_of_another_app_leaks_nothing(self, source: str, reader: str) -> None:
        page = self.apps[source].call("GET", "/memories/?limit=1")
        if self.apps[source].has_access and page.json["next"]:
            answer = self.apps[reader].call("GET", page.json["next"].partition(V1)[2])
            assert (
                find_leaked_words(self._get_hidden_canaries(self.apps[reader]), answer.content.decode()) == []
            )

    # --- Private --------------------------------------------------------------------------------------

    def _connect(self, name: str, app: App) -> ConnectedApp:
        """Connect an app; the tagged one is a personal access token."""
        owner = self.users[OWNER[name]]
        if name == "tagged":
            issued = personal_token(owner, *SCOPES[name], only_tags=frozenset([self.work.pk]))
            return ConnectedApp(name, app, _call_with(issued.secret), issued.grant.pk, is_limited=True)
        grant = allow(owner, app, *SCOPES[name])
        token = access_token(owner, app, *SCOPES[name])
        return ConnectedApp(name, app, _call_with(token), grant.pk, is_limited=False)

    def _connect_device(self, name: str, _former: App) -> ConnectedApp:
        """Connect another app instead, by the code of a device that asks for more than it gets."""
        device, owner = make_device(name.title()), self.users[OWNER[name]]
        device.start(scope=f"{scopes.PUBLISH} {' '.join(SCOPES[name])}")
        answer(owner, device.codes["user_code"], scopes=SCOPES[name])
        grant = AppGrant.objects.get(user=owner, application=device.application)
        return ConnectedApp(
            name, device, _call_with(device.poll().json()["access_token"]), grant.pk, is_limited=False
        )

    def _change(self, name: str, **changes: Any) -> bool:
        app = self.apps[name]
        if app.grant_id is None:
            return False
        answer = self.sessions[OWNER[name]]("PATCH", f"/apps/{app.grant_id}/", changes)
        assert answer.status == 200, answer.json
        return True

    def _check_status(
        self,
        app: ConnectedApp,
        answer: Answer,
        status: int,
        *,
        is_visible: bool = True,
        is_permitted: bool = True,
    ) -> bool:
        """Return whether the request succeeded; assert that a failure has the expected status."""
        if not app.has_access:
            assert answer.status == 401
        elif not is_visible:
            # A missing scope may be reported before the memory is looked up.
            assert answer.status == 404 if is_permitted else answer.status in (403, 404)
        elif not is_permitted:
            assert answer.status == 403
        else:
            assert answer.status == status, answer.json
            return True
        return False

    def _is_visible(self, app: ConnectedApp, memory: ExpectedMemory) -> bool:
        return OWNER[app.name] == memory.owner and (not app.is_limited or WORK in memory.tags)

    def _get_hidden_canaries(self, app: ConnectedApp) -> list[str]:
        """Return every canary that this app may not read now, including formerly public ones."""
        readable: set[str] = set()
        for memory in self.world.memories:
            if app.has_access and self._is_visible(app, memory):
                readable |= _canaries([*memory.texts, *memory.tags])
            elif app.has_access and self._is_shown_by_persona(app, memory):
                readable |= _canaries([memory.text])
        if app.has_access and not app.is_limited:
            # Tags of permanently deleted memories stay in the list until the retention job runs.
            gone = [memory for memory in self.world.deleted if memory.owner == OWNER[app.name]]
            readable |= _canaries([tag for memory in gone for tag in memory.tags])
        return sorted({*self.world.get_canaries("ada"), *self.world.get_canaries("bob")} - readable)

    def _is_shown_by_persona(self, app: ConnectedApp, memory: ExpectedMemory) -> bool:
        is_open = self.world.has_persona[memory.owner] and memory.is_public and memory.is_present
        return memory.owner != OWNER[app.name] and is_open and scopes.PERSONA in SCOPES[app.name]

    def _list_texts(self, app: ConnectedApp) -> list[str]:
        texts, path = [], "/memories/?limit=4"
        while path:
            answer = app.call("GET", path)
            assert answer.status == 200, answer.json
            texts += answer.texts
            path = (answer.json["next"] or "").partition(V1)[2]
        return texts

    def _collect_responses(self, app: ConnectedApp) -> str:
        question = {"question": f"What about the {COMMON}?"}
        answers = [
            app.call("GET", "/memories/?limit=100"),
            app.call("GET", "/trash/"),
            app.call("GET", "/tags/"),
            app.call("POST", "/memories/search/", {"query": COMMON}),
            *(app.call("POST", f"/personas/{who.handle}/ask/", question) for who in self.users.values()),
        ]
        assert all((answer.status == 401) is not app.has_access for answer in answers)
        return " ".join(answer.content.decode() for answer in answers)


def _call_with(token: str) -> Caller:
    return Caller(Client(), {"Authorization": f"Bearer {token}"})


def _canaries(texts: list[str]) -> set[str]:
    words = {word.strip(".") for text in texts for word in text.split()}
    return {word for word in words if word.startswith("canary")}


def _request_memory(
    app: ConnectedApp, route: str, method: str, memory_id: UUID, own: UUID
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body without what differs between requests. own: a second id for the path."""
    path = route.removeprefix("v1")
    for name, value in (("<uuid:memory_id>", memory_id), ("<uuid:other_id>", own), ("<int:version>", 1)):
        path = path.replace(name, str(value))
    body = {"text": "Mine now."} if method in ("PUT", "PATCH") else None
    response = app.call.client.generic(
        method,
        f"{V1}{path}",
        b"" if body is None else json.dumps(body).encode(),
        content_type="" if body is None else "application/json",
        headers=app.call.headers,
    )
    differs = {"X-Request-ID", "RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Remaining"}
    headers = {name: value for name, value in response.items() if name not in differs}
    content = REQUEST_ID.sub(b"request", response.content.replace(str(memory_id).encode(), b"id"))
    return response.status_code, headers, content
