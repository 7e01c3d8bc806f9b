// An app as oauth4webapi speaks it, which checks every answer against the standards: found out by discovery,
// registered by itself, authorized by code and PKCE, refreshed, introspected, given back.
//
//   node oauth4webapi.mjs ISSUER RESOURCE REDIRECT_URI
//
// Prints the address that a browser must open, reads from its input where the browser was sent, and at the end
// prints what it saw, as one line of JSON.

import { createInterface } from "node:readline/promises";
import * as oauth from "oauth4webapi";

const [issuer, resource, redirectUri] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: true }; // http on the loopback address
const lines = createInterface({ input: process.stdin });

async function challengeOf(token) {
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
const described = await oauth.processResourceDiscoveryResponse(
  new URL(resource), await oauth.resourceDiscoveryRequest(new URL(resource), insecure),
);
const server = await oauth.processDiscoveryResponse(
  new URL(described.authorization_servers[0]),
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
const proof = oauth.ClientSecretBasic(client.client_secret);

// RFC 6749 4.1, RFC 7636, RFC 8707, RFC 9207
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const asked = new URL(server.authorization_endpoint);
for (const [name, value] of Object.entries({
  response_type: "code",
  client_id: client.client_id,
  redirect_uri: redirectUri,
  scope: "memories:read memories:write",
  state,
  resource,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
})) asked.searchParams.set(name, value);
console.log(asked.href);
const sentTo = (await lines[Symbol.asyncIterator]().next()).value;
const callback = oauth.validateAuthResponse(server, client, new URL(sentTo), state);
const first = await oauth.processAuthorizationCodeResponse(
  server, client,
  await oauth.authorizationCodeGrantRequest(
    server, client, proof, callback, redirectUri, verifier, { additionalParameters: { resource }, ...insecure },
  ),
);
const withFirst = await challengeOf(first.access_token);

// RFC 6749 6
const second = await oauth.processRefreshTokenResponse(
  server, client, await oauth.refreshTokenGrantRequest(server, client, proof, first.refresh_token, insecure),
);
const withSecond = await challengeOf(second.access_token);

// RFC 7662, RFC 7009
const introspect = async (token) => oauth.processIntrospectionResponse(
  server, client, await oauth.introspectionRequest(server, client, proof, token, insecure),
);
const before = await introspect(second.access_token);
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, proof, second.refresh_token, insecure),
);
const after = await introspect(second.access_token);
const withRevoked = await challengeOf(second.access_token);

lines.close();
console.log(JSON.stringify({
  scope: first.scope, rotated: first.refresh_token !== second.refresh_token,
  withFirst, withSecond, before, after, withRevoked,
}));
