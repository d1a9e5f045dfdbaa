// An application with a certified OpenID client: relying-party.mjs '{"issuer", "clientId", "clientSecret", "redirectUri", "home"}'. Prints
// where the browser goes, reads where it came back to, and prints what was learned. Without a redirectUri it is one on a device: it prints
// the page with its code, and waits until somebody lets it in. It introspects and revokes tokens where the provider says that it can.
import readline from 'node:readline/promises';
import * as client from 'openid-client';

const wanted = JSON.parse(process.argv[2]);
const insecure = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
if (!wanted.redirectUri) {
  const config = await client.discovery(new URL(wanted.issuer), wanted.clientId, undefined, client.None(), insecure);
  const codes = await client.initiateDeviceAuthorization(config, { scope: 'openid profile email offline_access' });
  console.log(codes.verification_uri_complete);
  const tokens = await client.pollDeviceAuthorizationGrant(config, codes);
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  console.log(JSON.stringify({ claims, userinfo, refreshed: next.claims().sub }));
  process.exit();
}
const lines = readline.createInterface({ input: process.stdin });
const config = await client.discovery(
  new URL(wanted.issuer), wanted.clientId, undefined, client.ClientSecretBasic(wanted.clientSecret),
  insecure,
);
const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: wanted.redirectUri,
  scope: 'openid profile email offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
  nonce: expectedNonce,
});
console.log(url.href);
const back = new URL((await lines[Symbol.asyncIterator]().next()).value);
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true,
});
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const next = await client.refreshTokenGrant(config, tokens.refresh_token);
const introspects = config.serverMetadata().introspection_endpoint !== undefined;
const active = async () => introspects && (await client.tokenIntrospection(config, next.access_token)).active;
const before = await active();
if (introspects) await client.tokenRevocation(config, next.refresh_token);
const signOut = client.buildEndSessionUrl(config, { id_token_hint: next.id_token, post_logout_redirect_uri: wanted.home });
console.log(JSON.stringify({
  claims, userinfo, refreshed: next.claims().sub, active: [before, await active()], signOut: signOut.href,
}));
process.exit();
