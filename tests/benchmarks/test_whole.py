"""The comparison of servers: what counts as an answer, what is compared, and the model that other servers get."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import clients
from benchmarks.clients import Load
from benchmarks.whole import report
from benchmarks.whole.adapters import mcp_memory, mem0_server
from benchmarks.whole.calls import (
    MCP,
    REST,
    BuildRequest,
    Call,
    CallRequests,
    build_post,
    build_tool_call,
    parse_body,
)
from benchmarks.whole.model_files import TOKENIZER, write_model
from benchmarks.whole.results import ADD, SEARCH, Results
from benchmarks.whole.setup import ServerNotRun, find_python
from benchmarks.whole.work import READER, create_work
from memories.providers.embeddings_local import VOCABULARY, _load_tokenizer

HEAD = b"HTTP/1.1 200 OK\r\n"
HIT, NO_HIT = b'{"results":[{"text":"boat"}]}', b'{"results":[]}'
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


def _declare_length(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def _split_into_chunks(body: bytes) -> bytes:
    parts = [body[:7], body[7:], b""]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def _ask(answer: bytes) -> tuple[Load, CallRequests]:
    """Send two requests to a server that always gives this answer, in two parts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"}"):
                writer.write(answer[:-5])
                await asyncio.sleep(0.001)
                writer.write(answer[-5:])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def measure() -> tuple[Load, CallRequests]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        call = Call(port, lambda owner, text: build_post("/", {"query": text}), b'"text":')
        requests = CallRequests(call, iter([(READER, "boat"), (READER, "river")]))
        async with server:
            load = await clients.send_requests(requests, connections=1, seconds=5)
        return load, requests

    return asyncio.run(measure())


@pytest.mark.parametrize(
    "build", [_declare_length, lambda body: CHUNKED + b"\r\n" + _split_into_chunks(body)]
)
def test_complete_answers_with_a_hit_are_counted(build: Callable[[bytes], bytes]) -> None:
    load, requests = _ask(build(HIT))
    assert (len(load.ms), load.errors, requests.failure) == (2, 0, b"")
    assert parse_body(requests.last) == json.loads(HIT)


@pytest.mark.parametrize("answer", [_declare_length(NO_HIT), _declare_length(HIT, b"503 Busy")])
def test_answers_without_a_hit_or_with_an_error_are_errors(answer: bytes) -> None:
    load, requests = _ask(answer)
    assert (load.ms, load.errors, requests.failure) == ([], 2, answer)


def test_answer_of_mcp_may_be_an_event_in_chunks() -> None:
    event = b": ping\r\nevent: message\r\ndata: " + HIT + b"\r\n\r\n"
    answer = CHUNKED + b"Content-Type: text/event-stream\r\n\r\n" + _split_into_chunks(event)
    assert parse_body(answer) == json.loads(HIT)


def test_tool_calls_of_a_session_have_different_ids() -> None:
    bodies = [
        parse_body(build_tool_call("/mcp", "search", {}, ["Authorization: Bearer x"])) for _ in range(2)
    ]
    assert bodies[0]["id"] != bodies[1]["id"]


@pytest.mark.parametrize(
    "build", [mcp_memory._search, mcp_memory._add, mem0_server._search, mem0_server._add]
)
def test_requests_name_the_user_and_the_text(build: BuildRequest) -> None:
    sent = json.dumps(parse_body(build("ada", "the boat")))
    assert '"ada"' in sent
    assert '"the boat"' in sent


def test_questions_are_words_of_their_memory_and_spare_texts_are_new() -> None:
    work = create_work(searched=30, others=2, per_other=5, questions=90, spare=50)
    stored = [text for _, text in work.memories]
    assert len({question.text for question in work.questions}) == 90
    for question in work.questions:
        assert (READER, question.target) in work.memories
        assert set(question.text.split()) <= set(question.target.rstrip(".").split())
    assert len({*stored, *work.spare}) == 40 + 50
    assert work.owners[-1] not in dict(work.memories)


def test_missing_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerNotRun, match="no environment peers"):
        find_python(tmp_path / "peers" / "bin" / "python", "chromadb")


def test_tokenizer_with_other_names_gives_the_same_pieces(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    write_model(tmp_path / "model", renamed={"[CLS]": "<s>", "[SEP]": "</s>"})
    renamed = Tokenizer.from_file(str(tmp_path / "model" / TOKENIZER))
    ids = renamed.encode("The old boat", add_special_tokens=False).ids
    expected = _load_tokenizer(VOCABULARY).encode("The old boat").ids
    assert [renamed.token_to_id("<s>"), *ids, renamed.token_to_id("</s>")] == expected


def test_report_compares_with_the_fastest_server_that_embeds() -> None:
    rates = {"picard": 40, "slow": 10, "fast": 20, "vectors": 100}
    results = Results(
        notes=dict.fromkeys(rates, ""), without_embedding={"vectors"}, not_run={"absent": "no package"}
    )
    for name, rate in rates.items():
        results.found[name, REST] = 1.0
        for operation in (SEARCH, ADD):
            results.add_load((operation, name, REST, 8), Load([1.0] * rate, 0, 1.0))
    results.add_load((SEARCH, "fast", MCP, 8), Load([1.0] * 5, 3, 1.0))
    built = report.build_report(results, 2_000, 12, 0.5)
    assert {bar.promise: bar.figure for bar in built.bars} == {
        "errors of picard": 0,
        "search, 8 connections: requests/s relative to fast (REST)": 2.0,
        "add, 8 connections: requests/s relative to fast (REST)": 2.0,
    }
    rendered = built.render_markdown()
    assert "| fast | MCP | 8 | 5 | 0.125 | 1 | 1 | 3 | – |" in rendered
    assert "absent did not run: no package" in rendered
