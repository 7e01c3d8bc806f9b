// Use every kind of operation through the typescript-fetch client of openapi-generator: URL and token as arguments.

import {
  Configuration, MemoriesApi, MovingApi, PersonApi, Problem, ProblemFromJSON, ResponseError, SearchApi, VisibilityEnum,
} from "./typescript-fetch";

declare const process: { argv: string[] };

async function getProblem(call: Promise<unknown>): Promise<Problem> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ResponseError) return ProblemFromJSON(await error.response.json());
    throw error;
  }
  throw new Error("no problem");
}

async function encode(file: Blob): Promise<string> {
  return btoa(String.fromCharCode(...new Uint8Array(await file.arrayBuffer())));
}

async function main(basePath: string, accessToken: string): Promise<void> {
  const configuration = new Configuration({ basePath, accessToken });
  const memories = new MemoriesApi(configuration);
  const moving = new MovingApi(configuration);
  const scopes = (await new PersonApi(configuration).whoami()).scopes;

  const memoryInRequest = { text: "Memory 1.", tags: ["numbers"], expiresAt: new Date("2999-01-31T00:00:00Z") };
  const first = await memories.createMemory({ memoryInRequest, idempotencyKey: "only once" });
  const again = await memories.createMemory({ memoryInRequest, idempotencyKey: "only once" });
  if (first.id !== again.id) throw new Error("created twice");
  for (let number = 2; number < 6; number++) {
    await memories.createMemory({ memoryInRequest: { text: `Memory ${number}.` } });
  }

  const [tag] = (await memories.listTags()).results;
  const hits = await new SearchApi(configuration).searchMemories({
    searchInRequest: { query: "memory", tagsAny: [tag.id] },
  });

  const pages: (string | null)[][] = [];
  let cursor: string | null | undefined;
  do {
    const page = await memories.listMemories({
      cursor: cursor ?? undefined, limit: 2, visibility: VisibilityEnum.Private, since: new Date("2020-01-01"),
    });
    pages.push(page.results.map((memory) => memory.text));
    cursor = page.nextCursor;
  } while (cursor);

  const exports: Record<string, string> = {};
  for (const format of ["jsonl", "pam", "markdown", "csv", "text"] as const) {
    exports[format] = await encode(await moving.exportMemories({ format }));
  }
  const preview = await moving.lookAtImport({ body: new Blob(["[2026-01-31] - Memory 6."]) });

  const change = { memoryId: first.id, ifMatch: '"1"', patchedMemoryChangesRequest: { text: "Memory one." } };
  const changed = await memories.changeMemory(change);
  const stale = await getProblem(memories.changeMemory(change));
  await memories.trashMemory({ memoryId: first.id });
  const missing = await getProblem(memories.readMemory({ memoryId: first.id }));
  const invalid = await getProblem(memories.createMemory({ memoryInRequest: { text: " " } }));
  const unknown = await getProblem(memories.trashMemory({ memoryId: "00000000-0000-0000-0000-000000000000" }));
  console.log(JSON.stringify({
    scopes,
    created: [first.visibility, first.tags, first.expiresAt?.toISOString().replace(".000Z", "+00:00")],
    found: hits.results.map((hit) => hit.memory.text),
    pages,
    exports,
    imported: [preview.format, preview._new],
    changed: [changed.version, changed.text],
    problems: [stale, missing, invalid, unknown].map((each) => [each.status, each.code]),
    pointers: invalid.errors.map((entry) => entry.pointer),
  }));
}

main(process.argv[2], process.argv[3]);
