// An app built with oauth4webapi, which checks every response against the standards: discovery, dynamic registration,
// authorization code with PKCE, refresh, introspection and revocation.
//
//   node oauth4webapi.mjs ISSUER RESOURCE REDIRECT_URI
//
// Prints the authorization URL, reads the redirect URL from standard input, and prints the results as one line of JSON.

import { createInterface } from "node:readline/promises";
import * as oauth from "oauth4webapi";

const [issuer, resource, redirectUri] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: true }; // http on the loopback address
const lines = createInterface({ input: process.stdin });

async function requestMemories(token) {
  try {
    const answer = await oauth.protectedResourceRequest(
      token, "GET", new URL(`${resource}/v1/memories/`), undefined, undefined, insecure,
    );
    return { status: answer.status, challenges: [] };
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    return { status: error.status, challenges: error.cause.map((each) => each.parameters) };
  }
}

// RFC 9728, RFC 8414
const resourceMetadata = await oauth.processResourceDiscoveryResponse(
  new URL(resource), await oauth.resourceDiscoveryRequest(new URL(resource), insecure),
);
const server = await oauth.processDiscoveryResponse(
  new URL(resourceMetadata.authorization_servers[0]),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure }),
);

// RFC 7591
const client = await oauth.processDynamicClientRegistrationResponse(
  await oauth.dynamicClientRegistrationRequest(server, {
    client_name: "A strict app",
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "client_secret_basic",
  }, insecure),
);
const clientAuth = oauth.ClientSecretBasic(client.client_secret);

// RFC 6749 4.1, RFC 7636, RFC 8707, RFC 9207
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const authorizationUrl = new URL(server.authorization_endpoint);
for (const [name, value] of Object.entries({
  response_type: "code",
  client_id: client.client_id,
  redirect_uri: redirectUri,
  scope: "memories:read memories:write",
  state,
  resource,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
})) authorizationUrl.searchParams.set(name, value);
console.log(authorizationUrl.href);
const redirectedTo = (await lines[Symbol.asyncIterator]().next()).value;
const callback = oauth.validateAuthResponse(server, client, new URL(redirectedTo), state);
const first = await oauth.processAuthorizationCodeResponse(
  server, client,
  await oauth.authorizationCodeGrantRequest(
    server, client, clientAuth, callback, redirectUri, verifier, { additionalParameters: { resource }, ...insecure },
  ),
);
const withFirst = await requestMemories(first.access_token);

// RFC 6749 6
const second = await oauth.processRefreshTokenResponse(
  server, client, await oauth.refreshTokenGrantRequest(server, client, clientAuth, first.refresh_token, insecure),
);
const withSecond = await requestMemories(second.access_token);

// RFC 7662, RFC 7009
const introspect = async (token) => oauth.processIntrospectionResponse(
  server, client, await oauth.introspectionRequest(server, client, clientAuth, token, insecure),
);
const before = await introspect(second.access_token);
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, clientAuth, second.refresh_token, insecure),
);
const after = await introspect(second.access_token);
const withRevoked = await requestMemories(second.access_token);

lines.close();
console.log(JSON.stringify({
  scope: first.scope, rotated: first.refresh_token !== second.refresh_token,
  withFirst, withSecond, before, after, withRevoked,
}));
