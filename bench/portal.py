"""The portal, measured: every page and list of a million people and ten thousand groups, its bytes, its time, and its first paint."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import load
import servers
import sign_in

PEOPLE, TEAMS, TRIES = (int(os.environ.get(name, usual)) for name, usual in (("PEOPLE", 1_000_000), ("TEAMS", 10_000), ("TRIES", 200)))

# Milliseconds of the server, KB with style and script, milliseconds until the first paint.
SERVER, KILOBYTES, PAINT = 50, 50, 300

# Which one person has so many groups and changes, and which one group so many members.
GROUPS_OF_ONE, CHANGES, MEMBERS = 1_000, 600, 50_000

ADMINISTRATOR = 9_999_999


def settings():
    """What the portal shows beside people and groups: somebody signs in through Entra, and something is held."""
    brake = {"deactivations": 500, "deletions": 0, "membershipRemovals": 1000, "perMinutes": 60}
    return {"portal": {"displayName": "Lakeshore"}, "policy": {"brake": brake}, "schema": {"signInMethod": True, "userTypes": ["Premium", "Standard"]}}


def portal(table, folder, at, percentile):
    """`at` has a SQLite store of a million people."""
    for name in ("SQLite", "PostgreSQL"):
        with contextlib.ExitStack() as opened:
            place = folder / name
            place.mkdir()
            provider = sign_in.Provider(place).config
            store, multiply = None, servers.multiply_teams
            if name == "SQLite":
                servers.copy(at / "usher.db", place)
            else:
                url = opened.enter_context(servers.postgres(place))
                (place / "url").write_text(f"{url}?sslmode=require")
                store = {"postgres": {"urlFile": str(place / "url"), "schema": "bench"}}
                multiply = servers.multiply_postgres
            with sign_in.Site(place, store=store, provider=provider, more=settings()) as site:
                first = first_rows(site, is_empty=store is not None)
            sizes = (PEOPLE, TEAMS, GROUPS_OF_ONE, min(MEMBERS, PEOPLE // 2))
            multiply(place / "usher.db" if store is None else url, sizes)
            with sign_in.Site(place, store=store, provider=provider, more=settings()) as site:
                if store is None:
                    servers.wait_until_filled(place / "usher.db")
                pages = prepare(site, first)
                site.server.wait_until_idle()
                with chromium(place) as browser:
                    measure(table, name, site, pages, browser, percentile)


def first_rows(site, is_empty):
    """The ids of one person, whom all others are copies of, and of one group."""
    if is_empty:
        site.add(0)
    _, people = site.server.ask("GET", load.name_filter("", 0))
    status, group = site.server.ask("POST", "/Groups", {"displayName": "Team 000000", "externalId": "team-000000"})
    if status != 201:
        raise SystemExit(f"no group: {status} {group}")
    return people["Resources"][0]["id"], group["id"]


def prepare(site, first):
    """Signs an administrator in and makes what pages show; gives each page by its name."""
    person, group = first
    id, name = site.add(ADMINISTRATOR)
    role = {"op": "Add", "path": "roles", "value": [{"value": "EnterpriseAdmin"}]}
    method = {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:usher:2.0:User:signInMethod", "value": "BuiltIn"}
    status, said = site.server.ask("PATCH", f"/Users/{id}", {"Operations": [role, method]})
    if status not in (200, 204):
        raise SystemExit(f"no role: {status} {said}")
    site.give_password(name)
    site.browser = sign_in.Browser(site)
    site.browser.sign_in(name)
    for number in range(CHANGES):
        title = {"op": "Replace", "path": "title", "value": f"Tide Analyst {number}"}
        site.server.ask("PATCH", f"/Users/{person}", {"Operations": [title]})
    for number in range(30):
        site.server.ask("POST", "/Users", {**load.person(number, "type"), "userType": "premium"})
    status, said = site.server.ask("DELETE", f"/Users/{person}")
    if status < 400:
        raise SystemExit(f"the brake holds nothing: {status}")
    deep = lambda of: f"cursor={cursor(site, f'/api/v1/{of}')}"
    number = PEOPLE * 7 // 10
    lists = {
        "people": "people",
        "people, far behind": f"people?{deep(f'people?search=lena.seed-{number:06d}'[:-3])}",
        "people by name": f"people?search=Lena%20Quist%20{number:06d}",
        "people by e-mail": f"people?search=lena.seed-{number:06d}@mail.example",
        "people by the beginning of all names": "people?search=lena",
        "people, nobody is found": "people?search=zzz",
        "people, deactivated": "people?search=lena&state=Inactive",
        "groups": "groups",
        "groups, far behind": f"groups?{deep(f'groups?search=team%20{TEAMS * 7 // 10:06d}'[:-2])}",
        "groups by name": f"groups?search=Team%20{TEAMS // 2:06d}",
        "groups, none is found": "groups?search=zzz",
    }
    pages = {f"{it}, API": f"/api/v1/{path}" for it, path in lists.items()}
    pages |= {it: f"/portal/{path}" for it, path in lists.items()}
    pages["people through Entra"] = "/portal/people?method=Entra"
    pages["people through Entra, API"] = "/api/v1/people?signInMethod=Entra"
    _, connectors = site.browser.ask("GET", "/api/v1/connectors")[::2]
    client = json.loads(connectors)["connectors"][0]["name"]
    _, requests = site.browser.ask("GET", "/api/v1/requests?failed=true")[::2]
    request = json.loads(requests)["requests"][0]
    for name, path in {
        "overview": "overview",
        f"person of {GROUPS_OF_ONE:,} groups and {CHANGES} changes": f"people/{person}",
        f"group of {MEMBERS:,}": f"groups/{group}",
        "connectors": "connectors",
        "connector": f"connectors/{client}",
        "requests": "requests",
        "requests about one person": f"requests?about={person}",
        "request": f"requests/{request['client']}/{request['number']}",
        "held": "held",
        "settings": "settings",
    }.items():
        pages[name] = f"/portal/{path}".removesuffix("/overview")
        pages[f"{name}, API"] = f"/api/v1/{path}"
    pages["story, API"] = f"/api/v1/people/{person}/story"
    return pages


def cursor(site, path):
    """Where the page behind this one begins."""
    _, _, text = site.browser.ask("GET", path)
    return urllib.parse.quote(json.loads(text)["nextCursor"])


def measure(table, store, site, pages, browser, percentile):
    _, _, overview = site.browser.ask("GET", "/portal")
    files = {it for it in overview.split('"') if it.startswith("/portal/") and it.endswith((".css", ".js"))}
    files = sum(len(site.browser.ask("GET", it)[2].encode()) for it in files)
    browser.enter(site)
    painted = {}
    for name, path in pages.items():
        times = []
        for _ in range(TRIES):
            begun = time.perf_counter()
            status, _, text = site.browser.ask("GET", path)
            times.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                raise SystemExit(f"{path}: {status} {text[:500]}")
        p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
        is_page = path.startswith("/portal")
        size = (len(text.encode()) + (files if is_page else 0)) / 1024
        paint = browser.first_paint(site.url + path) if is_page else 0
        work = f"{store}: {name}"
        # What an answer of the API has to be small for is a page.
        table.row(f"{work}, p99", f"{p99:.1f} ms", f"p50 {p50:.1f} ms, {size:.0f} KB", "", f"≤ {SERVER}", p99 <= SERVER)
        if is_page and size > KILOBYTES:
            table.within(f"{work}, with style and script", size, KILOBYTES, "KB")
        painted[name] = paint
    slowest = max(painted, key=painted.get)
    table.within(f"{store}: first paint, the slowest: {slowest}", painted[slowest], PAINT, "ms")


class Chromium:
    """A browser without a window, driven by the protocol of W3C WebDriver."""

    def __init__(self, port):
        self.session = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        arguments += ["--disable-component-update", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        options = {"binary": shutil.which("chromium"), "args": arguments}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        self.session += "/" + self.tell("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def tell(self, path, body, method="POST"):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.session + path, data=data, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def enter(self, site):
        """Is signed in as the administrator is."""
        self.tell("/url", {"url": site.url + "/sign-in/none"})
        for name, value in site.browser.cookies.items():
            self.tell("/cookie", {"cookie": {"name": name, "value": value, "path": "/", "httpOnly": True}})

    def first_paint(self, url):
        """Milliseconds from the request to the first content that is seen: the middle one of five."""
        script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
        times = []
        for _ in range(5):
            self.tell("/url", {"url": url})
            for _ in range(100):
                painted = self.tell("/execute/sync", {"script": script, "args": []})
                if painted is not None:
                    break
                time.sleep(0.02)
            times.append(painted)
        if None in times:
            raise SystemExit(f"nothing is seen of {url}")
        return sorted(times)[2]


@contextlib.contextmanager
def chromium(folder):
    log = folder / "chromedriver.log"
    with open(log, "wb") as out:
        driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=out, stderr=subprocess.STDOUT)
    try:
        said = "started successfully on port "
        for _ in range(600):
            if said in log.read_text():
                break
            time.sleep(0.05)
        port = int(log.read_text().split(said)[1].split(".")[0])
        browser = Chromium(port)
        try:
            yield browser
        finally:
            browser.tell("", None, method="DELETE")
    finally:
        driver.terminate()
        driver.wait()
