"""Signing in, measured: a whole sign-in, many by passwords at once, the question of proxies, and how soon who is deactivated is out."""

import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import secrets
import statistics
import subprocess
import threading
import time
import urllib.parse

import load
import proxies
import servers

PASSWORD = "drum loft cabin heron"
REDIRECT_URI = "http://127.0.0.1/cb"
TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "88888888-9999-aaaa-bbbb-cccccccccccc"
APPLICATION = "wiki.bench"

# MiB of one hash, and how many are made at once at most.
HASH, PERMITS = 32, min(os.cpu_count(), 4)
# MiB for the requests themselves.
REQUESTS = 8

# The machine itself stands still for some milliseconds now and then: of so many rounds the median is taken.
ROUNDS = 5

TRIES, CROWD, REPLICAS = (int(os.environ.get(name, usual)) for name, usual in (("TRIES", 300), ("CROWD", 200), ("REPLICAS", 3)))


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Site:
    """One directory where people sign in, served by some processes of one store."""

    def __init__(self, folder, replicas=1, store=None, provider=None, apache_port=0, more=None):
        self.token, self.report_token = secrets.token_hex(16), secrets.token_hex(16)
        self.folder, self.servers = folder, []
        ports = [(servers.free_port(), servers.free_port()) for _ in range(replicas)]
        self.url = f"http://127.0.0.1:{ports[0][0]}"
        self.host = urllib.parse.urlsplit(self.url).netloc
        self.secret = secrets.token_hex(16)
        config = self.config(store, provider, apache_port)
        config["scimTenants"][0] |= more or {}
        (folder / "config.json").write_text(json.dumps(config))
        for port, report in ports:
            command = [servers.BUILT / "usher", "serve", "--config", folder / "config.json"]
            command += ["--listen", f"127.0.0.1:{port}", "--report-listen", f"127.0.0.1:{report}"]
            with open(folder / f"usher-{port}.log", "wb") as log:
                server = servers.Server(command, f"http://127.0.0.1:{port}/scim/v2", self.token, log)
            server.port, server.report = port, report
            self.servers.append(server)
            servers.wait_for(f"http://127.0.0.1:{report}/readyz")
        self.server = self.servers[0]

    def config(self, store, provider, apache_port):
        digest = lambda text: hashlib.sha256(text.encode()).hexdigest()
        applications = [
            {"clientId": "app", "authentication": "public", "redirectUris": [REDIRECT_URI]},
            {
                "clientId": "apache",
                "authentication": {"secret": digest(self.secret)},
                "redirectUris": [f"http://127.0.0.1:{apache_port}/callback"],
            },
        ]
        sign_in = {
            "session": {"idleMinutes": 60, "absoluteMinutes": 720},
            "builtIn": True,
            "forwardAuth": {"hosts": [APPLICATION]},
            "applications": {"signingKeysFile": str(self.signing_keys()), "applications": applications},
            "providers": [provider] if provider else [],
        }
        credential = {"digest": digest(self.token), "issuedAt": "2026-01-01T00:00:00Z"}
        tenant = {
            "name": "bench/bench",
            "url": self.url,
            "store": store or {"sqlite": {"path": str(self.folder / "usher.db")}},
            "schema": {"signInMethod": True},
            "trustedProxies": ["127.0.0.0/8"],
            "signIn": sign_in,
            "clients": [{"name": "bench", "userName": "bench", "credentials": [credential]}],
        }
        return {"version": 1, "reportToken": digest(self.report_token), "scimTenants": [tenant]}

    def signing_keys(self):
        make = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        made = subprocess.run(make, check=True, capture_output=True)
        convert = ["openssl", "pkcs8", "-topk8", "-nocrypt", "-outform", "DER"]
        key = subprocess.run(convert, input=made.stdout, check=True, capture_output=True)
        path = self.folder / "keys.json"
        held = {"privateKey": base64.b64encode(key.stdout).decode(), "signsFrom": "2026-01-01T00:00:00Z"}
        path.write_text(json.dumps({"keys": [held]}))
        return path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.__exit__()

    def add(self, number, external_id=None):
        """Makes a person; gives the id and the user name."""
        body = load.person(number)
        if external_id:
            body["externalId"] = external_id
        status, made = self.server.ask("POST", "/Users", body)
        if status != 201:
            raise SystemExit(f"no person: {status} {made}")
        return made["id"], body["userName"]

    def give_password(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.report)
        query = urllib.parse.urlencode({"person": name})
        connection.request("POST", f"/password-link?{query}", headers={"Authorization": f"Bearer {self.report_token}"})
        link = json.loads(connection.getresponse().read())["link"]
        fields = {"new_password": PASSWORD, "repeated": PASSWORD}
        status, _, text = Browser(self).ask("POST", urllib.parse.urlsplit(link).path, fields)
        if status != 200:
            raise SystemExit(f"no password: {status} {text}")


