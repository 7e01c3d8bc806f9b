"""The state machine of personas: apps of two users write hostile texts by MCP, and everybody asks every persona.

The chat model is as hostile as possible: it repeats its whole input, so whatever reaches it reaches the asker.
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
from tests.state_machine.questions import HOSTILE, find_leaked_words
from tests.state_machine.world import COMMON, ExpectedMemory, World

NAMES = ("ada", "bob")
OTHER = {"ada": "bob", "bob": "ada"}
WHO = st.sampled_from(NAMES)
WHICH = st.integers(0, 9)
BOOLEANS = st.booleans()
WORDS = st.sampled_from(HOSTILE)
# Extra arguments that try to escalate: unknown ones are rejected, the rest are tags or dates.
EXTRA_ARGUMENTS = st.sampled_from(
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
    """The test sets `users`, `settings` and `model`; each run is rolled back.

    `answers` counts the kinds of persona answers, so that the test can check that every kind occurred.
    """

    users: ClassVar[dict[str, User]]
    settings: ClassVar[Settings]
    model: ClassVar[ModelServer]
    chat: ClassVar[ChatSettings]
    answers: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NAMES)
        self._run = transaction.atomic()
        self._run.__enter__()
        app_scopes = (scopes.READ, scopes.WRITE, scopes.PERSONA)
        self.apps = {who: mcp.app_of(user, *app_scopes) for who, user in self.users.items()}
        self.over_rest = {who: rest.app_of(user, *app_scopes) for who, user in self.users.items()}
        self.sessions = {who: rest.session_of(user).client for who, user in self.users.items()}
        self.ask_methods: dict[str, Callable[[str, str, str], str]] = {
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
            self.switch_persona(who, is_on=True)
        self.index()
        for is_generated in (True, False):  # so that every run has an answer of each kind
            self.ask("ada", "ada", 0, "", "mcp", is_generated=is_generated)

    # --- Actions of apps and users --------------------------------------------------------------------

    @rule(who=WHO, words=WORDS, extra=EXTRA_ARGUMENTS)
    def add_memory(self, who: str, words: str, extra: dict[str, Any]) -> None:
        text = f"{self.world.new_text()} {self.world.canary()} {words}".strip()
        answer = self.apps[who].call("add_memory", text=text, **extra)
        if extra and not extra.keys() & {"tags", "expires_at"}:
            assert answer.refused
        else:
            self.world.memories.append(ExpectedMemory(who, UUID(answer.said["id"]), [text]))

    @rule(who=WHO, which=WHICH, words=WORDS, extra=EXTRA_ARGUMENTS)
    def update_memory(self, who: str, which: int, words: str, extra: dict[str, Any]) -> None:
        if memory := self.world.pick(who, which):
            text = f"{self.world.new_text()} {self.world.canary()} {words}".strip()
            answer = self.apps[who].call("update_memory", id=str(memory.id), text=text, **extra)
            if extra and not extra.keys() & {"tags", "expires_at"}:
                assert answer.refused
            else:
                self.world.record_app_edit(memory, text, needs_approval="waits" in answer.said)

    @rule(who=WHO, which=WHICH)
    def forget_memory(self, who: str, which: int) -> None:
        if memory := self.world.pick(who, which):
            assert self.apps[who].call("forget_memory", id=str(memory.id)).said["forgotten"]
            memory.is_trashed = True

    @rule(who=WHO, which=WHICH, is_public=BOOLEANS)
    def publish_or_unpublish(self, who: str, which: int, is_public: bool) -> None:
        if memory := self.world.pick(who, which):
            writes.set_visibility(session(self.users[who]), memory.id, "public" if is_public else "private")
            memory.is_public = is_public

    @rule(who=WHO, is_on=BOOLEANS)
    def switch_persona(self, who: str, is_on: bool) -> None:
        User.objects.filter(pk=self.users[who].pk).update(persona_enabled=is_on, public_page_enabled=is_on)
        self.world.has_persona[who] = is_on

    @rule()
    def index(self) -> None:
        while indexer.process_batch(worker=0):
            pass

    # --- Questions ------------------------------------------------------------------------------------

    @rule(
        who=WHO,
        owner=WHO,
        which=WHICH,
        words=WORDS,
        method=st.sampled_from(("mcp", "rest", "events", "page")),
        is_generated=BOOLEANS,
    )
    def ask(self, who: str, owner: str, which: int, words: str, method: str, is_generated: bool) -> None:
        question = self._question(owner, which, words)
        self.settings.CHAT = self.chat if is_generated else ChatSettings()
        self.model.chats.clear()
        response = self.ask_methods[method](who, owner, question)
        self._assert_nothing_leaked(response + json.dumps(self.model.chats), question, who, owner)
        self.answers["generated" if self.model.chats else "quoted" if COMMON in response else "none"] += 1

    @rule(owner=WHO, which=WHICH, words=WORDS, over_rest=BOOLEANS)
    def ask_anonymously(self, owner: str, which: int, words: str, over_rest: bool) -> None:
        question, handle = self._question(owner, which, words), self.users[owner].handle
        self.settings.CHAT = self.chat
        self.model.chats.clear()
        if over_rest:
            response = rest.anonymous()("POST", f"/personas/{handle}/ask/", {"question": question}).content
        else:
            response = Client().post(f"/@{handle}", {"question": question}).content
        assert self.model.chats == []
        self._assert_nothing_leaked(response.decode(), question, None, owner)

    @rule(who=WHO, which=WHICH, words=WORDS)
    def read_resources_and_prompts(self, who: str, which: int, words: str) -> None:
        app, other = self.apps[who], OTHER[who]
        memory = self.world.pick(other, which)
        answers = [
            app.read(f"memory://{memory.id if memory else other}"),
            app.read(f"memories://{self.users[other].pk}"),
            app.read(f"memory://{words or COMMON}"),
            app.read("memory://profile"),
            app.read(f"memories://{self.users[who].pk}"),
            app.ask("prompts/get", {"name": "about_me", "arguments": {"topic": words}}),
        ]
        response = " ".join(answer.content.decode() for answer in answers)
        self._assert_nothing_leaked(response, "", who, other)

    # --- Invariants -----------------------------------------------------------------------------------

    @invariant()
    def only_users_make_memories_public(self) -> None:
        public = {memory.id for memory in self.world.memories if memory.is_public}
        assert set(Memory.objects.filter(visibility="public").values_list("pk", flat=True)) == public
        public_vectors = MemoryVector.objects.filter(is_public=True).values_list("memory_id", flat=True)
        assert set(public_vectors) <= public

    # --- Private --------------------------------------------------------------------------------------

    def _question(self, owner: str, which: int, words: str) -> str:
        """Return a question with the first canary of a memory; an answer would contain the second."""
        memory = self.world.pick(owner, which)
        canary = CANARY.findall(memory.text)[0] if memory else ""
        return f"the {COMMON} and the {canary} {words}".strip()

    def _assert_nothing_leaked(self, response: str, question: str, who: str | None, owner: str) -> None:
        canaries_asked = set(CANARY.findall(question))
        assert find_leaked_words(sorted(self._hidden_from(who) - canaries_asked), response) == [], (
            who,
            owner,
        )

    def _hidden_from(self, who: str | None) -> Set[str]:
        """Return all canaries that the asker (None: anonymous) may not read, including own texts that were replaced."""
        hidden: set[str] = set()
        for owner in NAMES:
            visible = (
                self.world.get_texts(owner, present=True)
                if owner == who
                else self.world.get_texts_shown_to_others(owner)
            )
            hidden |= self.world.get_canaries(owner) - set(CANARY.findall(" ".join(visible)))
        return hidden

    def _by_mcp(self, who: str, owner: str, question: str) -> str:
        handle = {} if who == owner else {"handle": self.users[owner].handle}
        return self.apps[who].call("ask_persona", question=question, **handle).content.decode()

    def _by_rest(self, who: str, owner: str, question: str) -> str:
        path = f"/personas/{self.users[owner].handle}/ask/"
        return self.over_rest[who]("POST", path, {"question": question}).content.decode()

    def _by_events(self, who: str, owner: str, question: str) -> str:
        path = f"/personas/{self.users[owner].handle}/ask/"
        return self.over_rest[who]("POST", path, {"question": question}, Accept=EVENTS).content.decode()

    def _by_page(self, who: str, owner: str, question: str) -> str:
        form = {"question": question, "whom": "" if who == owner else self.users[owner].handle}
        return self.sessions[who].post("/memories/ask/", form, headers={"Accept": EVENTS}).content.decode()
