"""The state machine of users: actions by services, pages and apps, and the invariants after each step."""

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
from tests.state_machine.questions import METHODS, ROUTES, PageRequest
from tests.state_machine.world import ExpectedMemory, World

NAMES = ("ada", "bob")
OTHER = {"ada": "bob", "bob": "ada"}
WHO = st.sampled_from(NAMES)
WHICH = st.integers(0, 9)
APP_SCOPES = (scopes.READ, scopes.WRITE, scopes.PERSONA)
BOOLEANS = st.booleans()


class UserMachine(RuleBasedStateMachine):
    """The test sets `users` and `clients`; each run is rolled back."""

    users: ClassVar[dict[str, User]]
    clients: ClassVar[dict[str, Client]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NAMES)
        self.last_actor = "ada"
        self._run = transaction.atomic()
        self._run.__enter__()
        self.apps = {name: app_of(user, *APP_SCOPES) for name, user in self.users.items()}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._run.__exit__(None, None, None)

    # --- Actions -------------------------------------------------------------------------------------

    @initialize(by_page=BOOLEANS)
    def begin(self, by_page: bool) -> None:
        for who in NAMES:
            self.create(who, is_public=False, by_page=by_page, has_tag=True)

    @rule(who=WHO, is_public=BOOLEANS, by_page=BOOLEANS, has_tag=BOOLEANS)
    def create(self, who: str, is_public: bool, by_page: bool, has_tag: bool) -> None:
        text, tags = self.world.new_text(), [self.world.canary()] if has_tag else []
        visibility = "public" if is_public else "private"
        if by_page:
            self._post(who, "/memories/new/", text=text, tags=", ".join(tags), visibility=visibility)
            memory_id = Memory.objects.filter(owner=self.users[who]).latest("id").pk
        else:
            memory_id = writes.create_memory(
                session(self.users[who]), text=text, tags=tags, visibility=visibility
            ).pk
        self.world.memories.append(ExpectedMemory(who, memory_id, [text], tags, is_public))
        self.last_actor = who

    @rule(who=WHO, which=WHICH, by_page=BOOLEANS)
    def edit(self, who: str, which: int, by_page: bool) -> None:
        if memory := self._pick(who, which):
            text = self.world.new_text()
            if by_page:
                self._edit_by_page(memory, text)
            else:
                writes.update_memory(session(self.users[who]), memory.id, text=text)
            memory.texts.append(text)

    @rule(who=WHO, words=st.sampled_from(questions.HOSTILE), has_tag=BOOLEANS)
    def create_by_app(self, who: str, words: str, has_tag: bool) -> None:
        """Create a memory, which is private whatever its text says."""
        text, tags = f"{self.world.new_text()} {words}".strip(), [self.world.canary()] if has_tag else []
        result = self.apps[who].call("add_memory", text=text, tags=tags).said
        self.world.memories.append(ExpectedMemory(who, UUID(result["id"]), [text], tags))
        self.last_actor = who

    @rule(who=WHO, which=WHICH, words=st.sampled_from(questions.HOSTILE))
    def edit_by_app(self, who: str, which: int, words: str) -> None:
        if memory := self._pick(who, which):
            text = f"{self.world.new_text()} {words}".strip()
            result = self.apps[who].call("update_memory", id=str(memory.id), text=text).said
            self.world.record_app_edit(memory, text, needs_approval="waits" in result)

    @rule(who=WHO, which=WHICH, is_pinned=BOOLEANS, by_page=BOOLEANS)
    def pin_or_unpin(self, who: str, which: int, is_pinned: bool, by_page: bool) -> None:
        if memory := self._pick(who, which):
            if by_page:
                self._post(who, f"/memories/{memory.id}/pin/", pinned=str(is_pinned).lower())
            else:
                writes.update_memory(session(self.users[who]), memory.id, pinned=is_pinned)
            memory.is_pinned = is_pinned

    @rule(who=WHO, which=WHICH)
    def pin_by_app(self, who: str, which: int) -> None:
        """Without approval, it changes nothing."""
        if memory := self._pick(who, which):
            result = self.apps[who].call("update_memory", id=str(memory.id), pinned=True).said
            assert ("waits" in result) is not memory.is_pinned

    @rule(who=WHO, which=WHICH)
    def trash_by_app(self, who: str, which: int) -> None:
        if memory := self._pick(who, which):
            assert self.apps[who].call("forget_memory", id=str(memory.id)).said["forgotten"]
            memory.is_trashed = True

    @rule(who=WHO, which=WHICH)
    def tag(self, who: str, which: int) -> None:
        if memory := self._pick(who, which):
            memory.tags.append(self.world.canary())
            writes.update_memory(session(self.users[who]), memory.id, tags=memory.tags[-2:])

    @rule(who=WHO, which=WHICH, is_public=BOOLEANS, by_page=BOOLEANS)
    def publish_or_unpublish(self, who: str, which: int, is_public: bool, by_page: bool) -> None:
        if memory := self._pick(who, which):
            visibility = "public" if is_public else "private"
            if by_page:
                self._post(who, f"/memories/{memory.id}/visibility/", visibility=visibility)
            else:
                writes.set_visibility(session(self.users[who]), memory.id, visibility)
            memory.is_public = is_public

    @rule(who=WHO, which=WHICH, by_page=BOOLEANS)
    def restore_first_version(self, who: str, which: int, by_page: bool) -> None:
        memory = self._pick(who, which)
        if memory and len(memory.texts) > 1 and memory.texts[0] != memory.text:
            earliest = reads.get_history(session(self.users[who]), memory.id).revisions[-1]
            if by_page:
                self._post(who, f"/memories/{memory.id}/history/{earliest.version}/restore/")
            else:
                writes.restore_version(session(self.users[who]), memory.id, earliest.version)
            memory.texts.append(memory.texts[0])

    @rule(who=WHO, which=WHICH)
    def set_expiry(self, who: str, which: int) -> None:
        if memory := self._pick(who, which):
            tomorrow = timezone.now() + timedelta(days=1)
            writes.update_memory(session(self.users[who]), memory.id, expires_at=tomorrow)
            memory.will_expire = True

    @rule(who=WHO, which=WHICH)
    def expire(self, who: str, which: int) -> None:
        if memory := self._pick(who, which):
            past = {"expires_at": Now() - timedelta(seconds=1)}
            Memory.objects.filter(pk=memory.id).update(**past)
            MemoryVector.objects.filter(memory_id=memory.id).update(**past)
            memory.is_expired = True

    @rule(who=WHO, which=WHICH, by_page=BOOLEANS)
    def trash(self, who: str, which: int, by_page: bool) -> None:
        if memory := self._pick(who, which):
            if by_page:
                self._post(who, f"/memories/{memory.id}/delete/")
            else:
                writes.trash_memory(session(self.users[who]), memory.id)
            memory.is_trashed = True

    @rule(who=WHO, which=WHICH, by_page=BOOLEANS)
    def restore(self, who: str, which: int, by_page: bool) -> None:
        if memory := self._pick(who, which, present=False):
            if by_page:
                self._post(who, f"/memories/{memory.id}/restore/")
            else:
                writes.restore_memory(session(self.users[who]), memory.id)
            memory.will_expire = memory.will_expire and not memory.is_expired
            memory.is_trashed = memory.is_expired = False

    @rule(who=WHO, which=WHICH, by_page=BOOLEANS)
    def delete_permanently(self, who: str, which: int, by_page: bool) -> None:
        if memory := self._pick(who, which, present=False):
            if by_page:
                self._post(who, f"/memories/{memory.id}/destroy/")
            else:
                writes.delete_memory(session(self.users[who]), memory.id)
            self.world.memories.remove(memory)
            self.world.deleted.append(memory)

    @rule(who=WHO, is_on=BOOLEANS)
    def switch_persona(self, who: str, is_on: bool) -> None:
        switch = {"persona_enabled": "on"} if is_on else {}
        self._post(who, "/accounts/profile/", handle=f"{who}-of-old", time_zone="UTC", **switch)
        self.world.has_persona[who] = is_on
        self.last_actor = who

    @rule()
    def index(self) -> None:
        while indexer.process_batch(worker=0):
            pass

    # --- Invariants -----------------------------------------------------------------------------------

    @invariant()
    def other_user_learns_nothing(self) -> None:
        viewer = OTHER[self.last_actor]
        words = self.world.get_canaries(self.last_actor)
        assert questions.find_leaked_words(words, questions.collect_service_results(self.users[viewer])) == []
        pages = questions.collect_pages(self.clients[viewer], whole=IS_LONG)
        assert questions.find_leaked_words(words, pages) == []
        results = questions.collect_app_results(
            self.apps[viewer], self.users[viewer], self.users[self.last_actor]
        )
        assert (
            questions.find_leaked_words(words - self.world.get_public_canaries(self.last_actor), results)
            == []
        )

    @invariant()
    def app_lists_the_memories_of_its_user(self) -> None:
        listed = self.apps[self.last_actor].call("list_recent", limit=questions.LIMIT).texts
        assert set(listed) == self.world.get_texts(self.last_actor, present=True)

    @invariant()
    def context_has_pinned_memories_first_and_only_present_ones(self) -> None:
        context = questions.read_context(self.apps[self.last_actor])
        pinned = self.world.get_pinned_texts(self.last_actor)
        assert [text in pinned for text, _below in context] == [below for _text, below in context]
        assert [below for _text, below in context] == sorted(
            (below for _text, below in context), reverse=True
        )
        assert {text for text, _below in context} <= self.world.get_texts(self.last_actor, present=True)
        assert bool(context) == bool(self.world.get_texts(self.last_actor, present=True))

    @invariant()
    def other_user_finds_public_memories_while_the_persona_is_on(self) -> None:
        viewer, owner = self.users[OTHER[self.last_actor]], self.users[self.last_actor]
        assert questions.find_texts_of(viewer, owner) == self.world.get_texts_shown_to_others(self.last_actor)

    @invariant()
    def owner_lists_their_memories(self) -> None:
        owner = self.users[self.last_actor]
        assert questions.list_own_texts(owner) == self.world.get_texts(self.last_actor, present=True)
        assert questions.list_own_trash(owner) == self.world.get_texts(self.last_actor, present=False)

    @precondition(lambda self: self.world.memories)
    @rule(
        which=st.integers(0, 30),
        route=st.sampled_from(ROUTES),
        method=st.sampled_from(METHODS),
        by_htmx=BOOLEANS,
    )
    def forbidden_looks_absent(self, which: int, route: str, method: str, by_htmx: bool) -> None:
        memory = self.world.memories[which % len(self.world.memories)]
        self._compare_with_absent(memory, PageRequest(route, method, by_htmx))

    @precondition(lambda self: self.world.memories)
    @rule(which=st.integers(0, 30))
    def forbidden_looks_absent_to_services(self, which: int) -> None:
        memory = self.world.memories[which % len(self.world.memories)]
        other_user = session(self.users[OTHER[memory.owner]])
        for action in (reads.get_memory, reads.get_history, writes.trash_memory, writes.restore_memory,
                    writes.delete_memory, writes.retry_indexing):  # fmt: skip
            with pytest.raises(MemoryNotFound):
                action(other_user, memory.id)

    @precondition(lambda self: self.world.memories)
    @rule(which=st.integers(0, 30), action=st.sampled_from(questions.APP_ACTIONS))
    def forbidden_looks_absent_to_apps(self, which: int, action: questions.AppAction) -> None:
        memory = self.world.memories[which % len(self.world.memories)]
        other_user = self.apps[OTHER[memory.owner]]
        assert action.send(other_user, memory.id) == action.send(other_user, uuid4()), action
        self.last_actor = memory.owner

    @rule(who=WHO)
    def whole_pages_leak_nothing(self, who: str) -> None:
        pages = questions.collect_pages(self.clients[OTHER[who]], whole=True)
        assert questions.find_leaked_words(self.world.get_canaries(who), pages) == []

    # --- Private --------------------------------------------------------------------------------------

    def _pick(self, who: str, which: int, *, present: bool = True) -> ExpectedMemory | None:
        self.last_actor = who
        return self.world.pick(who, which, present=present)

    def _compare_with_absent(self, memory: ExpectedMemory, request: PageRequest) -> None:
        other_user = self.clients[OTHER[memory.owner]]
        other_user.cookies.pop("messages", None)  # a pending message would be in only one of the responses
        assert request.send(other_user, memory.id) == request.send(other_user, uuid4()), request
        self.last_actor = memory.owner

    def _edit_by_page(self, memory: ExpectedMemory, text: str) -> None:
        self._post(
            memory.owner,
            f"/memories/{memory.id}/edit/",
            text=text,
            tags=", ".join(memory.tags[-2:]),
            visibility="public" if memory.is_public else "private",
            expires="keep" if memory.will_expire else "never",
            version=str(_version(memory.id)),
        )

    def _post(self, who: str, path: str, **form: Any) -> None:
        answer = self.clients[who].post(path, form)
        assert answer.status_code == 302, (path, answer.status_code)


def _version(memory_id: UUID) -> int:
    return int(Memory.objects.values_list("version", flat=True).get(pk=memory_id))
