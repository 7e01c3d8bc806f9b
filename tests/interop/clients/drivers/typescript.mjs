// The MCP TypeScript SDK, 1.x or 2.x, as its documentation connects with OAuth.
// Usage: node typescript.mjs (1|2) URL
import { Browser, Provider, serve } from "./driver.mjs";

const [major, url] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
  major === "1"
    ? {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
        ...(await import("@modelcontextprotocol/sdk/client/auth.js")),
      }
    : await import("@modelcontextprotocol/client");

const browser = await new Browser().listen();
const authProvider = new Provider(browser, `TypeScript SDK ${major}`);
let client, transport;

/** Do it; if the SDK opened the browser, finish the authorization and do it again on a new connection. */
async function authorized(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const params = await browser.callback;
    await transport.finishAuth(major === "1" ? params.get("code") : params);
    client = undefined;
    return await act();
  }
}

async function connected() {
  if (client) return client;
  const opened = new Client({ name: "typescript", version: major });
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  await opened.connect(transport);
  return (client = opened);
}

await serve({
  "tools/list": () => authorized(async () => (await connected()).listTools()),
  "tools/call": (params) => authorized(async () => (await connected()).callTool(params)),
});