class Browser:
    """Keeps cookies and one connection to a replica."""

    def __init__(self, site, replica=0, source=None):
        self.site, self.replica, self.source, self.cookies = site, replica, source, {}
        self.connection = http.client.HTTPConnection("127.0.0.1", site.servers[replica].port, timeout=60)

    def ask(self, method, path, fields=None, headers=()):
        """Status, headers and text of an answer."""
        sent = {"Host": self.site.host, "Cookie": self.cookie(), **dict(headers)}
        if self.source:
            sent["X-Forwarded-For"] = self.source
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, sent)
        answer = self.connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers, answer.read().decode()

    def cookie(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, name):
        status, _, text = self.ask("POST", "/password", {"user_name": name, "password": PASSWORD})
        if status != 200 or "usher" not in self.cookies:
            raise SystemExit(f"{name} cannot sign in: {status} {text}")

    def tokens(self):
        """What an application is given in the name of who is signed in."""
        verifier = secrets.token_urlsafe(48)
        query = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": REDIRECT_URI,
            "scope": "openid offline_access",
            "code_challenge": encoded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        status, headers, text = self.ask("GET", "/oauth2/authorize?" + urllib.parse.urlencode(query))
        answered = urllib.parse.parse_qs(urllib.parse.urlsplit(headers.get("Location", "")).query)
        if "code" not in answered:
            raise SystemExit(f"no code: {status} {answered} {text}")
        form = {"grant_type": "authorization_code", "client_id": "app", "code": answered["code"][0]}
        status, _, text = self.ask("POST", "/oauth2/token", {**form, "redirect_uri": REDIRECT_URI, "code_verifier": verifier})
        if status != 200:
            raise SystemExit(f"no tokens: {status} {text}")
        return json.loads(text)


def forward_auth_headers(browser):
    return {
        "Host": browser.site.host,
        "Cookie": browser.cookie(),
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": APPLICATION,
        "X-Forwarded-Uri": "/",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-For": "192.0.2.1",
    }


class Provider:
    """Plays Entra as far as a sign-in needs it, and says how long it took itself."""

    def __init__(self, folder):
        key = folder / "provider.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        said = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-text"], check=True, capture_output=True, text=True).stdout
        numbers, name = {}, ""
        for line in said.splitlines():
            if line.startswith(" "):
                numbers[name] = numbers.get(name, "") + line.strip().replace(":", "")
            else:
                name = line.split(":")[0]
        self.modulus, self.exponent = int(numbers["modulus"], 16), int(numbers["privateExponent"], 16)
        self.nonce, self.object_id, self.seconds = "", "", 0.0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                self.answer(outer.keys() if self.path == "/keys" else outer.metadata())

            def do_POST(self):
                begun = time.perf_counter()
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer({"id_token": outer.id_token(), "token_type": "Bearer", "access_token": "a", "expires_in": 3600})
                outer.seconds = time.perf_counter() - begun

            def answer(self, value):
                text = json.dumps(value).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
                self.wfile.write(head.encode() + text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/{TENANT}/v2.0"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        (folder / "client-secret").write_text("the secret")
        self.config = {
            "connector": "entra",
            "displayName": "Entra",
            "issuer": self.issuer,
            "entraTenantId": TENANT,
            "clientId": CLIENT,
            "clientSecretFile": str(folder / "client-secret"),
        }

    def metadata(self):
        base = f"http://127.0.0.1:{self.server.server_port}"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self):
        number = self.modulus.to_bytes(256, "big")
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": encoded(number), "e": "AQAB"}]}

    def id_token(self):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "s", "oid": self.object_id, "tid": TENANT, "nonce": self.nonce}
        claims |= {"iat": now, "nbf": now, "exp": now + 600, "ver": "2.0"}
        signed = ".".join(encoded(json.dumps(it).encode()) for it in ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims))
        # PKCS #1 v1.5 of SHA-256 (RFC 8017, section 9.2).
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(signed.encode()).digest()
        padded = b"\0\1" + b"\xff" * (253 - len(digest)) + b"\0" + digest
        signature = pow(int.from_bytes(padded, "big"), self.exponent, self.modulus)
        return f"{signed}.{encoded(signature.to_bytes(256, 'big'))}"


