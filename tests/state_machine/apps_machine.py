"""The machine of apps: three of them, of two people, do what they may over REST; none ever learns more than it may."""

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
from tests.memories.api.callers import V1, Answer, Caller, session_of
from tests.oauth.flows import App, access_token, allow, make_app
from tests.state_machine.questions import METHODS, leaked
from tests.state_machine.world import COMMON, Kept, World

WORK = "work"
APPS = ("wide", "tagged", "bobs")
OWNER = {"wide": "ada", "tagged": "ada", "bobs": "bob"}
HELD = {
    "wide": (scopes.READ, scopes.WRITE, scopes.PUBLISH, scopes.ADMIN),
    "tagged": (scopes.READ, scopes.WRITE),
    "bobs": (scopes.READ, scopes.WRITE, scopes.PERSONA),
}
WHICH_APP = st.sampled_from(APPS)
WHICH = st.integers(0, 9)
ABSENT = uuid4()
YES_OR_NO = st.booleans()
REQUEST_ID = re.compile(rb"[0-9a-f]{32}")
# Every route of one memory, also those that are yet to be written.
ROUTES = sorted(
    str(route.pattern)
    for route in urlpatterns
    if isinstance(route, URLPattern) and "memory_id" in route.pattern.converters
)


@dataclass
class Connected:
    """An app as its person lets it act now. grant_id: None once disconnected."""

    name: str
    app: App
    call: Caller
    grant_id: UUID | None
    is_narrowed: bool
    is_paused: bool = False

    @property
    def is_let_in(self) -> bool:
        return self.grant_id is not None and not self.is_paused


