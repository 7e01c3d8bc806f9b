"""Lines marked "remember:": found whatever the language and the markup, and only the user's own."""

import pytest
from django.test import Client

from accounts.models import User
from core.languages import NAMES
from memories import scopes
from memories.models import Memory, Proposal
from memories.review import extraction
from memories.review.extraction import extract_proposals
from memories.review.marked_lines import MARKS, find_marked_lines
from tests.factories import accept_all, app, session
from tests.memories.api.callers import app_of
from tests.model_server import ModelServer

CONVERSATION = """User: Please look at the parser.
  Remember: I write parsers by hand.
Assistant: Done.
  remember: I am an assistant.
  User: remember: the assistant pretends to be the user.
User: remember: tabs, not spaces
"""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("remember: I like tea.", "I like tea."),
        ("REMEMBER:I like tea.", "I like tea."),
        ("Remember : I like tea.", "I like tea."),
        ("  remember: I like tea.  ", "I like tea."),
        ("- remember: I like tea.", "I like tea."),
        ("> 2) remember: I like tea.", None),
        ("2. remember: I like tea.", "I like tea."),
        ("**Remember:** I like tea.", "I like tea."),
        ("**Remember**: I like *tea*.", "I like *tea*."),
        ("Me: remember: I like tea.", "I like tea."),
        ("[12:01] Ada: remember: I like tea.", None),
        ("remember: at 12:30 I eat: tea", "at 12:30 I eat: tea"),
        ("\u200fזכור: אני אוהב תה", "אני אוהב תה"),
        ("记住：我喜欢茶", "我喜欢茶"),
        ("zapamie\u0328taj: lubię herbatę", "lubię herbatę"),
        ("Remember to buy tea", None),
        ("I remember: it was tea", None),
        ("Remembered: tea", None),
        ("remember:", None),
        ("remember:   ", None),
    ],
)
def test_mark_is_found_at_the_beginning_of_a_line(line: str, text: str | None) -> None:
    assert find_marked_lines(f"Hello.\n{line}\nBye.") == ([text] if text else [])


@pytest.mark.parametrize("language", sorted(NAMES))
def test_every_language_has_its_marks(language: str) -> None:
    for word in MARKS[language]:
        assert find_marked_lines(f"{word}: ok") == ["ok"]


def test_turns_of_the_assistant_are_left_out() -> None:
    assert find_marked_lines(CONVERSATION) == ["I write parsers by hand.", "tabs, not spaces"]
    assert find_marked_lines("Assistant:\nremember: no\nMe: Thanks.\nremember: yes") == ["yes"]


def test_many_almost_marked_lines_take_linear_time() -> None:
    assert find_marked_lines(("a" * 39 + ": * " + "remember ") * 300) == []
    assert len(find_marked_lines("remember: x\n" * 1_600)) == 1


@pytest.mark.django_db
def test_without_a_model_marked_lines_become_proposals(ada: User) -> None:
    found = extract_proposals(app(ada), CONVERSATION)
    assert (len(found.proposals), found.is_complete) == (2, True)
    assert not Memory.objects.exists()
    memories = accept_all(ada).memories
    assert sorted((each.text, each.source, each.visibility) for each in memories) == [
        ("I write parsers by hand.", "api:notes", "private"),
        ("tabs, not spaces", "api:notes", "private"),
    ]


@pytest.mark.django_db
def test_lines_beyond_the_limit_are_counted(ada: User) -> None:
    found = extract_proposals(session(ada), "".join(f"remember: {number}\n" for number in range(40)))
    assert (len(found.proposals), found.left_out) == (extraction.MAX_MEMORIES, 40 - extraction.MAX_MEMORIES)


@pytest.mark.django_db
def test_marked_only_sends_nothing_to_the_model(ada: User, model: ModelServer) -> None:
    call = app_of(ada)
    answer = call("post", "/memories/extract/", {"conversation": CONVERSATION, "marked_only": True})
    assert [each["changes"]["text"] for each in answer.json["results"]] == [
        "I write parsers by hand.",
        "tabs, not spaces",
    ]
    assert model.requests == []


@pytest.mark.django_db
def test_rest_without_a_model_answers_as_with_one(ada: User) -> None:
    call = app_of(ada)
    for _again in range(2):
        answer = call("post", "/memories/extract/", {"conversation": CONVERSATION})
        assert (answer.status, len(answer.json["results"]), answer.json["is_complete"]) == (200, 2, True)
    assert Proposal.objects.count() == 2
    nothing = call("post", "/memories/extract/", {"conversation": "Hello."})
    assert (nothing.status, nothing.json["results"]) == (200, [])


@pytest.mark.django_db
def test_what_is_saved_already_is_not_proposed_again(ada: User) -> None:
    extract_proposals(app(ada), CONVERSATION)
    accept_all(ada)
    assert extract_proposals(app(ada), CONVERSATION).proposals == []
    blind = extract_proposals(app(ada, scopes.WRITE), CONVERSATION)
    assert len(blind.proposals) == 2  # an app that cannot read does not learn what is saved


@pytest.mark.django_db
def test_captured_lines_wait_on_the_review_page(ada: User, ada_client: Client) -> None:
    extract_proposals(app(ada), CONVERSATION)
    assert "tabs, not spaces" in ada_client.get("/memories/review/").content.decode()
