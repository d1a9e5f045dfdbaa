"""The servers that are measured: Usher, its peers and the bare handlers, each a process on loopback."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import secrets
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
    """Seconds until it answers 200."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
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


def wait_until_filled(database):
    """Until the server has given each copy what it lacks."""
    lacking = "SELECT EXISTS (SELECT 1 FROM resource WHERE checksum IS NULL OR kind = 0 AND looked_up IS NOT version)"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        while connection.execute(lacking).fetchone()[0]:
            time.sleep(1)
