"""API requests with bearer tokens, compared to a list built from DRF and the OAuth toolkit."""

import json
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from benchmarks.clients import Load, Requests, Rotation, Target
from benchmarks.clock import build_times
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from memories import scopes
from oauth.access import grants
from oauth.registration import manual as apps
from oauth.tokens.families import AccessToken, new_access_token

API, STOCK, MCP = "api", "stock", "mcp"
LIST, READ, SEARCH, STOCK_LIST = "list of 10", "read one", "search", "stock list of 10"
MCP_SEARCH = "search over MCP"
OPERATIONS = (LIST, READ, SEARCH, MCP_SEARCH, STOCK_LIST)
QUESTION = {"query": "which river did the old boat cross", "limit": 10}
REVISION = "2026-07-28"
META = {  # of requests over MCP
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
COMPARED_CONNECTIONS = 8  # connections at which the list is compared to the stock list
LoadResults = dict[tuple[str, int], Load]  # operation, connections


def create_access_token(
    person: CorpusOwner, *resource: str, granted: frozenset[str] = frozenset({scopes.READ})
) -> str:
    """Create an app's access token for all memories of this user, valid longer than any benchmark.

    The stock list needs no resource: the toolkit's own tokens are valid everywhere.
    """
    app = apps.register_app(name="Benchmark", redirect_uris=["https://benchmark.example/callback"])
    grants.grant_access(person.user, app.application, grants.GrantOptions(granted))
    row = AccessToken(
        user=person.user,
        application=app.application,
        scope=" ".join(sorted(granted)),
        resource=list(resource),
        expires=timezone.now() + timedelta(hours=2),
    )
    token = row._raw_token = new_access_token(None)
    row.save()
    return token


def build_targets(ports: dict[str, int], people: Sequence[CorpusOwner]) -> dict[str, Requests]:
    """Return the requests of these users by operation. `ports`: of the two servers."""
    by_person = [_build_targets(ports, person) for person in people]
    return {operation: Rotation([each[operation] for each in by_person]) for operation in OPERATIONS}


def _build_targets(ports: dict[str, int], person: CorpusOwner) -> dict[str, Target]:
    tokens = {
        API: create_access_token(person, f"{settings.PUBLIC_URL}/api"),
        STOCK: create_access_token(person),
    }
    tokens[MCP] = create_access_token(person, f"{settings.PUBLIC_URL}/mcp")
    return {operation: _build_target(operation, ports, person, tokens) for operation in OPERATIONS}


def _build_target(
    operation: str, ports: dict[str, int], person: CorpusOwner, tokens: dict[str, str]
) -> Target:
    header = f"Authorization: Bearer {tokens[STOCK if operation == STOCK_LIST else API]}\r\n"
    if operation == STOCK_LIST:
        return Target(ports[STOCK], "/stock/memories/?limit=10", headers=header)
    if operation == SEARCH:
        body = json.dumps(QUESTION).encode()
        return Target(ports[API], "/api/v1/memories/search/", headers=header, body=body)
    if operation == MCP_SEARCH:
        return _build_mcp_target(ports[API], tokens[MCP])
    path = f"/api/v1/memories/{person.ids[-1]}/" if operation == READ else "/api/v1/memories/?limit=10"
    return Target(ports[API], path, headers=header)


def _build_mcp_target(port: int, token: str) -> Target:
    params = {"name": "search", "arguments": QUESTION, "_meta": META}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    lines = (
        f"Authorization: Bearer {token}", "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {REVISION}", "Mcp-Method: tools/call", "Mcp-Name: search",
    )  # fmt: skip
    return Target(
        port, "/mcp", headers="".join(f"{line}\r\n" for line in lines), body=json.dumps(message).encode()
    )


def report_api_load(report: Report, measured: LoadResults, connections: tuple[int, ...]) -> None:
    table = report.add_table(
        "API requests with a bearer token: requests per second, and ms p50 / p99",
        "operation", "connections", "requests per second", "ms", "relative to the stock list", "errors",
    )  # fmt: skip
    for operation in OPERATIONS:
        for count in connections:
            load, stock = measured[operation, count], measured[STOCK_LIST, count]
            times = build_times(load.ms)
            ratio = load.requests_per_second / stock.requests_per_second if stock.ms else float("nan")
            table.rows.append(
                (
                    operation,
                    count,
                    load.requests_per_second,
                    f"{times.p50:.3g} / {times.p99:.3g}",
                    ratio,
                    load.errors,
                )
            )
            if operation == LIST and count == COMPARED_CONNECTIONS:
                promise = f"list by token, {count} connections: requests/s relative to the stock list"
                report.add_bar(promise, ratio, 1.6, " ×", at_least=True)
            if operation == MCP_SEARCH and count == COMPARED_CONNECTIONS:
                promise = f"search over MCP, {count} connections: p50 relative to REST"
                report.add_bar(promise, times.p50 / build_times(measured[SEARCH, count].ms).p50, 1.15, " ×")
            if operation == SEARCH and count == COMPARED_CONNECTIONS:
                promise = f"search by token, {count} connections: requests/s"
                report.add_bar(promise, load.requests_per_second, 140, at_least=True)
