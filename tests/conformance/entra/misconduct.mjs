// What the provider does wrong, as the last POST /conduct says; its answer is how often each path was asked until then. A conduct may have
//   claims, header     members of the ID token to change, null to take one away; it is signed as ever
//   signed             by what the ID token is signed instead, one of `signatures`, or by "keyBefore"
//   answer             parameters to change of the address that the browser comes back with
//   metadata, keys     members to change of what it publishes
//   replayed           true: the token endpoint answers what it answered before
//   rotated            "beside" or "alone": from then on it signs by another key, with or without the one before published
//   down               {PATH: a status, "reset", "cut" or "silent"}
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { json } from 'node:stream/consumers';

let conduct = {};
// Those that it has at present, the one that it signs by first.
let keys = [freshKey()];
let keyBefore;
let lastTokens;
const asked = {};
const strangersKey = freshKey();

// By way of PEM: Node 20 hangs when it collects what made a key while that key is exported as JWK.
function freshKey() {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { ...createPrivateKey(privateKey).export({ format: 'jwk' }), use: 'sig', kid: randomUUID() };
}

const published = ({ kty, use, kid, n, e }) => ({ kty, use, kid, n, e });

function changed(object, changes = {}) {
  return Object.fromEntries(Object.entries({ ...object, ...changes }).filter(([, value]) => value !== null));
}

const rs256 = (text, key) => sign('sha256', text, createPrivateKey({ key, format: 'jwk' }));
const signatures = {
  own: rs256,
  keyBefore: rs256,
  strangersKey: (text) => rs256(text, strangersKey),
  // RFC 8725, section 2.1: the public key, which everybody has, as the key of an HMAC.
  publicKey: (text, key) => {
    const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    return createHmac('sha256', pem).update(text).digest();
  },
  noise: () => randomBytes(256),
  nothing: () => Buffer.alloc(0),
};

function forged(token) {
  const { signed = 'own' } = conduct;
  const key = signed === 'keyBefore' ? keyBefore : keys[0];
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  // A stranger brings along the key to check the token by.
  const brought = signed === 'strangersKey' ? { jwk: published(strangersKey) } : {};
  const parts = [changed({ ...header, ...brought, kid: key.kid }, conduct.header), changed(claims, conduct.claims)];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${signatures[signed](Buffer.from(text), key).toString('base64url')}`;
}

function tokens(given) {
  const { claims, header, signed, replayed } = conduct;
  if (!given.id_token) return given;
  if (replayed) return lastTokens;
  lastTokens = given;
  // The provider itself knows its first key alone.
  return claims || header || signed || keyBefore ? { ...given, id_token: forged(given.id_token) } : given;
}

const answers = {
  '/token': tokens,
  '/jwks': () => changed({ keys: keys.map(published) }, conduct.keys),
  '/.well-known/openid-configuration': (given) => changed(given, conduct.metadata),
};

function fail(context, how) {
  if (typeof how === 'number') {
    context.status = how;
    context.set('location', '/elsewhere');
    context.type = 'html';
    context.body = '<!doctype html><title>We are sorry</title>';
    return;
  }
  context.respond = false;
  if (how === 'reset') context.req.socket.destroy();
  if (how === 'cut') {
    context.res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    context.res.write('{"issuer": ', () => context.req.socket.destroy());
  }
}

// What the provider has to sign by.
export const jwks = { keys };

export function mayMisbehave(provider) {
  provider.on('authorization.success', (_, answer) => {
    for (const [name, value] of Object.entries(conduct.answer ?? {})) answer[name] = value ?? undefined;
  });
  return provider.use(async (context, next) => {
    const { path } = context;
    asked[path] = (asked[path] ?? 0) + 1;
    if (conduct.down?.[path]) return fail(context, conduct.down[path]);
    await next();
    if (answers[path]) context.body = answers[path](context.body);
  });
}

export async function control(request, response) {
  conduct = await json(request);
  if (conduct.rotated) {
    [keyBefore] = keys;
    keys = conduct.rotated === 'beside' ? [freshKey(), keyBefore] : [freshKey()];
  }
  response.end(JSON.stringify(asked));
}
