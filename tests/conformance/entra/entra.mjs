// A certified OpenID provider in the clothes of an Entra tenant: entra.mjs '{"tenant", "clientId", "clientSecret", "redirectUris",
// "logoutUri", "signedOutUri", "people": {"NAME": "OBJECT ID"}}'. Prints its address once it serves; any password is right. Each person
// has more groups than Entra puts into a token. POST /conduct makes it do wrong: misconduct.mjs.
import http from 'node:http';
import { Provider } from 'oidc-provider';
import { control, jwks, mayMisbehave } from './misconduct.mjs';

const wanted = JSON.parse(process.argv[2]);
const path = `/${wanted.tenant}/v2.0`;

function claims(name) {
  const oid = wanted.people[name];
  const endpoint = `https://graph.windows.net/${wanted.tenant}/users/${oid}/getMemberObjects`;
  return {
    sub: name, oid, tid: wanted.tenant, ver: '2.0', name, preferred_username: name, email: name,
    _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint } },
  };
}

function provider(base) {
  return new Provider(base + path, {
    clients: [{
      client_id: wanted.clientId,
      client_secret: wanted.clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: wanted.redirectUris,
      post_logout_redirect_uris: [wanted.signedOutUri],
      ...(wanted.logoutUri && { backchannel_logout_uri: wanted.logoutUri, backchannel_logout_session_required: true }),
    }],
    // Entra has them in the ID token, whatever the flow.
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'oid', 'tid', 'ver', 'groups'], profile: ['name', 'preferred_username'], email: ['email'] },
    pkce: { required: () => true },
    // It would tell nobody of this machine.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: { backchannelLogout: { enabled: true } },
    cookies: { keys: ['for this run'] },
    jwks,
    findAccount: (_, name) => wanted.people[name] && { accountId: name, claims: () => claims(name) },
    // Consent was granted by the administrator.
    async loadExistingGrant(context) {
      const { provider, session, client } = context.oidc;
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const answer = mayMisbehave(provider(base)).callback();
  server.on('request', (request, response) => {
    if (request.url === '/conduct') return control(request, response);
    request.originalUrl = request.url;
    request.url = request.url.replace(path, '') || '/';
    return answer(request, response);
  });
  console.log(base);
});
