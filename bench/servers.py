"""The servers that are measured: Usher, its peers and the bare handlers, each a process on loopback."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(
    os.environ.get("USHER_CACHE")
    or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "usher")
)
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, seconds=60):
    """Seconds until it answers well."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return time.monotonic() - begun
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{url} does not answer")


class Server:
    """A process that serves SCIM at `base` to whoever presents `token`."""

    def __init__(self, command, base, token, log):
        self.base, self.token = base, token
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def memory(self, peak=False):
        """MiB resident, at present or at most."""
        name = "VmHWM" if peak else "VmRSS"
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024

    def connections(self):
        """Sockets that it has open, its few listeners among them."""
        links = pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(os.readlink(link).startswith("socket:") for link in links)

    def wait_until_idle(self):
        """Until it has done what follows a start, such as the look for damage: it works for less than 2 % of a core."""
        worked = -1
        while self.seconds_worked() - worked > 0.04:
            worked = self.seconds_worked()
            time.sleep(2)

    def seconds_worked(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, method, path, body=None):
        """Status and JSON of an answer."""
        request = urllib.request.Request(
            self.base + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


def usher(folder, store=None):
    """`usher serve` on `store`, as WorkloadConfig has it: SQLite in `folder` unless said otherwise."""
    token, port, report = secrets.token_hex(16), free_port(), free_port()
    digest = hashlib.sha256(token.encode()).hexdigest()
    credential = {"digest": digest, "issuedAt": "2026-01-01T00:00:00Z"}
    config = {
        "version": 1,
        "reportToken": digest,
        "scimTenants": [
            {
                "name": "bench/bench",
                "url": f"http://127.0.0.1:{port}",
                "store": store or {"sqlite": {"path": str(folder / "usher.db")}},
                "schema": {},
                "clients": [{"name": "bench", "userName": "bench", "credentials": [credential]}],
            }
        ],
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [BUILT / "usher", "serve", "--config", folder / "config.json"]
    command += ["--listen", f"127.0.0.1:{port}", "--report-listen", f"127.0.0.1:{report}"]
    with open(folder / "usher.log", "wb") as log:
        server = Server(command, f"http://127.0.0.1:{port}/scim/v2", token, log)
    server.seconds_to_start = wait_for(f"http://127.0.0.1:{report}/readyz")
    return server


@contextlib.contextmanager
def postgres(folder):
    """A PostgreSQL of its own; gives its URL over TLS on loopback. It ends when nobody holds its lock."""
    port = free_port()
    (folder / "port").write_text(str(port))
    with open(folder / "users.lock", "w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        subprocess.run([ROOT / "scripts" / "postgres.sh", "url", folder], check=True, capture_output=True)
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"


def usher_on_postgres(folder, url):
    (folder / "url").write_text(f"{url}?sslmode=require")
    return usher(folder, {"postgres": {"urlFile": str(folder / "url"), "schema": "bench"}})


def polis(folder, store="mem"):
    script, port = CACHE / "peers" / "polis-26.2.0" / "polis.mjs", free_port()
    said = folder / "polis.out"
    with open(said, "wb") as log:
        server = Server(["node", script, str(port), store], "", "", log)
    for _ in range(600):
        lines = [line for line in said.read_text().splitlines() if line.startswith('{"base"')]
        if lines:
            vars(server).update(json.loads(lines[0]))
            return server
        time.sleep(0.1)
    raise SystemExit("Polis does not start: " + said.read_text())


def scim2_server(folder):
    program, port = CACHE / "peers" / "scim2-server-0.8.3" / "bin" / "scim2-server", free_port()
    with open(folder / "scim2-server.log", "wb") as log:
        server = Server([program, "--port", str(port), "--bearer-token", "bench"], f"http://127.0.0.1:{port}/v2", "bench", log)
    wait_for(f"{server.base}/ServiceProviderConfig")
    return server


def bare(folder, answer):
    """The bare handlers: `answer` is what a GET returns."""
    port = free_port()
    (folder / "answer.json").write_bytes(answer)
    command = [BUILT / "examples" / "bare", f"127.0.0.1:{port}", folder / "answer.json", folder / "bare.db"]
    with open(folder / "bare.log", "wb") as log:
        server = Server(command, f"http://127.0.0.1:{port}/scim/v2", "none", log)
    wait_for(f"{server.base}/Users")
    return server


def multiply(database, people):
    """Copies the one user of a SQLite store until there are `people`: a million are there in seconds.

    The copies have neither checksum nor what they are looked up by; the next server gives it to them.
    """
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(resource)") if row[1] != "seq"]
        # Every number of the one user becomes another one: in its name, its address, its externalId.
        numbered = "replace({}, '000000', printf('%06d', n))"
        copied = {name: numbered.format(name) for name in ("name_key", "display_key", "external_id", "body")}
        copied |= {"id": "printf('%08x-0000-7000-8000-%012x', n, n)", "checksum": "NULL", "looked_up": "NULL"}
        connection.execute(
            f"WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {people - 1}) "
            f"INSERT INTO resource ({', '.join(columns)}) "
            f"SELECT {', '.join(copied.get(it, it) for it in columns)} FROM resource, number WHERE resource.seq = 1"
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def copied(columns, numbered):
    """What the columns of a copy have, where that is not what the first has; `numbered` puts the number of the copy into a column."""
    changed = {it: numbered(it) for it in ("name_key", "display_key", "external_id", "display", "body")}
    changed |= {"checksum": "NULL", "looked_up": "NULL"}
    return [changed.get(it, it) for it in columns]


def multiply_teams(database, sizes):
    """Copies the one group of a SQLite store, and makes people members of the copies."""
    people, teams, groups_of_one, members = sizes
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(resource)") if row[1] not in ("seq", "id")]
        values = copied(columns, lambda it: f"replace({it}, '000000', printf('%06d', n))")
        first = connection.execute("SELECT seq FROM resource WHERE kind = 1").fetchone()[0]
        connection.execute(
            f"WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {teams - 1}) "
            f"INSERT INTO resource (id, {', '.join(columns)}) "
            f"SELECT printf('%08x-0000-7000-9000-%012x', n, n), {', '.join(values)} FROM resource, number WHERE resource.seq = {first}"
        )
        last = connection.execute("SELECT max(seq) FROM resource").fetchone()[0]
        for statement in memberships((first, last), people, groups_of_one, members):
            connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def memberships(groups, people, groups_of_one, members):
    """Statements by which the first group has many members, the first person many groups, and each group ten members."""
    first, last = groups
    into = "INSERT INTO membership (group_seq, member_seq)"
    yield f"{into} SELECT {first}, seq FROM resource WHERE kind = 0 AND seq <= {members}"
    yield f"{into} SELECT seq, 1 FROM resource WHERE kind = 1 AND seq > {first} AND seq <= {min(first + groups_of_one, last)}"
    for number in range(1, 11):
        yield f"{into} SELECT seq, 2 + (seq * 97 + {number} * 31) % {people - 2} FROM resource WHERE kind = 1 AND seq > {first} ON CONFLICT DO NOTHING"


def multiply_postgres(url, sizes):
    """Copies the one person and the one group of a PostgreSQL store, as the others do it."""
    people, teams, groups_of_one, members = sizes

    def query(*statements):
        psql = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
        text = "SET search_path TO bench; SET synchronous_commit TO off;\n" + ";\n".join(statements) + ";\n"
        command = [psql, f"{url}?sslmode=require", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout.split()

    columns = query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'bench' AND table_name = 'resource' "
        "AND column_name NOT IN ('seq', 'id') ORDER BY ordinal_position"
    )
    values = copied(columns, lambda it: f"replace({it}, '000000', lpad(n::text, 6, '0'))")
    insert = f"INSERT INTO resource (id, {', '.join(columns)}) SELECT "
    rows = f"{', '.join(values)} FROM resource, generate_series(1, %d) n WHERE kind = %d AND seq = (SELECT min(seq) FROM resource WHERE kind = %d)"
    hexadecimal = lambda middle: f"lpad(to_hex(n), 8, '0') || '-0000-7000-{middle}-' || lpad(to_hex(n), 12, '0'), "
    numbered = "replace(l.value, '000000', lpad((r.seq - 2)::text, 6, '0'))"
    query(
        insert + hexadecimal("8000") + rows % (people - 1, 0, 0),
        insert + hexadecimal("9000") + rows % (teams - 1, 1, 1),
        f"INSERT INTO lookup (seq, attribute, value, label) SELECT r.seq, l.attribute, {numbered}, l.label "
        "FROM resource r, lookup l WHERE r.kind = 0 AND r.seq > 2 AND l.seq = 1",
        f"UPDATE tally SET users = {people}, active_users = {people}, user_groups = {teams} WHERE shard = 0",
        "UPDATE tally SET users = 0, active_users = 0, user_groups = 0 WHERE shard <> 0",
        # The first person is 1 and the first group 2; people are behind both, then groups.
        f"INSERT INTO membership (group_seq, member_seq) SELECT 2, seq FROM resource WHERE kind = 0 AND seq <= {members} + 1",
        f"INSERT INTO membership (group_seq, member_seq) SELECT seq, 1 FROM resource WHERE kind = 1 AND seq > 2 ORDER BY seq LIMIT {groups_of_one}",
        f"INSERT INTO membership (group_seq, member_seq) SELECT seq, 3 + (seq * 97 + k * 31) % {people - 2} "
        "FROM resource, generate_series(1, 10) k WHERE kind = 1 AND seq > 2 ON CONFLICT DO NOTHING",
    )
    query("VACUUM ANALYZE")


def copy(database, folder):
    """Copies a SQLite store that nobody serves, with what its log still has alone."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, folder)


def wait_until_filled(database):
    """Until the server has given each copy what it lacks."""
    lacking = "SELECT EXISTS (SELECT 1 FROM resource WHERE checksum IS NULL OR kind = 0 AND looked_up IS NOT version)"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        while connection.execute(lacking).fetchone()[0]:
            time.sleep(1)
