// @ai-sdk/mcp, as its documentation connects with OAuth.
// Usage: node ai_sdk.mjs URL
import { auth, createMCPClient, UnauthorizedError } from "@ai-sdk/mcp";
import { Browser, Provider, serve } from "./driver.mjs";

const [url] = process.argv.slice(2);
const browser = await new Browser().listen();
const authProvider = new Provider(browser, "AI SDK");
let client;

/** Do it; if the SDK opened the browser, finish the authorization and do it again on a new connection. */
async function authorized(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof UnauthorizedError || error.cause instanceof UnauthorizedError)) throw error;
    const params = await browser.callback;
    const code = { authorizationCode: params.get("code"), callbackState: params.get("state") ?? undefined };
    await auth(authProvider, { serverUrl: new URL(url), ...code, callbackIssuer: params.get("iss") ?? undefined });
    client = undefined;
    return await act();
  }
}

async function connected() {
  return (client ??= await createMCPClient({ transport: { type: "http", url, authProvider } }));
}

await serve({
  "tools/list": () => authorized(async () => (await connected()).listTools()),
  "tools/call": ({ name, arguments: given }) =>
    authorized(async () => (await connected()).callTool({ name, arguments: given })),
});
