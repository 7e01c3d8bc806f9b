// Gemini CLI's library: logs in as `/mcp auth picard` does, and calls tools over the CLI's own connection.
// Usage: node gemini.mjs URL, with an empty HOME
import { connectToMcpServer, coreEvents, MCPOAuthProvider } from "@google/gemini-cli-core";
import { serve } from "../drivers/driver.mjs";

const [url] = process.argv.slice(2);
const config = { httpUrl: url };
const workspace = { getDirectories: () => [], onDirectoriesChanged: () => () => {} };
const context = { sanitizationConfig: {}, emitMcpDiagnostic: () => {}, isTrustedFolder: () => true };
let client;

// The CLI asks its user before it opens the browser, in a terminal.
process.stdin.isTTY = process.stdout.isTTY = true;
coreEvents.on("consent-request", ({ onConfirm }) => onConfirm(true));

async function connected() {
  return (client ??= await connectToMcpServer("0", "picard", config, false, workspace, context));
}

/** `/mcp auth picard`, which the CLI tells its user to run. */
async function login() {
  await new MCPOAuthProvider().authenticate("picard", { enabled: true }, url);
  client = undefined;
  return {};
}

await serve({
  login,
  "tools/list": async () => {
    await connected().catch(login);
    return (await connected()).listTools();
  },
  "tools/call": async (params) => (await connected()).callTool(params),
});
