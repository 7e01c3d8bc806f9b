"""What people, apps and jobs do: everything that sends statements on owned tables."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import islice

from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.deletion import service as deletion
from accounts.ids import new_id
from accounts.models import User
from memories.clients import activity
from memories.errors import ApprovalRequired
from memories.index import moves, work_queue
from memories.insights import index_state
from memories.jobs import indexer, recovery, retention
from memories.models import AuditEvent, ImportBatch, Memory, MemoryUse, Proposal, StoredAnswer
from memories.models.visibility import Filters
from memories.persona import conversation
from memories.persona import retrieval as persona_retrieval
from memories.portability.exports import full_archive
from memories.portability.imports import run as imports
from memories.review import decisions
from memories.search import near_duplicates
from memories.search import query as search_query
from memories.search.ranking_query import VisibleRows
from memories.services import reads, saved_filters, selection, tag_admin, writes
from memories.services.selection import Selection
from memories.validation.drafts import NewMemory
from picard.observability import stats
from tests.factories import app, make_person, remember, session
from tests.memories.mcp.callers import Caller
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.records import test_every_read as doors
from tests.records.pages import FORM, list_urls
from tests.records.rest_requests import CALLS
from tests.records.world import ALL_SCOPES, FOREIGN_APP, QUESTION, TAG, UNKNOWN_ID, World, rolled_back

Act = Callable[[World], None]


def call_rest(world: World) -> None:
    """Every operation of the REST API, by an app and by an app of another user."""
    operations = doors.list_operations()
    for count, (_reader, token) in zip((3, 1), doors.connect_apps(world), strict=False):
        client = Client(headers={"Authorization": f"Bearer {token}"})
        for name, (method, path) in operations.items():
            for request in islice(doors.build_requests(world, method, path, CALLS[name]), count):
                with rolled_back():
                    doors.send_rest(client, request)


def call_mcp(world: World) -> None:
    """Every tool, resource and prompt of the MCP endpoint."""
    (_reader, token), *_others = doors.connect_apps(world)
    caller = Caller(token)
    for method, params in doors.list_mcp_requests(caller):
        text = json.dumps([method, params]).replace("{ada}", str(world.ada.pk))
        text = text.replace("{older}", str(world.memories["older"]))
        with rolled_back():
            doors.send_mcp(caller, next(doors.fill_parameters(world, text)))


def open_pages(world: World) -> None:
    """Every page, opened and sent a form by Ada, and her public page by others."""
    own, other, anonymous = doors.log_in(world.ada), doors.log_in(world.bob), Client()
    for path in list_urls(world, once=True):
        if path.startswith(("/api/", "/mcp", "/admin/")):
            continue
        for client in (own, other, anonymous) if path.startswith(("/@", "/memories/ask")) else (own,):
            for method in ("get", "post"):
                request = {"method": method, "path": path, "form": {**FORM, "whom": world.ada.handle}}
                with rolled_back():
                    doors.send_form(client, json.dumps(request))


def select_many(world: World) -> None:
    """Changes of all memories that match a filter, and of tags on all their memories."""
    own = session(world.ada)
    everything, tagged = Selection(), Selection(filters=Filters(tags_any=frozenset(world.values["tag_id"])))  # type: ignore[arg-type]
    selection.tag_selection(own, everything, "new")
    selection.untag_selection(own, tagged, "new")
    selection.set_selection_expiry(app(world.ada, *ALL_SCOPES), tagged, timezone.now() + timedelta(days=9))
    shown = selection.preview_publish(own, tagged)
    selection.set_selection_visibility(own, Selection(filters=tagged.filters, shown=shown.digest), "public")
    selection.set_selection_visibility(own, tagged, "private")
    _count, trashed_at = selection.trash_selection(own, tagged)
    assert trashed_at is not None
    selection.restore_trashed_selection(own, trashed_at)
    [tag] = reads.resolve_tag_names(own, [TAG])[0]
    [other] = reads.resolve_tag_names(own, ["new"])[0]
    tag_admin.rename_tag(own, tag.pk, "allotment")
    tag_admin.merge_tags(own, tag.pk, other.pk)
    tag_admin.remove_tag(own, other.pk)
    activity.trash_memories_by_app(own, FOREIGN_APP)
    rows = VisibleRows.for_actor(own, world.ada)
    assert rows is not None
    assert not rows.are_many()


def limit_to_tags(world: World) -> None:
    """Reads by an app that is limited to a tag, and with filters, whose statements are compiled each time."""
    limited = app(world.ada, *ALL_SCOPES, only_tags=frozenset(world.values["tag_id"]))
    private = world.memories["private"]
    for actor in (limited, session(world.ada)):
        for filters in (
            Filters(),
            Filters(tags_all=frozenset(world.values["tag_id"])),  # type: ignore[arg-type]
            Filters(source="web", since=timezone.now() - timedelta(days=1), pinned=False),
        ):
            search_query.search_memories(actor, "zebra", filters=filters)
            reads.list_memories(actor, filters=filters)
            reads.count_memories_between(actor, [timezone.now()], filters)
        reads.get_history(actor, private)
        near_duplicates.find_similar(actor, private)
        near_duplicates.find_updates(actor, private)
        persona_retrieval.ask_persona(actor, about=world.ada, question=QUESTION)
        writes.update_memory(actor, private, text="The zebra moved.", tags=[TAG, "sea"])
        writes.restore_version(actor, private, 2)


def review(world: World) -> None:
    """Proposals of an app, and what becomes of them."""
    own, asking = session(world.ada), app(world.ada, asks_first=True)
    for text in ("One.", "Two.", "Three."):
        with suppress(ApprovalRequired):
            writes.create_memory(asking, text=text)
    newest, *others = Proposal.objects.filter(owner=world.ada).order_by("-pk")
    decisions.decline_proposals(own, [newest.pk])
    decisions.accept_proposal(own, others[0].pk, text="Two, edited.")
    decisions.accept_all_proposals(own, until=others[1].pk, count=len(others) - 1, seen={})
    saved_filters.save_filter(own, name="Zebras", parts={"q": "zebra"})
    saved_filters.save_filter(own, name="zebras", parts={"q": "zebra"})
    [saved] = saved_filters.list_saved_filters(own)
    saved_filters.delete_filter(own, saved.id)


def move_files(world: World) -> None:
    """An import of new, known and changed memories with links, its undoing, and an export of an own."""
    own, private, older = session(world.ada), world.memories["private"], world.memories["older"]
    later = timezone.now().isoformat()
    lines: list[dict[str, object]] = [
        {"picard": 1, "id": str(private), "text": "Of a file.", "tags": ["sea"], "updated_at": later},
        {"picard": 1, "id": str(older), "text": "New.", "supersedes": str(private), "updated_at": later},
        {"picard": 1, "id": str(UNKNOWN_ID), "text": "Another.", "supersedes": str(private)},
    ]
    batch = stage(own, file_of("\n".join(json.dumps(line) for line in lines)))
    imports.start_import(own, batch.pk)
    assert imports.advance_import(own, batch.pk).state == "done"
    imports.list_imports(own)
    for _chunk in full_archive.export_everything(own).chunks:
        pass
    imports.undo_import(own, batch.pk)
    imports.discard_import(own, stage(own, file_of("- Something new.")).pk)


def converse(world: World) -> None:
    """Memories of one conversation at one place, and a question about what was answered."""
    own, of = session(world.ada), new_id()
    for text in ("The PIN of the garage is 3381.", "The PIN of the garage is 7154."):
        writes.create_memories(own, [NewMemory(text, conversation=of, position=1)])
    persona_retrieval.ask_persona(own, about=world.ada, question="What is the PIN of the garage?")
    for actor in (own, session(world.bob)):
        seal = conversation.get_seal(actor)
        answer = persona_retrieval.ask_persona(actor, about=world.ada, question=QUESTION)
        asked = conversation.Conversation(world.ada.pk).add(QUESTION, answer)
        conversation.read_exchanges(actor, world.ada, seal.open(seal.close(asked), world.ada))


def work(world: World) -> None:
    """The indexing worker, also while its provider fails, and after a change of the language."""
    remember(world.ada, "A lynx sleeps.", tags=["cat"])
    remember(world.bob, "A lynx wakes.")
    while indexer.process_batch(worker=0):
        pass
    indexer.get_seconds_until_due()
    Memory.objects.filter(owner=world.bob).update(index_state="failed", index_error="server_error")
    recovery.requeue_failed_memories()
    retention.requeue_on_start()
    work_queue.get_backlog()
    User.objects.filter(pk=world.ada.pk).update(language="nl")
    moves.start_outdated_moves()
    index_state.count_languages(session(User.objects.get(pk=world.ada.pk)), 1)
    while indexer.process_batch(worker=0):
        pass


def keep_house(world: World) -> None:
    """Every step of retention, with something to do for each."""
    old = Now() - timedelta(days=400)
    own = session(world.ada)
    writes.trash_memory(own, world.memories["private"])
    Memory.objects.filter(owner=world.ada, deleted_at__isnull=False).update(deleted_at=old)
    remember(world.ada, "A lynx sleeps.", tags=["cat"])
    tag_admin.remove_tag(own, reads.resolve_tag_names(own, ["cat"])[0][0].pk)
    Proposal.objects.filter(owner=world.ada).update(created_at=old)
    ImportBatch.objects.filter(owner=world.ada).update(created_at=old)
    StoredAnswer.objects.filter(owner=world.ada).update(created_at=old)
    MemoryUse.objects.filter(owner=world.ada).update(last_at=old)
    AuditEvent.objects.create(
        id=UNKNOWN_ID, owner=world.ada, door="api", client_id=FOREIGN_APP, action="memory:read",
        memory_ids=[world.memories["public"]],
    )  # fmt: skip
    assert len(retention.run_steps()) == len(retention.STEPS)
    stats.collect_database_metrics()


def close_accounts(world: World) -> None:
    """Deletion of an account, also by an operator."""
    leaving = make_person("leaving")
    remember(leaving, "A lynx sleeps.", tags=["cat"])
    deletion.delete_account_permanently(leaving)
    deletion.delete_account_permanently(User.objects.get(pk=world.ada.pk))


def look_as_staff(world: World) -> None:
    """The lists of the admin site, and one memory."""
    client = doors.log_in(world.root)
    for path in ("memory/", f"memory/{world.memories['private']}/change/", "auditevent/"):
        assert client.get(f"/admin/memories/{path}").status_code == 200
    chosen = {"action": "retry_indexing", "_selected_action": [str(world.memories["private"])]}
    assert client.post("/admin/memories/memory/", chosen).status_code == 302


ACTS_OF_PEOPLE: tuple[Act, ...] = (
    call_rest,
    call_mcp,
    open_pages,
    select_many,
    limit_to_tags,
    review,
    move_files,
    converse,
    close_accounts,
)
ACTS_ON_ALL: tuple[Act, ...] = (work, keep_house, look_as_staff)
