"""The machine of personas: two people's apps write by MCP whatever they like, and everybody asks everybody's persona.

The chat model is the most hostile there can be: it says all that it was given, so what reaches it reaches the asker.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Set
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pytest_django import Settings

from accounts.models import User
from memories import scopes
from memories.jobs import indexer
from memories.models import Memory, MemoryVector
from memories.providers.chat_settings import ChatSettings
from memories.services import writes
from tests.factories import session
from tests.memories.api import callers as rest
from tests.memories.mcp import callers as mcp
from tests.model_server import ModelServer
from tests.state_machine.questions import HOSTILE, leaked
from tests.state_machine.world import COMMON, Kept, World

NAMES = ("ada", "bob")
OTHER = {"ada": "bob", "bob": "ada"}
WHO = st.sampled_from(NAMES)
WHICH = st.integers(0, 9)
YES_OR_NO = st.booleans()
WORDS = st.sampled_from(HOSTILE)
# What a tool is given besides, in the hope of more: what is not known is refused, the rest is a tag or a date.
MORE = st.sampled_from(
    [
        {},
        {"tags": ["visibility=public"]},
        {"visibility": "public"},
        {"is_public": True},
        {"owner": "bob", "source": "web"},
        {"expires_at": "never"},
    ]
)
CANARY = re.compile(r"canary\d{5}")
EVENTS = "text/event-stream"


class PersonaMachine(RuleBasedStateMachine):
    """`people`, `settings` and `model` are there before it starts, and each run is rolled back. `answers` counts how
    persona answers were made, so that a test knows that there were some."""

    people: ClassVar[dict[str, User]]
    settings: ClassVar[Settings]
    model: ClassVar[ModelServer]
    chat: ClassVar[ChatSettings]
    answers: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NAMES)
        self._run = transaction.atomic()
        self._run.__enter__()
        held = (scopes.READ, scopes.WRITE, scopes.PERSONA)
        self.apps = {who: mcp.app_of(person, *held) for who, person in self.people.items()}
        self.over_rest = {who: rest.app_of(person, *held) for who, person in self.people.items()}
        self.sessions = {who: rest.session_of(person).client for who, person in self.people.items()}
        self.ways: dict[str, Callable[[str, str, str], str]] = {
            "mcp": self._by_mcp,
            "rest": self._by_rest,
            "events": self._by_events,
            "page": self._by_page,
        }

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._run.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        for who in NAMES:
            self.add_memory(who, HOSTILE[0], {})
            self.add_memory(who, HOSTILE[1], {})
            self.publish_or_unpublish(who, 0, is_public=True)
            self.switch(who, is_on=True)
        self.index()
        for is_worded in (True, False):  # so that no run depends on chance for an answer of each kind
            self.ask("ada", "ada", 0, "", "mcp", is_worded=is_worded)

    # --- What apps and people do ----------------------------------------------------------------------

    @rule(who=WHO, words=WORDS, more=MORE)
    def add_memory(self, who: str, words: str, more: dict[str, Any]) -> None:
        text = f"{self.world.new_text()} {self.world.canary()} {words}".strip()
        answer = self.apps[who].call("add_memory", text=text, **more)
        if more and not more.keys() & {"tags"}:
            assert answer.refused
        else:
            self.world.memories.append(Kept(who, UUID(answer.said["id"]), [text]))

    @rule(who=WHO, which=WHICH, words=WORDS, more=MORE)
    def update_memory(self, who: str, which: int, words: str, more: dict[str, Any]) -> None:
        if kept := self.world.pick(who, which):
            text = f"{self.world.new_text()} {self.world.canary()} {words}".strip()
            answer = self.apps[who].call("update_memory", id=str(kept.id), text=text, **more)
            if more and not more.keys() & {"tags", "expires_at"}:
                assert answer.refused
            else:
                self.world.written_by_app(kept, text, waits="waits" in answer.said)

    @rule(who=WHO, which=WHICH)
    def forget_memory(self, who: str, which: int) -> None:
        if kept := self.world.pick(who, which):
            assert self.apps[who].call("forget_memory", id=str(kept.id)).said["forgotten"]
            kept.is_trashed = True

    @rule(who=WHO, which=WHICH, is_public=YES_OR_NO)
    def publish_or_unpublish(self, who: str, which: int, is_public: bool) -> None:
        if kept := self.world.pick(who, which):
            writes.set_visibility(session(self.people[who]), kept.id, "public" if is_public else "private")
            kept.is_public = is_public

    @rule(who=WHO, is_on=YES_OR_NO)
    def switch(self, who: str, is_on: bool) -> None:
        User.objects.filter(pk=self.people[who].pk).update(persona_enabled=is_on, public_page_enabled=is_on)
        self.world.has_persona[who] = is_on

    @rule()
    def index(self) -> None:
        while indexer.process_batch(worker=0):
            pass

    # --- What everybody asks --------------------------------------------------------------------------

    @rule(
        who=WHO,
        whom=WHO,
        which=WHICH,
        words=WORDS,
        way=st.sampled_from(("mcp", "rest", "events", "page")),
        is_worded=YES_OR_NO,
    )
    def ask(self, who: str, whom: str, which: int, words: str, way: str, is_worded: bool) -> None:
        question = self._question(whom, which, words)
        self.settings.CHAT = self.chat if is_worded else ChatSettings()
        self.model.chats.clear()
        told = self.ways[way](who, whom, question)
        self._look(told + json.dumps(self.model.chats), question, who, whom)
        self.answers["worded" if self.model.chats else "quoted" if COMMON in told else "none"] += 1

    @rule(whom=WHO, which=WHICH, words=WORDS, over_rest=YES_OR_NO)
    def ask_as_a_visitor(self, whom: str, which: int, words: str, over_rest: bool) -> None:
        question, handle = self._question(whom, which, words), self.people[whom].handle
        self.settings.CHAT = self.chat
        self.model.chats.clear()
        if over_rest:
            told = rest.anonymous()("POST", f"/personas/{handle}/ask/", {"question": question}).content
        else:
            told = Client().post(f"/@{handle}", {"question": question}).content
        assert self.model.chats == []
        self._look(told.decode(), question, None, whom)

    @rule(who=WHO, which=WHICH, words=WORDS)
    def read_resources_and_prompts(self, who: str, which: int, words: str) -> None:
        app, other = self.apps[who], OTHER[who]
        kept = self.world.pick(other, which)
        answers = [
            app.read(f"memory://{kept.id if kept else other}"),
            app.read(f"memories://{self.people[other].pk}"),
            app.read(f"memory://{words or COMMON}"),
            app.read("memory://profile"),
            app.read(f"memories://{self.people[who].pk}"),
            app.ask("prompts/get", {"name": "about_me", "arguments": {"topic": words}}),
        ]
        told = " ".join(answer.content.decode() for answer in answers)
        self._look(told, "", who, other)

    # --- What must hold -------------------------------------------------------------------------------

    @invariant()
    def nothing_is_public_but_what_its_person_made_so(self) -> None:
        public = {kept.id for kept in self.world.memories if kept.is_public}
        assert set(Memory.objects.filter(visibility="public").values_list("pk", flat=True)) == public
        of_vectors = MemoryVector.objects.filter(is_public=True).values_list("memory_id", flat=True)
        assert set(of_vectors) <= public

    # --- Private --------------------------------------------------------------------------------------

    def _question(self, whom: str, which: int, words: str) -> str:
        """For one memory, by the first of its two canaries: the second is what an answer would tell."""
        kept = self.world.pick(whom, which)
        canary = CANARY.findall(kept.text)[0] if kept else ""
        return f"the {COMMON} and the {canary} {words}".strip()

    def _look(self, told: str, question: str, who: str | None, whom: str) -> None:
        asked = set(CANARY.findall(question))
        assert leaked(sorted(self._hidden_from(who) - asked), told) == [], (who, whom)

    def _hidden_from(self, who: str | None) -> Set[str]:
        """All canaries that this asker, None for a visitor, is not to read: of their own, what is no longer so."""
        hidden: set[str] = set()
        for owner in NAMES:
            may = self.world.of(owner, present=True) if owner == who else self.world.shown_to_others(owner)
            hidden |= self.world.words_of(owner) - set(CANARY.findall(" ".join(may)))
        return hidden

    def _by_mcp(self, who: str, whom: str, question: str) -> str:
        handle = {} if who == whom else {"handle": self.people[whom].handle}
        return self.apps[who].call("ask_persona", question=question, **handle).content.decode()

    def _by_rest(self, who: str, whom: str, question: str) -> str:
        path = f"/personas/{self.people[whom].handle}/ask/"
        return self.over_rest[who]("POST", path, {"question": question}).content.decode()

    def _by_events(self, who: str, whom: str, question: str) -> str:
        path = f"/personas/{self.people[whom].handle}/ask/"
        return self.over_rest[who]("POST", path, {"question": question}, Accept=EVENTS).content.decode()

    def _by_page(self, who: str, whom: str, question: str) -> str:
        form = {"question": question, "whom": "" if who == whom else self.people[whom].handle}
        return self.sessions[who].post("/memories/ask/", form, headers={"Accept": EVENTS}).content.decode()
