"""How fast an app is answered that comes with its bearer token: beside a list as DRF and the toolkit make it."""

import json
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from benchmarks.clients import Load, Target
from benchmarks.clock import build_times
from benchmarks.corpus import CorpusOwner
from benchmarks.report import Report
from memories import scopes
from oauth.access import grants
from oauth.registration import manual as apps
from oauth.tokens.families import AccessToken, new_access_token

API, STOCK, MCP = "api", "stock", "mcp"
LIST, READ, SEARCH, STOCK_LIST = "list of 10", "read one", "search", "stock list of 10"
MCP_SEARCH = "search by MCP"
ACTS = (LIST, READ, SEARCH, MCP_SEARCH, STOCK_LIST)
QUESTION = {"query": "which river did the old boat cross", "limit": 10}
REVISION = "2026-07-28"
COMPARED_CONNECTIONS = 8  # connections at which the list is compared with the stock one
LoadResults = dict[tuple[str, int], Load]  # act, connections


def create_access_token(person: CorpusOwner, *resource: str) -> str:
    """An app's access to all memories of this person at this resource, for as long as any benchmark takes.

    The stock list asks for none: by itself the toolkit makes tokens that are valid everywhere.
    """
    made = apps.register_app(name="Benchmark", redirect_uris=["https://benchmark.example/callback"])
    held = frozenset({scopes.READ})
    grants.grant_access(person.user, made.application, grants.GrantOptions(held))
    row = AccessToken(
        user=person.user,
        application=made.application,
        scope=" ".join(held),
        resource=list(resource),
        expires=timezone.now() + timedelta(hours=2),
    )
    token = row._raw_token = new_access_token(None)
    row.save()
    return token


def build_targets(ports: dict[str, int], person: CorpusOwner) -> dict[str, Target]:
    """What is asked, by its name. `ports` of the two servers."""
    tokens = {
        API: create_access_token(person, f"{settings.PUBLIC_URL}/api"),
        STOCK: create_access_token(person),
    }
    tokens[MCP] = create_access_token(person, f"{settings.PUBLIC_URL}/mcp")
    return {act: _build_target(act, ports, person, tokens) for act in ACTS}


def _build_target(act: str, ports: dict[str, int], person: CorpusOwner, tokens: dict[str, str]) -> Target:
    header = f"Authorization: Bearer {tokens[STOCK if act == STOCK_LIST else API]}\r\n"
    if act == STOCK_LIST:
        return Target(ports[STOCK], "/stock/memories/?limit=10", headers=header)
    if act == SEARCH:
        body = json.dumps(QUESTION).encode()
        return Target(ports[API], "/api/v1/memories/search/", headers=header, body=body)
    if act == MCP_SEARCH:
        return _build_mcp_target(ports[API], tokens[MCP])
    path = f"/api/v1/memories/{person.ids[-1]}/" if act == READ else "/api/v1/memories/?limit=10"
    return Target(ports[API], path, headers=header)


def _build_mcp_target(port: int, token: str) -> Target:
    meta = {
        "protocolVersion": REVISION,
        "clientInfo": {"name": "benchmark", "version": "1"},
        "clientCapabilities": {},
    }
    params = {
        "name": "search",
        "arguments": QUESTION,
        "_meta": {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()},
    }
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
        "An app with its token: requests a second, and ms p50 / p99",
        "act", "connections", "requests a second", "ms", "of the stock list", "wrong answers",
    )  # fmt: skip
    for act in ACTS:
        for count in connections:
            load, stock = measured[act, count], measured[STOCK_LIST, count]
            taken = build_times(load.ms)
            ratio = load.requests_per_second / stock.requests_per_second if stock.ms else float("nan")
            table.rows.append(
                (
                    act,
                    count,
                    load.requests_per_second,
                    f"{taken.p50:.3g} / {taken.p99:.3g}",
                    ratio,
                    load.errors,
                )
            )
            if act == LIST and count == COMPARED_CONNECTIONS:
                promise = f"list by token, {count} connections: of the stock list's requests/s"
                report.add_bar(promise, ratio, 1.6, " ×", at_least=True)
            if act == MCP_SEARCH and count == COMPARED_CONNECTIONS:
                promise = f"search by MCP, {count} connections: p50 of the REST search's"
                report.add_bar(promise, taken.p50 / build_times(measured[SEARCH, count].ms).p50, 1.5, " ×")
