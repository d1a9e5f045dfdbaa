#!/usr/bin/env python3
"""Signs a person in with the browser and prints who it is.

A public client as RFC 8252 wants it: the browser of the person, a loopback address with any free port, the code flow with PKCE, and no
secret. The ID token comes from the token endpoint itself, over TLS; so its signature need not be looked at (OpenID Connect Core 1.0,
section 3.1.3.7), and no library is needed.
"""
import argparse
import base64
import hashlib
import http.server
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser


def call(url, form=None, token=None):
    """The JSON at an address; of a refusal what it says."""
    request = urllib.request.Request(url, data=form and urllib.parse.urlencode(form).encode())
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Callback(http.server.BaseHTTPRequestHandler):
    """Takes in the one answer that the browser brings."""

    def do_GET(self):
        address = urllib.parse.urlparse(self.path)
        if address.path != "/callback":
            self.send_error(404)
            return
        self.server.answer = dict(urllib.parse.parse_qsl(address.query))
        text = b"You can close this page."
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def sign_in(issuer, client_id, show):
    """The tokens of who signs in with the browser, and what the provider says of itself."""
    provider = call(f"{issuer}/.well-known/openid-configuration")
    if provider["issuer"] != issuer:
        raise SystemExit(f"the issuer calls itself {provider['issuer']}")
    server = http.server.HTTPServer(("127.0.0.1", 0), Callback)
    server.answer = None
    redirect_uri = f"http://127.0.0.1:{server.server_port}/callback"
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    request = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid profile email offline_access",
        "state": state,
        "nonce": nonce,
        "code_challenge": encoded(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    show(f"{provider['authorization_endpoint']}?{urllib.parse.urlencode(request)}")
    while server.answer is None:
        server.handle_request()
    answer = server.answer
    # RFC 9207: the answer is of the provider that was asked.
    if answer.get("state") != state or answer.get("iss") != issuer:
        raise SystemExit("the answer is not the one to our request")
    if "code" not in answer:
        raise SystemExit(f"{answer.get('error')}: {answer.get('error_description')}")
    tokens = call(provider["token_endpoint"], {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": answer["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    })
    claims = tokens["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    wanted = {"iss": issuer, "aud": client_id, "nonce": nonce}
    if any(claims.get(name) != value for name, value in wanted.items()) or claims["exp"] < time.time():
        raise SystemExit("the ID token is not the one to our request")
    return provider, tokens


def main():
    arguments = argparse.ArgumentParser(description="Signs a person in with the browser and prints who it is.")
    arguments.add_argument("--issuer", required=True, help="such as https://quay.id.example.com")
    arguments.add_argument("--client-id", default="field-app")
    arguments.add_argument("--print-url", action="store_true", help="print the address instead of opening the browser")
    given = arguments.parse_args()

    show = (lambda url: print(url, flush=True)) if given.print_url else webbrowser.open
    provider, tokens = sign_in(given.issuer.rstrip("/"), given.client_id, show)
    # Later, when the access token has expired; each refresh token is good once.
    tokens = call(provider["token_endpoint"], {
        "grant_type": "refresh_token",
        "client_id": given.client_id,
        "refresh_token": tokens["refresh_token"],
    })
    print(json.dumps(call(provider["userinfo_endpoint"], token=tokens["access_token"]), indent=2))


if __name__ == "__main__":
    main()
