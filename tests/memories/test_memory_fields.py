"""A field of a memory reaches every place that has to know it. Each test fails where a new field was forgotten."""

import inspect
import json
import re
from contextlib import suppress
from dataclasses import fields

import pytest

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes
from memories.api.openapi import responses
from memories.api.representations import MEMORY_FIELDS
from memories.api.requests import MemoryChanges, MemoryIn, OperationIn
from memories.models import Memory, Proposal
from memories.portability.readers import items
from memories.portability.readers.memory_tools import picard_jsonl
from memories.services import insert, writes
from memories.services.representation import FIELDS
from memories.validation.drafts import CHANGEABLE_FIELDS, NewMemory

# Columns that the database fills in when a memory is created.
SET_BY_DATABASE = {"deleted_at", "created_at", "updated_at", "written_at", "index_due_at", "index_leased_by"}
INTERNAL = {"owner"}  # besides index_*: no channel shows it


def columns() -> set[str]:
    return {field.column for field in Memory._meta.concrete_fields if field.column}


def test_a_new_memory_is_inserted_with_every_column() -> None:
    [listed] = re.findall(r"insert into memories_memory \((.*?)\)", insert.STORE, re.DOTALL)
    assert columns() - set(re.findall(r"\w+", listed)) <= SET_BY_DATABASE


@pytest.mark.django_db
def test_a_proposal_stores_everything_that_a_memory_is_created_from(ada: User) -> None:
    app = Actor(
        user=ada, door=Channel.API, client_id="notes", scopes=frozenset({scopes.WRITE}), asks_first=True
    )
    with suppress(Exception):  # raised because the memory needs approval
        writes.create_memory(app, text="I like tea.")
    stored = json.loads(Proposal.objects.get().content)
    assert stored.keys() == {field.name for field in fields(NewMemory)} - {"id"}


def test_every_field_of_the_model_can_be_represented() -> None:
    model = {field.name for field in Memory._meta.concrete_fields} - INTERNAL
    assert {name for name in model if not name.startswith("index_")} <= FIELDS.keys()


def test_what_can_be_changed_can_be_given_when_created() -> None:
    assert set(CHANGEABLE_FIELDS) <= {field.name for field in fields(NewMemory)}
    for function in (writes.create_memory, writes.update_memory):
        assert set(CHANGEABLE_FIELDS) <= inspect.signature(function).parameters.keys()


def test_rest_accepts_every_field_that_can_be_changed() -> None:
    assert set(MemoryIn().fields) == set(MemoryChanges().fields) == set(CHANGEABLE_FIELDS)
    assert set(CHANGEABLE_FIELDS) <= set(OperationIn().fields)


def test_rest_describes_every_field_that_it_returns() -> None:
    assert list(responses.Memory().fields) == list(MEMORY_FIELDS)
    assert set(CHANGEABLE_FIELDS) <= set(MEMORY_FIELDS)


def test_an_export_has_every_field_and_an_import_reads_it() -> None:
    assert set(picard_jsonl.FIELDS) == FIELDS.keys() - {"state", "superseded_by", "superseded_at"}
    read = {field.name for field in fields(items.ImportItem)}
    assert set(picard_jsonl.FIELDS) - read <= {
        "deleted_at",
        "source",
        "supersedes",
    }  # the last: an ImportLink
