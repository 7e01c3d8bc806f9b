// Use every kind of operation through openapi-fetch with the types of openapi-typescript: URL and token as arguments.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };

type Problem = components["schemas"]["Problem"];

function getData<Data>(response: { data?: Data; error?: Problem }): Data {
  if (response.data === undefined) throw new Error(response.error?.detail ?? "no data");
  return response.data;
}

function getProblem(response: { error?: Problem }): Problem {
  if (response.error === undefined) throw new Error("no problem");
  return response.error;
}

async function main(baseUrl: string, token: string): Promise<void> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const scopes = getData(await client.GET("/api/v1/whoami/")).scopes;

  const created = {
    params: { header: { "Idempotency-Key": "only once" } },
    body: { text: "Memory 1.", tags: ["numbers"], expires_at: "2999-01-31T00:00:00+00:00" },
  };
  const first = getData(await client.POST("/api/v1/memories/", created));
  const again = getData(await client.POST("/api/v1/memories/", created));
  if (!("id" in first && "id" in again && first.id === again.id)) throw new Error("created twice");
  for (let number = 2; number < 6; number++) {
    getData(await client.POST("/api/v1/memories/", { body: { text: `Memory ${number}.` } }));
  }

  const [tag] = getData(await client.GET("/api/v1/tags/")).results;
  const hits = getData(await client.POST("/api/v1/memories/search/", {
    body: { query: "memory", tags_any: [tag.id] },
  }));

  const pages: (string | null)[][] = [];
  let cursor: string | null | undefined;
  do {
    const page = getData(await client.GET("/api/v1/memories/", {
      params: { query: { cursor: cursor ?? undefined, limit: 2, visibility: "private", since: "2020-01-01T00:00:00Z" } },
    }));
    pages.push(page.results.map((memory) => memory.text));
    cursor = page.next_cursor;
  } while (cursor);

  const exports: Record<string, string> = {};
  for (const format of ["jsonl", "pam", "markdown", "csv", "text"] as const) {
    const file = getData(await client.GET("/api/v1/export/", {
      params: { query: { format } }, parseAs: "arrayBuffer",
    }));
    exports[format] = btoa(String.fromCharCode(...new Uint8Array(file)));
  }
  const preview = getData(await client.POST("/api/v1/import/", {
    body: "[2026-01-31] - Memory 6.",
    bodySerializer: (body) => body,
    headers: { "Content-Type": "application/octet-stream" },
  }));

  const memory = { memory_id: first.id };
  const change = { params: { path: memory, header: { "If-Match": '"1"' } }, body: { text: "Memory one." } };
  const changed = getData(await client.PATCH("/api/v1/memories/{memory_id}/", change));
  const stale = getProblem(await client.PATCH("/api/v1/memories/{memory_id}/", change));
  const trashed = await client.DELETE("/api/v1/memories/{memory_id}/", { params: { path: memory } });
  if (trashed.response.status !== 204) throw new Error("not deleted");
  const missing = getProblem(await client.GET("/api/v1/memories/{memory_id}/", { params: { path: memory } }));
  const invalid = getProblem(await client.POST("/api/v1/memories/", { body: { text: " " } }));
  const nowhere = { memory_id: "00000000-0000-0000-0000-000000000000" };
  const unknown = getProblem(await client.DELETE("/api/v1/memories/{memory_id}/", { params: { path: nowhere } }));
  console.log(JSON.stringify({
    scopes,
    created: [first.visibility, first.tags, first.expires_at?.replace("Z", "+00:00")],
    found: hits.results.map((hit) => hit.memory.text),
    pages,
    exports,
    imported: [preview.format, preview.new],
    changed: "version" in changed ? [changed.version, changed.text] : changed,
    problems: [stale, missing, invalid, unknown].map((each) => [each.status, each.code]),
    pointers: invalid.errors.map((entry) => entry.pointer),
  }));
}

main(process.argv[2], process.argv[3]);