def through_provider(site, provider):
    """Seconds of one sign-in that are ours."""
    browser = Browser(site)
    browser.connection.connect()
    begun = time.perf_counter()
    status, headers, text = browser.ask("GET", "/sign-in/entra")
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(headers.get("Location", "")).query)
    if "nonce" not in asked:
        raise SystemExit(f"not led to the provider: {status} {text}")
    provider.nonce = asked["nonce"][0]
    back = urllib.parse.urlencode({"code": "c", "state": asked["state"][0]})
    status, _, text = browser.ask("GET", f"/sign-in/entra/callback?{back}")
    took = time.perf_counter() - begun
    if status not in (200, 303) or "usher" not in browser.cookies:
        raise SystemExit(f"not signed in: {status} {text}")
    return took - provider.seconds


def stand_back():
    """The browsers of a crowd are not on the machine of the server: a thread of them takes no time that others need."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def sign_in(table, folder, percentile):
    provider = Provider(folder)
    with Site(folder, provider=provider.config) as site:
        provider.object_id = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa"
        site.add(0, provider.object_id)
        for _ in range(10):
            through_provider(site, provider)
        times = [through_provider(site, provider) for _ in range(TRIES)]
        table.within("a whole sign-in without the provider, p99", percentile(times, 0.99) * 1000, 20, "ms")

        names = [site.add(number)[1] for number in range(1, CROWD + 1)]
        with concurrent.futures.ThreadPoolExecutor(PERMITS) as pool:
            list(pool.map(site.give_password, names))
        site.server.wait_until_idle()
        # What the passwords took goes back to the system meanwhile.
        load.get_p99(site.server, folder, CROWD)
        # The most that was ever resident is counted anew.
        pathlib.Path(f"/proc/{site.server.process.pid}/clear_refs").write_text("5")
        base = site.server.memory()
        alone, beside = zip(*(crowd(site, folder, names) for _ in range(ROUNDS)))
        alone, beside = (statistics.median(them) for them in (alone, beside))
        work = f"{CROWD} sign-ins by passwords at once"
        table.row(f"{work}: GET userName eq, p99", f"{beside:.2f} ms", f"alone {alone:.2f} ms", f"{beside / alone:.2f}", "≤ 2", beside <= 2 * alone)
        table.within(f"{work}: memory beyond what there was", site.server.memory(peak=True) - base, PERMITS * HASH + REQUESTS, "MiB")


def crowd(site, folder, names):
    """Milliseconds of a search for one person, alone and while all sign in at once."""
    alone = load.get_p99(site.server, folder, CROWD)
    gate = threading.Barrier(len(names) + 1)

    def enter(number):
        gate.wait()
        Browser(site, source=f"10.0.{number // 250}.{number % 250}").sign_in(names[number])

    with concurrent.futures.ThreadPoolExecutor(len(names), initializer=stand_back) as pool:
        entering = [pool.submit(enter, number) for number in range(len(names))]
        gate.wait()
        beside = load.get_p99(site.server, folder, CROWD)
        for it in entering:
            it.result()
    return alone, beside


def forward_auth(table, folder, seconds):
    port = servers.free_port()
    with Site(folder, apache_port=port) as site, contextlib.ExitStack() as opened:
        _, name = site.add(0)
        site.give_password(name)
        browser = Browser(site)
        browser.sign_in(name)
        headers = forward_auth_headers(browser)
        status, _, text = browser.ask("GET", "/forward-auth", headers=headers)
        if status != 200:
            raise SystemExit(f"not let through: {status} {text}")
        apache = opened.enter_context(proxies.Apache(folder, site, port))
        bare = opened.enter_context(servers.bare(folder, b""))
        cookie = apache.sign_in(browser)
        of_usher = {**headers, "X-Original-URL": f"http://{APPLICATION}/", "X-Original-Method": "GET"}
        asked = ((site.server.port, "/auth-request", of_usher), (port, "/page", {"Host": "127.0.0.1", "Cookie": cookie}))
        asking = [opened.enter_context(proxies.Nginx(folder, f"127.0.0.1:{at}", uri, sent)) for at, uri, sent in asked]
        for connections in (8, 64):
            usher = load.measure(connections, f"{site.url}/forward-auth", headers, seconds)
            limit = load.measure(connections, f"{bare.base}/Users", headers, seconds)
            alone = load.measure(connections, f"http://127.0.0.1:{port}/page", {"Cookie": cookie}, seconds)
            asked, peer = (load.measure(connections, f"http://127.0.0.1:{it.port}/", {}, seconds) for it in asking)
            work = f"forward auth, {connections} connections"
            table.beside(work, usher.rate, "bare axum", limit.rate, 0.6)
            table.beside(work, usher.rate, "nginx + Apache", peer.rate, 5)
            table.beside(work, usher.rate, "Apache alone", alone.rate, 5)
            table.beside(f"{work}, through nginx", asked.rate, "nginx + Apache", peer.rate, 1)
            if connections == 8:
                rounds = (load.measure(connections, f"{site.url}/forward-auth", headers, seconds) for _ in range(ROUNDS))
                table.within(f"{work}: p99", statistics.median(it.p99 for it in rounds), 2, "ms")


def deactivation(table, folder, percentile):
    with servers.postgres(folder) as url:
        (folder / "url").write_text(f"{url}?sslmode=require")
        store = {"postgres": {"urlFile": str(folder / "url"), "schema": "bench"}}
        with Site(folder, REPLICAS, store) as site:
            id, name = site.add(0)
            site.give_password(name)
            times = [until_out(site, id, name, number) for number in range(TRIES)]
    work = f"deactivated by SCIM until out everywhere, {REPLICAS} replicas, {TRIES} tries"
    table.within(f"{work}: p99", percentile(times, 0.99), 1, "s")
    table.within(f"{work}: longest", max(times), 5, "s")


def until_out(site, id, name, number):
    """Seconds from the answer to a deactivation until every replica refuses the person in every way."""
    active = lambda server, value: {"Operations": [{"op": "Replace", "path": "active", "value": value}]}
    browsers = [Browser(site, replica) for replica in range(len(site.servers))]
    first = browsers[0]
    first.sign_in(name)
    tokens = [first.tokens() for _ in browsers]
    for browser in browsers:
        browser.cookies = first.cookies
    ways = [it for browser, given in zip(browsers, tokens) for it in ways_in(browser, given)]
    shut = [way() for way in ways]
    if any(shut):
        raise SystemExit(f"not let in at first: {shut}")
    server = site.servers[number % len(site.servers)]
    status, said = server.ask("PATCH", f"/Users/{id}", active(server, "False"))
    begun = time.perf_counter()
    if status not in (200, 204):
        raise SystemExit(f"not deactivated: {status} {said}")
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        until = list(pool.map(lambda way: refused_after(way, begun), ways))
    server.ask("PATCH", f"/Users/{id}", active(server, "True"))
    return max(until)


def refused_after(way, begun):
    while not way():
        if time.perf_counter() - begun > 10:
            raise SystemExit("still let in after 10 s")
    return time.perf_counter() - begun


def ways_in(browser, tokens):
    """Each way of a person into one replica; each says whether it is shut."""
    own = lambda: Browser(browser.site, browser.replica)
    session, proxy, bearer, refresher = own(), own(), own(), own()
    session.cookies = proxy.cookies = browser.cookies
    given = dict(tokens)

    def refresh():
        form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": given["refresh_token"]}
        status, _, text = refresher.ask("POST", "/oauth2/token", form)
        if status == 200:
            given.update(json.loads(text))
        return status == 400

    return [
        lambda: session.ask("GET", "/signed-in")[0] != 200,
        lambda: proxy.ask("GET", "/forward-auth", headers=forward_auth_headers(browser))[0] != 200,
        lambda: bearer.ask("GET", "/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})[0] == 401,
        refresh,
    ]