class AppsMachine(RuleBasedStateMachine):
    """`people` are there before it starts, and each run is rolled back."""

    people: ClassVar[dict[str, User]]

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
        self.sessions = {who: session_of(person) for who, person in self.people.items()}
        [self.work] = tags.ensure_tags(self.people["ada"].pk, [WORK]).values()
        self.apps = {name: self._connect(name, make_app(name.title())) for name in APPS}
        self.kept_answers: dict[str, list[tuple[str, bytes, bytes]]] = {name: [] for name in APPS}
        for name in APPS:
            self.create(name, is_public=False, is_work=False)

    # --- What apps do ---------------------------------------------------------------------------------

    @rule(name=WHICH_APP, is_public=YES_OR_NO, is_work=YES_OR_NO)
    def create(self, name: str, is_public: bool, is_work: bool) -> None:
        app, text, tag = self.apps[name], self.world.new_text(), self.world.canary()
        named = [tag, WORK] if is_work else [tag]
        body = {"text": text, "tags": named, "visibility": "public" if is_public else "private"}
        content, key = json.dumps(body).encode(), str(uuid4())
        answer = app.call("POST", "/memories/", content, Idempotency_Key=key)
        if not self._was_let(app, answer, 201, may=not is_public or scopes.PUBLISH in HELD[name]):
            return
        repeated = app.call("POST", "/memories/", content, Idempotency_Key=key)
        assert (repeated.status, repeated.content) == (201, answer.content)
        self.kept_answers[name].append((key, content, answer.content))
        tagged = sorted({*named, WORK}) if app.is_narrowed else named
        self.world.memories.append(
            Kept(OWNER[name], UUID(answer.json["id"]), [text], tagged, is_public and name == "wide")
        )

    @rule(name=WHICH_APP, other=WHICH_APP)
    def use_the_key_of_another_app(self, name: str, other: str) -> None:
        """What another was answered to its key is not answered again to this one: it is a new request here."""
        if self.kept_answers[other] and name != other and self.apps[name].is_let_in:
            key, content, answered = self.kept_answers[other][-1]
            answer = self.apps[name].call("POST", "/memories/", content, Idempotency_Key=key)
            assert answer.content != answered
            if answer.status == 201:  # its own from now on, and no news: forgotten at once
                Memory.objects.filter(pk=answer.json["id"]).delete()

    @rule(name=WHICH_APP, which=WHICH)
    def edit_by_etag(self, name: str, which: int) -> None:
        app, kept = self.apps[name], self.world.pick(OWNER[name], which)
        if kept is None:
            return
        read = app.call("GET", f"/memories/{kept.id}/")
        if not self._was_let(app, read, 200, sees=self._sees(app, kept)):
            return
        text, stale = self.world.new_text(), read.headers["ETag"]
        changed = app.call("PATCH", f"/memories/{kept.id}/", {"text": text}, If_Match=stale)
        if kept.is_public and scopes.PUBLISH not in HELD[name]:
            self.world.written_by_app(kept, text, waits=changed.status == 202)
            return
        assert changed.status == 200, changed.json
        kept.texts.append(text)
        again = app.call("PATCH", f"/memories/{kept.id}/", {"text": self.world.new_text()}, If_Match=stale)
        assert again.status == 412

    @rule(name=WHICH_APP, which=WHICH, is_public=YES_OR_NO)
    def publish_or_unpublish(self, name: str, which: int, is_public: bool) -> None:
        app, kept = self.apps[name], self.world.pick(OWNER[name], which)
        if kept is not None:
            visibility = "public" if is_public else "private"
            answer = app.call("PATCH", f"/memories/{kept.id}/", {"visibility": visibility})
            may = kept.is_public == is_public or not is_public or scopes.PUBLISH in HELD[name]
            if self._was_let(app, answer, 200, sees=self._sees(app, kept), may=may):
                kept.is_public = is_public

    @rule(name=WHICH_APP, which=WHICH, whose=st.sampled_from(("ada", "bob")))
    def change_many(self, name: str, which: int, whose: str) -> None:
        """One that is made and one that goes to the trash, which may be another person's."""
        app, text, kept = self.apps[name], self.world.new_text(), self.world.pick(whose, which)
        operations: list[dict[str, Any]] = [{"op": "create", "text": text}]
        if kept is not None:
            operations.append({"op": "trash", "id": str(kept.id)})
        answer = app.call("POST", "/memories/bulk/", {"operations": operations})
        if not self._was_let(app, answer, 200, may=kept is None or scopes.ADMIN in HELD[name]):
            return
        made, *trashed = answer.json["results"]
        named = [WORK] if app.is_narrowed else []
        self.world.memories.append(Kept(OWNER[name], UUID(made["memory"]["id"]), [text], named))
        if kept is not None:
            assert [row["status"] for row in trashed] == [204 if self._sees(app, kept) else 404]
            kept.is_trashed = kept.is_trashed or self._sees(app, kept)

    @rule(name=WHICH_APP, one=WHICH, other=WHICH, merge=YES_OR_NO)
    def unite(self, name: str, one: int, other: int, merge: bool) -> None:
        """What two are made of is private unless both were public, and to say it to everybody needs its own scope."""
        app, pair = self.apps[name], [self.world.pick(OWNER[name], which) for which in (one, other)]
        older, newer = sorted(filter(None, pair), key=lambda kept: kept.id) if all(pair) else (None, None)
        if older is None or newer is None or older is newer:
            return
        answer = app.call("POST", f"/memories/{newer.id}/similar/{older.id}/unite/", {"merge": merge})
        are_public = older.is_public and newer.is_public
        sees = self._sees(app, older) and self._sees(app, newer)
        may = not are_public or scopes.PUBLISH in HELD[name]
        if self._was_let(app, answer, 200, sees=sees, may=may):
            older.texts.append(f"{older.text}\n\n{newer.text}" if merge else newer.text)
            older.tags, older.is_public = list({*older.tags, *newer.tags}), are_public
            newer.is_trashed = True

    @rule(name=WHICH_APP, which=WHICH)
    def put_in_the_trash(self, name: str, which: int) -> None:
        app, kept = self.apps[name], self.world.pick(OWNER[name], which)
        if kept is not None:
            answer = app.call("DELETE", f"/memories/{kept.id}/")
            if self._was_let(app, answer, 204, sees=self._sees(app, kept)):
                kept.is_trashed = True

    @rule(name=WHICH_APP, which=WHICH, forever=YES_OR_NO)
    def reach_into_the_trash(self, name: str, which: int, forever: bool) -> None:
        """The trash is for the person's own session: to an app, whatever it holds, nothing is there."""
        app, kept = self.apps[name], self.world.pick(OWNER[name], which, present=False)
        if kept is not None:
            path = f"/trash/{kept.id}/"
            answer = app.call("DELETE", path) if forever else app.call("POST", f"{path}restore/")
            may = not forever or scopes.ADMIN in HELD[name]
            assert not self._was_let(app, answer, 200, sees=False, may=may)

    # --- What their people do -------------------------------------------------------------------------

    @rule(who=st.sampled_from(("ada", "bob")), which=WHICH, forever=YES_OR_NO)
    def restore_or_destroy(self, who: str, which: int, forever: bool) -> None:
        kept = self.world.pick(who, which, present=False)
        if kept is None:
            return
        path = f"/trash/{kept.id}/"
        if forever:
            assert self.sessions[who]("DELETE", path).status == 204
            self.world.memories.remove(kept)
            self.world.deleted.append(kept)
        else:
            assert self.sessions[who]("POST", f"{path}restore/").status == 200
            kept.is_trashed = False

    @rule(which=WHICH, is_work=YES_OR_NO)
    def tag(self, which: int, is_work: bool) -> None:
        if kept := self.world.pick("ada", which):
            named = [name for name in kept.tags if name != WORK] + ([WORK] if is_work else [])
            answer = self.sessions["ada"]("PATCH", f"/memories/{kept.id}/", {"tags": named})
            assert answer.status == 200, answer.json
            kept.tags = named

    @rule(who=st.sampled_from(("ada", "bob")), is_on=YES_OR_NO)
    def switch_the_persona(self, who: str, is_on: bool) -> None:
        assert self.sessions[who]("PATCH", "/profile/", {"persona_enabled": is_on}).status == 200
        self.world.has_persona[who] = is_on

    @rule(name=WHICH_APP, is_paused=YES_OR_NO)
    def pause_or_resume(self, name: str, is_paused: bool) -> None:
        if self._change(name, paused=is_paused):
            self.apps[name].is_paused = is_paused

    @rule(is_narrowed=YES_OR_NO)
    def narrow(self, is_narrowed: bool) -> None:
        if self._change("wide", only_tags=[str(self.work.pk)] if is_narrowed else None):
            self.apps["wide"].is_narrowed = is_narrowed

    @rule(name=WHICH_APP)
    def revoke_or_connect_again(self, name: str) -> None:
        connected = self.apps[name]
        if connected.grant_id is None:
            self.apps[name] = self._connect(name, connected.app)
        else:
            answer = self.sessions[OWNER[name]]("DELETE", f"/apps/{connected.grant_id}/")
            assert answer.status == 204
            connected.grant_id = None

    # --- What must hold -------------------------------------------------------------------------------

    @invariant()
    def no_app_learns_more_than_it_may(self) -> None:
        for app in getattr(self, "apps", {}).values():
            said = self._all_said_to(app)
            assert leaked(self._kept_from(app), said) == [], app.name
            if not app.is_let_in:
                assert COMMON not in said

    @invariant()
    def each_app_lists_what_it_may_see(self) -> None:
        for app in getattr(self, "apps", {}).values():
            if app.is_let_in:
                seen = [kept for kept in self.world.memories if self._sees(app, kept) and kept.is_present]
                assert sorted(self._listed(app)) == sorted(kept.text for kept in seen), app.name

    @rule(
        name=WHICH_APP,
        which=st.integers(0, 30),
        route=st.sampled_from(ROUTES),
        method=st.sampled_from(METHODS),
    )
    def forbidden_is_absent(self, name: str, which: int, route: str, method: str) -> None:
        app = self.apps[name]
        hidden = [kept for kept in self.world.memories if not self._sees(app, kept)]
        if hidden:
            kept = hidden[which % len(hidden)]
            own = self.world.pick(OWNER[name], which)
            told = [
                _knock(app, route, method, each, own.id if own else ABSENT) for each in (kept.id, uuid4())
            ]
            assert told[0] == told[1], (route, method)

    @rule(of=WHICH_APP, by=WHICH_APP)
    def a_cursor_leads_nobody_to_what_is_not_theirs(self, of: str, by: str) -> None:
        page = self.apps[of].call("GET", "/memories/?limit=1")
        if self.apps[of].is_let_in and page.json["next"]:
            answer = self.apps[by].call("GET", page.json["next"].partition(V1)[2])
            assert leaked(self._kept_from(self.apps[by]), answer.content.decode()) == []

    # --- Private --------------------------------------------------------------------------------------

    def _connect(self, name: str, app: App) -> Connected:
        owner, is_narrowed = self.people[OWNER[name]], name == "tagged"
        grant = allow(owner, app, *HELD[name], only_tags=frozenset([self.work.pk]) if is_narrowed else None)
        token = access_token(owner, app, *HELD[name])
        call = Caller(Client(), {"Authorization": f"Bearer {token}"})
        return Connected(name, app, call, grant.pk, is_narrowed)

    def _change(self, name: str, **changes: Any) -> bool:
        app = self.apps[name]
        if app.grant_id is None:
            return False
        answer = self.sessions[OWNER[name]]("PATCH", f"/apps/{app.grant_id}/", changes)
        assert answer.status == 200, answer.json
        return True

    def _was_let(
        self, app: Connected, answer: Answer, status: int, *, sees: bool = True, may: bool = True
    ) -> bool:
        """Whether it was done; that it was not has exactly one reason."""
        if not app.is_let_in:
            assert answer.status == 401
        elif not sees:
            # An app that may not publish at all may be told that before anything is looked up.
            assert answer.status == 404 if may else answer.status in (403, 404)
        elif not may:
            assert answer.status == 403
        else:
            assert answer.status == status, answer.json
            return True
        return False

    def _sees(self, app: Connected, kept: Kept) -> bool:
        return OWNER[app.name] == kept.owner and (not app.is_narrowed or WORK in kept.tags)

    def _kept_from(self, app: Connected) -> list[str]:
        """Every canary that this app may not read now; what was public once and is not any more among them."""
        may: set[str] = set()
        for kept in self.world.memories:
            if app.is_let_in and self._sees(app, kept):
                may |= _canaries([*kept.texts, *kept.tags])
            elif app.is_let_in and self._is_shown(app, kept):
                may |= _canaries([kept.text])
        if app.is_let_in and not app.is_narrowed:
            # An own memory that is gone for ever leaves its tags in the list until the house is kept.
            gone = [kept for kept in self.world.deleted if kept.owner == OWNER[app.name]]
            may |= _canaries([tag for kept in gone for tag in kept.tags])
        return sorted({*self.world.words_of("ada"), *self.world.words_of("bob")} - may)

    def _is_shown(self, app: Connected, kept: Kept) -> bool:
        is_open = self.world.has_persona[kept.owner] and kept.is_public and kept.is_present
        return kept.owner != OWNER[app.name] and is_open and scopes.PERSONA in HELD[app.name]

    def _listed(self, app: Connected) -> list[str]:
        texts, path = [], "/memories/?limit=4"
        while path:
            answer = app.call("GET", path)
            assert answer.status == 200, answer.json
            texts += answer.texts
            path = (answer.json["next"] or "").partition(V1)[2]
        return texts

    def _all_said_to(self, app: Connected) -> str:
        question = {"question": f"What about the {COMMON}?"}
        answers = [
            app.call("GET", "/memories/?limit=100"),
            app.call("GET", "/trash/"),
            app.call("GET", "/tags/"),
            app.call("POST", "/memories/search/", {"query": COMMON}),
            *(app.call("POST", f"/personas/{who.handle}/ask/", question) for who in self.people.values()),
        ]
        assert all((answer.status == 401) is not app.is_let_in for answer in answers)
        return " ".join(answer.content.decode() for answer in answers)


def _canaries(texts: list[str]) -> set[str]:
    words = {word.strip(".") for text in texts for word in text.split()}
    return {word for word in words if word.startswith("canary")}


def _knock(
    app: Connected, route: str, method: str, memory_id: UUID, own: UUID
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, without what differs between any two requests. own: beside which it is asked for."""
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
