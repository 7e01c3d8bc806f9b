"""The asynchronous client. `_client.py` is generated from this file: `make client`."""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar
from uuid import uuid4

import httpx

from picard_memory.answers import Retry, check_response, describe_failure, read_json
from picard_memory.auth import TokenSource, choose_login
from picard_memory.concurrency import async_call, async_sleep
from picard_memory.errors import PicardError, UnknownTagError
from picard_memory.models import (
    Answer,
    Context,
    Event,
    Extraction,
    Import,
    Memory,
    Outcome,
    PendingApproval,
    Revision,
    SearchResults,
    SimilarMemory,
    Tag,
    Whoami,
    parse_model,
)
from picard_memory.operations import OPERATIONS, OperationName
from picard_memory.requests import (
    UNSET,
    BulkOperation,
    Unset,
    build_filters,
    build_headers,
    check_connection_settings,
    drop_unset,
    fold_tag,
    format_time,
    is_id,
    split_chunks,
)

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 60.0  # a chat model may take its time
CONNECT_TIMEOUT_S = 15.0
DEFAULT_WAIT_S = 60.0
PAGE_SIZE = 100


class AsyncPicard:
    """A client of one Picard server.

    url: the server's URL; by default that of the log-in of `picard login`.
    token: an access token, or a TokenSource that renews it; by default PICARD_TOKEN (with PICARD_URL), or the log-in.
    profile: which log-in, if there are several.
    timeout: seconds until a request without answer fails; max_retry_wait: seconds after its first attempt in which a
    request may be repeated. Requests are repeated after 429 and 503 as Retry-After says, and after lost connections if
    that cannot do anything twice: writes carry an Idempotency-Key.

    Every method raises a subclass of PicardError if it fails.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | TokenSource | None = None,
        *,
        profile: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        max_retry_wait: float = DEFAULT_WAIT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url, self._tokens = choose_login(url, token, profile)
        self._max_retry_wait = max_retry_wait
        self._known_context: tuple[tuple[int, str | None], str, Context] | None = None
        with check_connection_settings():
            self._http = httpx.AsyncClient(
                base_url=self.url,
                timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_S)),
                headers=build_headers(),
                transport=transport,
            )

    async def __aenter__(self) -> AsyncPicard:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # --- Memories --------------------------------------------------------------------------------

    async def add(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        visibility: str | None = None,
        expires_at: datetime | None = None,
        supersedes: str | None = None,
        pinned: bool | None = None,
        on_duplicate: str | None = None,
        idempotency_key: str | None = None,
    ) -> Memory | PendingApproval:
        """Create a memory; return PendingApproval if the user must approve it first.

        on_duplicate: what happens if the same text is there already: `keep` (the default: both), `return` the
        existing one, or `refuse` (ConflictError). idempotency_key: by default a new one for each call.
        """
        body = drop_unset(
            text=text,
            tags=list(tags) or UNSET,
            visibility=UNSET if visibility is None else visibility,
            expires_at=UNSET if expires_at is None else format_time(expires_at),
            supersedes=UNSET if supersedes is None else supersedes,
            pinned=UNSET if pinned is None else pinned,
        )
        params = {} if on_duplicate is None else {"on_duplicate": on_duplicate}
        response = await self._send("create_memory", params=params, json=body, key=idempotency_key)
        return _parse_written(response)

    async def get(self, memory_id: str) -> Memory:
        """Return a memory. Raises NotFoundError."""
        return await self._get(Memory, "read_memory", memory_id)

    async def edit(
        self,
        memory_id: str,
        *,
        text: str | None = None,
        tags: Sequence[str] | None = None,
        visibility: str | None = None,
        expires_at: datetime | Unset | None = UNSET,
        supersedes: str | Unset | None = UNSET,
        pinned: bool | None = None,
        if_version: int | None = None,
    ) -> Memory | PendingApproval:
        """Change the given fields of a memory; return PendingApproval if the user must approve it first.

        tags: all tags it has afterwards; None as `expires_at` or `supersedes` removes these.
        if_version: change nothing, and raise ConflictError, if the memory has another version.
        """
        body = drop_unset(
            text=UNSET if text is None else text,
            tags=UNSET if tags is None else list(tags),
            visibility=UNSET if visibility is None else visibility,
            expires_at=format_time(expires_at) if isinstance(expires_at, datetime) else expires_at,
            supersedes=supersedes,
            pinned=UNSET if pinned is None else pinned,
        )
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        response = await self._send("change_memory", memory_id, json=body, headers=headers)
        return _parse_written(response)

    async def trash(self, memory_id: str, *, if_version: int | None = None) -> None:
        """Move a memory to the trash, where the user can restore it."""
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        await self._send("trash_memory", memory_id, headers=headers)

    async def iter_memories(
        self,
        *,
        tags_any: Sequence[str] = (),
        tags_all: Sequence[str] = (),
        visibility: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        pinned: bool | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Memory]:
        """Yield memories, newest first. Tags by name or ID; since and until: creation time.

        page_size: how many are requested at once, at most 100. Requested memories count as read, also if the iterator
        is left before it yields them.
        """
        filters = build_filters(
            tags_any=await self._find_tag_ids(tags_any),
            tags_all=await self._find_tag_ids(tags_all),
            visibility=visibility,
            source=source,
            since=since,
            until=until,
            pinned=pinned,
        )
        async for memory in self._iterate(Memory, "list_memories", params=filters, page_size=page_size):
            yield memory

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        tags_any: Sequence[str] = (),
        tags_all: Sequence[str] = (),
        visibility: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> SearchResults:
        """Search by words and meaning, with the filters of `iter_memories`; limit: at most 100."""
        filters = build_filters(
            tags_any=await self._find_tag_ids(tags_any),
            tags_all=await self._find_tag_ids(tags_all),
            visibility=visibility,
            source=source,
            since=since,
            until=until,
        )
        body = {**filters, "query": query, "limit": limit}
        return parse_model(SearchResults, read_json(await self._send("search_memories", json=body)))

    async def change_many(self, operations: Iterable[BulkOperation]) -> list[Outcome]:
        """Create, update or trash many memories, each for itself; return the outcomes in the same order.

        For anything but creating, an app needs `memories:admin`.
        """
        outcomes: list[Outcome] = []
        for chunk in split_chunks(operations):
            response = await self._send("change_many", json={"operations": chunk})
            outcomes += _parse_results(Outcome, response)
        return outcomes

    async def list_similar(self, memory_id: str) -> list[SimilarMemory]:
        """Return memories with a similar meaning, most similar first."""
        return _parse_results(SimilarMemory, await self._send("list_similar", memory_id))

    async def unite(self, memory_id: str, other_id: str, *, merge: bool = False) -> Memory:
        """Merge two similar memories; merge: with both texts, otherwise with the newer one."""
        response = await self._send("unite_memories", memory_id, other_id, json={"merge": merge})
        return parse_model(Memory, read_json(response))

    async def keep_both(self, memory_id: str, other_id: str) -> None:
        """Say that two similar memories are not duplicates."""
        await self._send("keep_both_memories", memory_id, other_id)

    async def iter_history(self, memory_id: str) -> AsyncIterator[Revision]:
        """Yield earlier versions of a memory, newest first."""
        async for revision in self._iterate(Revision, "list_history", memory_id):
            yield revision

    async def restore_version(self, memory_id: str, version: int) -> Memory | PendingApproval:
        """Give a memory the text of an earlier version."""
        return _parse_written(await self._send("restore_version", memory_id, version))

    async def iter_tags(self) -> AsyncIterator[Tag]:
        """Yield the tags in use."""
        async for tag in self._iterate(Tag, "list_tags"):
            yield tag

    # --- Answers and context ---------------------------------------------------------------------

    async def ask(
        self, question: str, *, persona: str = "me", turns: Sequence[Mapping[str, str]] = ()
    ) -> Answer:
        """Answer a question from the user's memories, or from another user's public ones (persona: their handle).

        turns: earlier turns of the conversation, each with `role` (`user` or `assistant`) and `text`.
        """
        body: dict[str, object] = {"question": question}
        if turns:
            body["turns"] = [dict(turn) for turn in turns]
        return parse_model(Answer, read_json(await self._send("ask_persona", persona, json=body)))

    async def get_context(self, max_tokens: int = 800, query: str | None = None) -> Context:
        """Return who the user is, as a text for a system prompt.

        If nothing has changed since the last call with the same arguments, the server sends nothing again.
        """
        asked = (max_tokens, query)
        params = {"max_tokens": str(max_tokens)} | ({"query": query} if query else {})
        known = self._known_context if self._known_context and self._known_context[0] == asked else None
        headers = {"If-None-Match": known[1]} if known else {}
        response = await self._send("read_context", params=params, headers=headers)
        if response.status_code == 304 and known:
            return known[2]
        context = parse_model(Context, read_json(response))
        if etag := response.headers.get("ETag"):
            self._known_context = (asked, etag, context)
        return context

    async def extract(self, conversation: str, *, marked_only: bool = False) -> Extraction:
        """Find what is worth remembering in a conversation; it waits for the user's approval.

        Without a chat model, and with marked_only, these are the lines that the user marked "remember:".
        """
        body = {"conversation": conversation, "marked_only": marked_only}
        response = await self._send("extract_memories", json=body)
        return parse_model(Extraction, read_json(response))

    # --- Import, export and access ---------------------------------------------------------------

    async def preview_import(
        self,
        files: Sequence[str | Path | tuple[str, IO[bytes]]],
        *,
        chats: str | None = None,
        text_column: str | None = None,
    ) -> Import:
        """Upload files and return what an import would do; nothing is saved before `run_import`.

        files: paths, or names with open files. chats: of conversations, import `mine`, `all` or `none`.
        """
        params = {
            name: value
            for name, value in (("chats", chats), ("text_column", text_column))
            if value is not None
        }
        with contextlib.ExitStack() as stack:
            opened = [
                each
                if isinstance(each, tuple)
                else (Path(each).name, stack.enter_context(Path(each).open("rb")))
                for each in files
            ]
            parts = [
                ("file", (name, file, mimetypes.guess_type(name)[0] or "application/octet-stream"))
                for name, file in opened
            ]
            response = await self._send("look_at_import", params=params, files=parts)
        return parse_model(Import, read_json(response))

    async def list_imports(self) -> list[Import]:
        return _parse_results(Import, await self._send("list_imports"))

    async def get_import(self, import_id: str) -> Import:
        return await self._get(Import, "read_import", import_id)

    async def discard_import(self, import_id: str) -> None:
        """Cancel an import that was not started."""
        await self._send("discard_import", import_id)

    async def run_import(self, import_id: str, *, publish: bool = False) -> Import:
        """Import the next part, some seconds of work; call it until `state` is `done`."""
        response = await self._send("run_import", import_id, json={"publish": publish})
        return parse_model(Import, read_json(response))

    async def undo_import(self, import_id: str) -> Import:
        """Move the imported memories to the trash."""
        return parse_model(Import, read_json(await self._send("undo_import", import_id)))

    async def export(self, format: str = "jsonl") -> AsyncIterator[bytes]:
        """Yield the parts of a file with all memories. An app needs `memories:admin`."""
        response = await self._send("export_memories", params={"format": format}, is_streamed=True)
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.TransportError as error:
            raise describe_failure(error, self.url) from None
        finally:
            await response.aclose()

    async def whoami(self) -> Whoami:
        """Return the token's user, and what the token allows."""
        return await self._get(Whoami, "whoami")

    async def iter_activity(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Event]:
        """Yield what this app did with memories, newest first."""
        async for event in self._iterate(Event, "list_activity", page_size=page_size):
            yield event

    # --- Requests --------------------------------------------------------------------------------

    async def _get(self, model: type[T], name: OperationName, *path: object) -> T:
        return parse_model(model, read_json(await self._send(name, *path)))

    async def _iterate(
        self,
        model: type[T],
        name: OperationName,
        *path: object,
        params: Mapping[str, Any] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[T]:
        """Yield all results of a list, page by page."""
        query: dict[str, Any] = {**(params or {}), "limit": page_size}
        while True:
            response = await self._send(name, *path, params=query)
            for result in _parse_results(model, response):
                yield result
            page = read_json(response)
            cursor = page.get("next_cursor") if isinstance(page, dict) else None
            if cursor is None:
                return
            query["cursor"] = cursor

    async def _find_tag_ids(self, tags: Sequence[str]) -> list[str]:
        """Return the IDs of tags that are given by name or ID. Raises UnknownTagError."""
        if all(map(is_id, tags)):
            return list(tags)
        ids = {}
        async for tag in self.iter_tags():
            ids[fold_tag(tag.name)] = tag.id
        missing = [name for name in tags if not is_id(name) and fold_tag(name) not in ids]
        if missing:
            raise UnknownTagError(missing)
        return [name if is_id(name) else ids[fold_tag(name)] for name in tags]

    async def _send(
        self,
        name: OperationName,
        *path: object,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        files: Sequence[tuple[str, tuple[str, IO[bytes], str]]] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        is_streamed: bool = False,
    ) -> httpx.Response:
        """Send a request, repeat it where that helps, and return the response. Raises PicardError."""
        operation = OPERATIONS[name]
        own_headers = dict(headers or {})
        if operation.has_key:
            own_headers["Idempotency-Key"] = key or str(uuid4())
        retry = Retry(is_repeatable=operation.is_read or operation.has_key, max_wait_s=self._max_retry_wait)
        token = await async_call(self._tokens.get_token)
        is_renewed = False
        while True:
            try:
                request = self._http.build_request(
                    operation.method,
                    operation.build_path(*path),
                    params=params,
                    json=json,
                    files=files,
                    headers={**own_headers, "Authorization": f"Bearer {token}"},
                )
            except UnicodeEncodeError as error:  # the text itself may be private
                raise PicardError(
                    f"Invalid Unicode: {error.object[error.start : error.end]!a} cannot be sent."
                ) from None
            try:
                response = await self._http.send(request, stream=is_streamed)
                if is_streamed and not response.is_success:
                    await response.aread()
            except httpx.TransportError as error:
                wait_s = retry.get_wait_after_failure(error)
                if wait_s is None:
                    raise describe_failure(error, self.url) from None
            else:
                if response.status_code == 401 and not is_renewed:
                    renewed = await async_call(self._tokens.renew_token, token)
                    if renewed is not None:
                        token, is_renewed = renewed, True
                        continue
                wait_s = retry.get_wait_after_response(response)
                if wait_s is None:
                    check_response(response)
                    return response
            await async_sleep(wait_s)


def _parse_written(response: httpx.Response) -> Memory | PendingApproval:
    if response.status_code == 202:
        return parse_model(PendingApproval, read_json(response))
    return parse_model(Memory, read_json(response))


def _parse_results(model: type[T], response: httpx.Response) -> list[T]:
    page = read_json(response)
    results = page.get("results") if isinstance(page, dict) else None
    return [parse_model(model, each) for each in (results if isinstance(results, list) else [None])]
