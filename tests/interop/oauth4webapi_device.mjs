// A command line built with oauth4webapi, which checks every response against the standards: discovery, dynamic
// registration without redirect URLs, the device flow (RFC 8628), and refresh.
//
//   node oauth4webapi_device.mjs ISSUER RESOURCE
//
// Prints the URL for the user's browser, polls until the user has answered, and prints the results as one line of JSON.

import { setTimeout } from "node:timers/promises";
import * as oauth from "oauth4webapi";

const [issuer, resource] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: true }; // http on the loopback address
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

const server = await oauth.processDiscoveryResponse(
  new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure }),
);
const client = await oauth.processDynamicClientRegistrationResponse(
  await oauth.dynamicClientRegistrationRequest(server, {
    client_name: "A strict command line",
    grant_types: [deviceGrant, "refresh_token"],
    token_endpoint_auth_method: "none",
  }, insecure),
);
const codes = await oauth.processDeviceAuthorizationResponse(
  server, client,
  await oauth.deviceAuthorizationRequest(
    server, client, oauth.None(), { scope: "memories:read memories:write", resource }, insecure,
  ),
);
console.log(codes.verification_uri_complete);

const errors = [];
let first;
while (!first) {
  try {
    first = await oauth.processDeviceCodeResponse(
      server, client, await oauth.deviceCodeGrantRequest(server, client, oauth.None(), codes.device_code, insecure),
    );
  } catch (error) {
    if (!(error instanceof oauth.ResponseBodyError)) throw error;
    if (!["authorization_pending", "slow_down"].includes(error.error)) {
      errors.push(error.error);
      break;
    }
    errors.push(error.error);
    await setTimeout(500);
  }
}
const second = first && await oauth.processRefreshTokenResponse(
  server, client, await oauth.refreshTokenGrantRequest(server, client, oauth.None(), first.refresh_token, insecure),
);
const answer = second && await oauth.protectedResourceRequest(
  second.access_token, "GET", new URL(`${resource}/v1/memories/`), undefined, undefined, insecure,
);
console.log(JSON.stringify({ errors, scope: first?.scope, status: answer?.status }));
