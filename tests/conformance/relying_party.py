"""An application with Authlib: relying_party.py '{"issuer", "clientId", "clientSecret", "redirectUri", "home"}'. Prints where the browser
goes, reads where it came back to, and prints what was learned."""
import json
import os
import sys
from urllib.parse import urlencode

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
wanted = json.loads(sys.argv[1])
session = OAuth2Session(
    wanted["clientId"], wanted["clientSecret"], redirect_uri=wanted["redirectUri"],
    scope="openid profile email offline_access", code_challenge_method="S256",
)
get = lambda url: session.request("GET", url, withhold_token=True).json()
metadata = get(wanted["issuer"] + "/.well-known/openid-configuration")
assert metadata["issuer"] == wanted["issuer"], metadata
verifier, nonce = generate_token(64), generate_token(32)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
print(url, flush=True)
back = sys.stdin.readline().strip()
tokens = session.fetch_token(metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)


def claims(id_token, **params):
    keys = KeySet.import_key_set(get(metadata["jwks_uri"]))
    token = jwt.decode(id_token, keys, algorithms=["ES256"])
    options = {"iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": wanted["clientId"]}}
    checked = CodeIDToken(token.claims, token.header, options, {"client_id": wanted["clientId"], **params})
    checked.validate()
    return checked


first = claims(tokens["id_token"], nonce=nonce, access_token=tokens["access_token"])
userinfo = session.get(metadata["userinfo_endpoint"]).json()
following = session.refresh_token(metadata["token_endpoint"])
refreshed = claims(following["id_token"])
auth = (wanted["clientId"], wanted["clientSecret"])
active = lambda: session.introspect_token(metadata["introspection_endpoint"], token=following["access_token"]).json()["active"]
before = active()
session.revoke_token(metadata["revocation_endpoint"], token=following["refresh_token"], token_type_hint="refresh_token")
hint = {"id_token_hint": following["id_token"], "post_logout_redirect_uri": wanted["home"]}
print(json.dumps({
    "claims": dict(first), "userinfo": userinfo, "refreshed": refreshed["sub"], "active": [before, active()],
    "signOut": metadata["end_session_endpoint"] + "?" + urlencode(hint),
}))
