"""The machine: whatever two people may do, by services, pages or apps, and what must hold after each step."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accounts.models import User
from memories import scopes
from memories.errors import MemoryNotFound
from memories.jobs import indexer
from memories.models import Memory, MemoryVector
from memories.services import reads, writes
from tests.chaos.report import IS_LONG
from tests.factories import session
from tests.memories.mcp.callers import app_of
from tests.state_machine import questions
from tests.state_machine.questions import METHODS, ROUTES, Knock
from tests.state_machine.world import Kept, World

NAMES = ("ada", "bob")
OTHER = {"ada": "bob", "bob": "ada"}
WHO = st.sampled_from(NAMES)
WHICH = st.integers(0, 9)
APP_SCOPES = (scopes.READ, scopes.WRITE, scopes.PERSONA)
YES_OR_NO = st.booleans()


class Machine(RuleBasedStateMachine):
    """`people` and `clients` are there before it starts, and each run is rolled back."""

    people: ClassVar[dict[str, User]]
    clients: ClassVar[dict[str, Client]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NAMES)
        self.last = "ada"
        self._run = transaction.atomic()
        self._run.__enter__()
        self.apps = {name: app_of(person, *APP_SCOPES) for name, person in self.people.items()}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._run.__exit__(None, None, None)

    # --- What people do -------------------------------------------------------------------------------

    @initialize(by_page=YES_OR_NO)
    def begin(self, by_page: bool) -> None:
        for who in NAMES:
            self.create(who, is_public=False, by_page=by_page, has_tag=True)

    @rule(who=WHO, is_public=YES_OR_NO, by_page=YES_OR_NO, has_tag=YES_OR_NO)
    def create(self, who: str, is_public: bool, by_page: bool, has_tag: bool) -> None:
        text, tags = self.world.new_text(), [self.world.canary()] if has_tag else []
        visibility = "public" if is_public else "private"
        if by_page:
            self._post(who, "/memories/new/", text=text, tags=", ".join(tags), visibility=visibility)
            memory_id = Memory.objects.filter(owner=self.people[who]).latest("id").pk
        else:
            memory_id = writes.create_memory(
                session(self.people[who]), text=text, tags=tags, visibility=visibility
            ).pk
        self.world.memories.append(Kept(who, memory_id, [text], tags, is_public))
        self.last = who

    @rule(who=WHO, which=WHICH, by_page=YES_OR_NO)
    def edit(self, who: str, which: int, by_page: bool) -> None:
        if kept := self._pick(who, which):
            text = self.world.new_text()
            if by_page:
                self._edit_by_page(kept, text)
            else:
                writes.update_memory(session(self.people[who]), kept.id, text=text)
            kept.texts.append(text)

    @rule(who=WHO, words=st.sampled_from(questions.HOSTILE), has_tag=YES_OR_NO)
    def create_by_app(self, who: str, words: str, has_tag: bool) -> None:
        """Whatever the text says, it is private."""
        text, tags = f"{self.world.new_text()} {words}".strip(), [self.world.canary()] if has_tag else []
        said = self.apps[who].call("add_memory", text=text, tags=tags).said
        self.world.memories.append(Kept(who, UUID(said["id"]), [text], tags))
        self.last = who

    @rule(who=WHO, which=WHICH, words=st.sampled_from(questions.HOSTILE))
    def edit_by_app(self, who: str, which: int, words: str) -> None:
        if kept := self._pick(who, which):
            text = f"{self.world.new_text()} {words}".strip()
            said = self.apps[who].call("update_memory", id=str(kept.id), text=text).said
            self.world.written_by_app(kept, text, waits="waits" in said)

    @rule(who=WHO, which=WHICH)
    def forget_by_app(self, who: str, which: int) -> None:
        if kept := self._pick(who, which):
            assert self.apps[who].call("forget_memory", id=str(kept.id)).said["forgotten"]
            kept.is_trashed = True

    @rule(who=WHO, which=WHICH)
    def tag(self, who: str, which: int) -> None:
        if kept := self._pick(who, which):
            kept.tags.append(self.world.canary())
            writes.update_memory(session(self.people[who]), kept.id, tags=kept.tags[-2:])

    @rule(who=WHO, which=WHICH, is_public=YES_OR_NO, by_page=YES_OR_NO)
    def publish_or_unpublish(self, who: str, which: int, is_public: bool, by_page: bool) -> None:
        if kept := self._pick(who, which):
            visibility = "public" if is_public else "private"
            if by_page:
                self._post(who, f"/memories/{kept.id}/visibility/", visibility=visibility)
            else:
                writes.set_visibility(session(self.people[who]), kept.id, visibility)
            kept.is_public = is_public

    @rule(who=WHO, which=WHICH, by_page=YES_OR_NO)
    def restore_the_first_text(self, who: str, which: int, by_page: bool) -> None:
        kept = self._pick(who, which)
        if kept and len(kept.texts) > 1 and kept.texts[0] != kept.text:
            earliest = reads.get_history(session(self.people[who]), kept.id).revisions[-1]
            if by_page:
                self._post(who, f"/memories/{kept.id}/history/{earliest.version}/restore/")
            else:
                writes.restore_version(session(self.people[who]), kept.id, earliest.version)
            kept.texts.append(kept.texts[0])

    @rule(who=WHO, which=WHICH)
    def let_it_expire_tomorrow(self, who: str, which: int) -> None:
        if kept := self._pick(who, which):
            tomorrow = timezone.now() + timedelta(days=1)
            writes.update_memory(session(self.people[who]), kept.id, expires_at=tomorrow)
            kept.will_expire = True

    @rule(who=WHO, which=WHICH)
    def tomorrow_comes(self, who: str, which: int) -> None:
        if kept := self._pick(who, which):
            past = {"expires_at": Now() - timedelta(seconds=1)}
            Memory.objects.filter(pk=kept.id).update(**past)
            MemoryVector.objects.filter(memory_id=kept.id).update(**past)
            kept.is_expired = True

    @rule(who=WHO, which=WHICH, by_page=YES_OR_NO)
    def trash(self, who: str, which: int, by_page: bool) -> None:
        if kept := self._pick(who, which):
            if by_page:
                self._post(who, f"/memories/{kept.id}/delete/")
            else:
                writes.trash_memory(session(self.people[who]), kept.id)
            kept.is_trashed = True

    @rule(who=WHO, which=WHICH, by_page=YES_OR_NO)
    def restore(self, who: str, which: int, by_page: bool) -> None:
        if kept := self._pick(who, which, present=False):
            if by_page:
                self._post(who, f"/memories/{kept.id}/restore/")
            else:
                writes.restore_memory(session(self.people[who]), kept.id)
            kept.will_expire = kept.will_expire and not kept.is_expired
            kept.is_trashed = kept.is_expired = False

    @rule(who=WHO, which=WHICH, by_page=YES_OR_NO)
    def destroy(self, who: str, which: int, by_page: bool) -> None:
        if kept := self._pick(who, which, present=False):
            if by_page:
                self._post(who, f"/memories/{kept.id}/destroy/")
            else:
                writes.delete_memory(session(self.people[who]), kept.id)
            self.world.memories.remove(kept)
            self.world.deleted.append(kept)

    @rule(who=WHO, is_on=YES_OR_NO)
    def switch_the_persona(self, who: str, is_on: bool) -> None:
        switch = {"persona_enabled": "on"} if is_on else {}
        self._post(who, "/accounts/profile/", handle=f"{who}-of-old", time_zone="UTC", **switch)
        self.world.has_persona[who] = is_on
        self.last = who

    @rule()
    def index(self) -> None:
        while indexer.process_batch(worker=0):
            pass

    # --- What must hold -------------------------------------------------------------------------------

    @invariant()
    def the_other_learns_nothing(self) -> None:
        viewer = OTHER[self.last]
        words = self.world.words_of(self.last)
        assert questions.leaked(words, questions.all_said_by_services(self.people[viewer])) == []
        shown = questions.all_shown_on_pages(self.clients[viewer], whole=IS_LONG)
        assert questions.leaked(words, shown) == []
        told = questions.all_told_to_app(self.apps[viewer], self.people[viewer], self.people[self.last])
        assert questions.leaked(words - self.world.public_words_of(self.last), told) == []

    @invariant()
    def the_app_has_what_its_person_has(self) -> None:
        listed = self.apps[self.last].call("list_recent", limit=questions.LIMIT).texts
        assert set(listed) == self.world.of(self.last, present=True)

    @invariant()
    def the_other_finds_what_is_public_while_the_persona_is_on(self) -> None:
        viewer, owner = self.people[OTHER[self.last]], self.people[self.last]
        assert questions.found_of(viewer, owner) == self.world.shown_to_others(self.last)

    @invariant()
    def the_owner_has_what_was_kept(self) -> None:
        owner = self.people[self.last]
        assert questions.own_present(owner) == self.world.of(self.last, present=True)
        assert questions.own_trash(owner) == self.world.of(self.last, present=False)

    @precondition(lambda self: self.world.memories)
    @rule(
        which=st.integers(0, 30),
        route=st.sampled_from(ROUTES),
        method=st.sampled_from(METHODS),
        by_htmx=YES_OR_NO,
    )
    def forbidden_is_absent(self, which: int, route: str, method: str, by_htmx: bool) -> None:
        kept = self.world.memories[which % len(self.world.memories)]
        self._knock(kept, Knock(route, method, by_htmx))

    @precondition(lambda self: self.world.memories)
    @rule(which=st.integers(0, 30))
    def forbidden_is_absent_for_services(self, which: int) -> None:
        kept = self.world.memories[which % len(self.world.memories)]
        stranger = session(self.people[OTHER[kept.owner]])
        for act in (reads.get_memory, reads.get_history, writes.trash_memory, writes.restore_memory,
                    writes.delete_memory, writes.retry_indexing):  # fmt: skip
            with pytest.raises(MemoryNotFound):
                act(stranger, kept.id)

    @precondition(lambda self: self.world.memories)
    @rule(which=st.integers(0, 30), act=st.sampled_from(questions.ACTS_BY_APP))
    def forbidden_is_absent_for_apps(self, which: int, act: questions.ActByApp) -> None:
        kept = self.world.memories[which % len(self.world.memories)]
        stranger = self.apps[OTHER[kept.owner]]
        assert act.at(stranger, kept.id) == act.at(stranger, uuid4()), act
        self.last = kept.owner

    @rule(who=WHO)
    def whole_pages_give_nothing_away(self, who: str) -> None:
        shown = questions.all_shown_on_pages(self.clients[OTHER[who]], whole=True)
        assert questions.leaked(self.world.words_of(who), shown) == []

    # --- Private --------------------------------------------------------------------------------------

    def _pick(self, who: str, which: int, *, present: bool = True) -> Kept | None:
        self.last = who
        return self.world.pick(who, which, present=present)

    def _knock(self, kept: Kept, knock: Knock) -> None:
        stranger = self.clients[OTHER[kept.owner]]
        stranger.cookies.pop("messages", None)  # what an earlier page has yet to say would be said once
        assert knock.at(stranger, kept.id) == knock.at(stranger, uuid4()), knock
        self.last = kept.owner

    def _edit_by_page(self, kept: Kept, text: str) -> None:
        self._post(
            kept.owner,
            f"/memories/{kept.id}/edit/",
            text=text,
            tags=", ".join(kept.tags[-2:]),
            visibility="public" if kept.is_public else "private",
            expires="keep" if kept.will_expire else "never",
            version=str(_version(kept.id)),
        )

    def _post(self, who: str, path: str, **form: Any) -> None:
        answer = self.clients[who].post(path, form)
        assert answer.status_code == 302, (path, answer.status_code)


def _version(memory_id: UUID) -> int:
    return int(Memory.objects.values_list("version", flat=True).get(pk=memory_id))
