// What the programs on Node.js libraries share: a listener for the callback, an OAuth provider that stores everything
// in memory, and JSON-RPC over stdin and stdout, so that the tests drive them like any stdio server.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

/** Opens URLs in the user's browser and receives the callback on a loopback port. */
export class Browser {
  async listen() {
    this.server = createServer((request, response) => {
      const url = new URL(request.url, this.redirectUrl);
      response.end("You can close this window.");
      if (url.pathname === "/callback") this.resolve?.(url.searchParams);
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.redirectUrl = `http://127.0.0.1:${this.server.address().port}/callback`;
    return this;
  }

  open(url) {
    this.callback = new Promise((resolve) => (this.resolve = resolve));
    execFile("xdg-open", [url.href]);
  }
}

/** The OAuthClientProvider of the TypeScript SDK and of @ai-sdk/mcp. */
export class Provider {
  constructor(browser, name) {
    this.browser = browser;
    this.redirectUrl = browser.redirectUrl;
    this.clientMetadataUrl = process.env.CLIENT_DOCUMENT || undefined;
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  clientInformation = () => this.client;
  saveClientInformation = (client) => void (this.client = client);
  tokens = () => this.stored;
  saveTokens = (tokens) => void (this.stored = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  redirectToAuthorization = (url) => this.browser.open(url);
  invalidateCredentials(scope) {
    if (scope === "all" || scope === "client") this.client = undefined;
    if (scope === "all" || scope === "tokens") this.stored = undefined;
  }
}

/** Answer requests until stdin ends. */
export async function serve(methods) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) continue;
    const answer = { jsonrpc: "2.0", id };
    try {
      answer.result = method in methods ? await methods[method](params) : {};
    } catch (error) {
      answer.error = { code: -32000, message: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}
