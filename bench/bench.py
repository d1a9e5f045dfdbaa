#!/usr/bin/env python3
"""Each figure beside its peer or bare limit, measured in the same run: bench.py [--rows NAME,…] [--seconds N]

Rows: sqlite, postgres, groups, cycle, emulator, million, hostile, sign-in, forward-auth, deactivation, portal. Server and load generator share the machine. At the end it says again which
goals were missed; it fails when something could not be measured, and goes on with the next row.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import load
import portal
import servers
import sign_in

CONNECTIONS = (8, 64)
MILLION = 1_000_000

# Seconds that one row may take.
LIMIT = 900


class Table:
    """Prints each row as soon as it is known."""

    FORM = "{:<52} {:>12} {:>22} {:>7} {:>9}  {}"

    def __init__(self):
        self.missed, self.failed = [], []
        print(self.FORM.format("WORK", "MEASURED", "PEER OR LIMIT", "RATIO", "GOAL", "MET"))

    def beside(self, work, measured, other, limit, goal, unit="/s"):
        """`measured` is to be at least `goal` times `limit`, the figure of `other`."""
        ratio = measured / limit
        self.row(work, f"{measured:,.0f}{unit}", f"{other} {limit:,.0f}{unit}", f"{ratio:.2f}", f"≥ {goal:g}", ratio >= goal)

    def within(self, work, measured, most, unit):
        self.row(work, f"{measured:,.1f} {unit}", "", "", f"≤ {most:g}", measured <= most)

    def row(self, work, measured, limit, ratio, goal, met):
        line = self.FORM.format(work, measured, limit, ratio, goal, "yes" if met else "NO")
        print(line, flush=True)
        if not met:
            self.missed.append(line)

    def end(self):
        """Says what was missed; whether all could be measured."""
        if self.missed:
            print(f"\n{len(self.missed)} goals missed:", *self.missed, sep="\n")
        if self.failed:
            print("\nnot measured:", *self.failed, sep="\n")
        if not self.missed and not self.failed:
            print("all goals met")
        return not self.failed


def percentile(times, share):
    return sorted(times)[int(len(times) * share)]


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="bench-", dir=servers.BUILT.parent) as path:
        yield pathlib.Path(path)


def million(people=MILLION):
    """A store of a million people, or of fewer to try something out, kept for the next run of the same program."""
    path = servers.CACHE / "bench" / f"people-{people}-{int((servers.BUILT / 'usher').stat().st_mtime)}"
    if not (path / "done").exists():
        subprocess.run(["rm", "-rf", path.parent], check=True)
        path.mkdir(parents=True)
        with servers.usher(path) as server:
            load.seed(server, 1)
        servers.multiply(path / "usher.db", people)
        with servers.usher(path):
            servers.wait_until_filled(path / "usher.db")
        (path / "done").touch()
    return path


def answer_of(server):
    """The bytes with which a search for one person is answered."""
    url = urllib.parse.urlsplit(load.name_filter(server.base, 0))
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", f"{url.path}?{url.query}", headers={"Authorization": f"Bearer {server.token}"})
    return connection.getresponse().read()


def figures(server, at, people, posts, patches, seconds):
    """Of one server at both numbers of connections: get, post, patch."""
    ids = load.seed(server, people)
    measured, half = {}, people // 2
    for place, connections in enumerate(CONNECTIONS):
        measured["get", connections] = load.get(server, at, connections, people, seconds)
        own = ids[place * half : (place + 1) * half]
        measured["patch", connections] = load.patch(server, at, connections, own, patches)
        measured["post", connections] = load.post(server, at, connections, posts, f"load{connections}")
    return measured


def sqlite(table, seconds):
    with folder() as at:
        with servers.usher(at) as server:
            usher = figures(server, at, 10_000, 20_000, 2_000, seconds)
            answer = answer_of(server)
        with servers.polis(at) as server:
            polis = figures(server, at, 10_000, 10_000, 2_000, seconds)
        bare = {}
        with servers.bare(at, answer) as server:
            for connections in CONNECTIONS:
                bare["get", connections] = load.get(server, at, connections, 10_000, seconds)
                bare["post", connections] = load.post(server, at, connections, 20_000, f"load{connections}")
        with servers.scim2_server(at) as server:
            python = figures(server, at, 400, 200, 100, seconds)
    at = million()
    with servers.usher(at) as server:
        server.wait_until_idle()
        for connections in CONNECTIONS:
            usher["get of a million", connections] = load.get(server, at, connections, MILLION, seconds)
    for connections in CONNECTIONS:
        key = ("get", connections)
        work = f"GET userName eq, 10,000 people, {connections} connections"
        table.beside(work, usher[key], "Polis (mem)", polis[key], 5)
        table.beside(work, usher[key], "bare axum", bare[key], 0.6)
        table.beside(work, usher[key], "scim2-server", python[key], 5)
        large = usher["get of a million", connections]
        work = f"GET userName eq, 1,000,000 people, {connections} connections"
        table.beside(work, large, "Polis (mem)", polis[key], 5)
        table.beside(work, large, "bare axum", bare[key], 0.6)
        table.beside(work, large, "10,000 people", usher[key], 0.8)
    for connections, goal in zip(CONNECTIONS, (2, 3)):
        key = ("post", connections)
        work = f"POST user, synced, {connections} connections"
        table.beside(work, usher[key], "Polis (mem)", polis[key], goal)
        table.beside(work, usher[key], "bare insert", bare[key], 0.6)
        key = ("patch", connections)
        table.beside(f"PATCH active=false, {connections} connections", usher[key], "Polis (mem)", polis[key], goal)


def postgres(table, seconds):
    with folder() as at, servers.postgres(at) as url:
        with servers.usher_on_postgres(at, url) as server:
            usher = figures(server, at, 4_000, 5_000, 600, seconds)
        with servers.polis(at, url) as server:
            polis = figures(server, at, 1_000, 500, 150, seconds)
    for connections in CONNECTIONS:
        for name in ("get", "post", "patch"):
            key = (name, connections)
            table.beside(f"{name.upper()} on PostgreSQL, {connections} connections", usher[key], "Polis (Postgres)", polis[key], 8)


def groups(table, _seconds):
    at = million()
    with servers.usher(at) as server:
        members = [f"{number:08x}-0000-7000-8000-{number:012x}" for number in range(1, 100_001)]
        p99 = {}
        for size in (10, 1_000, 50_000, 100_000):
            body = {"displayName": f"group of {size} at {time.time()}"}
            path = "/Groups/" + server.ask("POST", "/Groups", body)[1]["id"]

            def change(op, ids):
                operation = {"op": op, "path": "members", "value": [{"value": it} for it in ids]}
                begun = time.perf_counter()
                status, answer = server.ask("PATCH", path, {"Operations": [operation]})
                if status != 204:
                    raise SystemExit(f"{op} of {len(ids)} members: {status} {answer}")
                return time.perf_counter() - begun

            for first in range(0, size, 5_000):
                change("Add", members[first : min(first + 5_000, size)])
            outside = f"{900_000:08x}-0000-7000-8000-{900_000:012x}"
            both = [(change("Add", [outside]), change("Remove", [outside])) for _ in range(300)]
            p99[size] = [percentile(times, 0.99) * 1000 for times in zip(*both)]
            for name, measured in zip(("add", "remove"), p99[size]):
                table.within(f"group of {size:,}: {name} one, p99", measured, 50, "ms")
            server.ask("DELETE", path)
        for place, name in enumerate(("add", "remove")):
            ratio = p99[100_000][place] / p99[10][place]
            table.row(f"{name} one, 100,000 members beside 10", f"{p99[100_000][place]:.1f} ms", f"{p99[10][place]:.1f} ms", f"{ratio:.2f}", "≤ 2", ratio <= 2)


def cycle(table, _seconds):
    people, teams = 100_000, 2_000
    with folder() as at, servers.usher(at) as server:
        (at / "token").write_text(server.token)
        command = [servers.BUILT / "usher", "emulator", "cycle", "--scim", server.base, "--token-file", at / "token"]
        said = subprocess.run([*command, "--people", str(people), "--groups", str(teams), "--at-once", "8"], capture_output=True, text=True, check=True).stdout
        numbers = said.splitlines()[1].split()
        requests, milliseconds = int(numbers[1]), int(numbers[-2])
        table.beside(f"initial cycle, {people:,} people, {teams:,} groups, 8 at once", requests / milliseconds * 1000, "Entra", 25, 40)
        table.within("memory of the server after it, at most", server.memory(peak=True), 128, "MiB")


def emulator(table, _seconds):
    """The side of the emulator: how fast it sends, and what it takes for that."""
    people, teams = 50_000, 2_000
    with folder() as at, servers.usher(at) as server:
        (at / "token").write_text(server.token)
        command = [servers.BUILT / "usher", "emulator", "cycle", "--scim", server.base, "--token-file", at / "token"]
        command += ["--people", str(people), "--groups", str(teams), "--at-once", "8"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"the cycle failed: {said[:2000]}")
        numbers = said.splitlines()[1].split()
        rate = int(numbers[1]) / int(numbers[-2]) * 1000
        work = f"initial cycle, {people:,} people, {teams:,} groups: sent"
        table.row(work, f"{rate:,.0f}/s", "", "", "≥ 2000", rate >= 2000)
        table.within("memory of the emulator in it, at most", usage.ru_maxrss / 1024, 256, "MiB")


def of_a_million(table, seconds):
    at = million()
    with servers.usher(at) as server:
        table.within("1,000,000 people: start until ready", server.seconds_to_start, 5, "s")
        for connections in CONNECTIONS:
            load.get(server, at, connections, MILLION, seconds)
        table.within("1,000,000 people: memory after searches", server.memory(peak=True), 256, "MiB")
    import sqlite3

    with sqlite3.connect(at / "usher.db") as connection:
        text = connection.execute("SELECT sum(length(CAST(body AS BLOB))) FROM resource").fetchone()[0]
    connection.close()
    size = sum(it.stat().st_size for it in at.glob("usher.db*"))
    table.within("1,000,000 people: on disk beyond their own text", (size - text) / MILLION, 2048, "B a person")


def hostile(table, _seconds):
    with folder() as at, servers.usher(at) as server:
        address = urllib.parse.urlsplit(server.base)
        deep = urllib.parse.quote("not (" * 10_000 + "title pr" + ")" * 10_000, safe="")
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        connection.request("GET", f"{address.path}/Users?filter={deep}", headers={"Authorization": f"Bearer {server.token}"})
        status = connection.getresponse().status
        table.row("filter of depth 10,000", f"status {status}", "", "", "refused", 400 <= status < 500)
        status = upload(server, address)
        table.row("body of 100 MB", f"status {status}", "", "", "413", status == 413)
        idle, halved, held = crowd(server, address)
        table.row("10,000 open connections: another request", f"status {idle}", "", "", "served", idle == 200)
        table.row("10,000 half requests of a client: another one", f"status {halved}", "", "", "served", halved == 200)
        table.row("10,000 half requests of a client: held", f"{held:,}", "", "", "all", held >= 10_000)
        table.within("memory of the server after these, at most", server.memory(peak=True), 256, "MiB")


def upload(server, address):
    with socket.create_connection((address.hostname, address.port)) as stream:
        head = f"POST {address.path}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        stream.sendall(head.encode())
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(100):
                stream.sendall(chunk)
            stream.sendall(b"0\r\n\r\n")
        with contextlib.suppress(OSError):
            return int(stream.recv(64).split()[1])
    return 0


def crowd(server, address):
    """How a request is answered while 10,000 connections are open, and while each of them has sent half a request; how many the server then has."""
    head = f"POST {address.path}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nContent-Length: 90\r\n\r\n{{"
    with contextlib.ExitStack() as opened:
        peer = (address.hostname, address.port)
        streams = [opened.enter_context(socket.create_connection(peer, timeout=60)) for _ in range(10_000)]
        idle, _ = server.ask("GET", "/Users?count=0")
        for stream in streams:
            stream.sendall(head.encode())
        halved, _ = server.ask("GET", "/Users?count=0")
        return idle, halved, server.connections()


def signing_in(table, _seconds):
    with folder() as at:
        sign_in.sign_in(table, at, percentile)


def forward_auth(table, seconds):
    with folder() as at:
        sign_in.forward_auth(table, at, seconds)


def deactivation(table, _seconds):
    with folder() as at:
        sign_in.deactivation(table, at, percentile)


def of_the_portal(table, _seconds):
    with folder() as at:
        portal.portal(table, at, million(portal.PEOPLE), percentile)


ROWS = {
    "sqlite": sqlite,
    "postgres": postgres,
    "groups": groups,
    "cycle": cycle,
    "emulator": emulator,
    "million": of_a_million,
    "hostile": hostile,
    "sign-in": signing_in,
    "forward-auth": forward_auth,
    "deactivation": deactivation,
    "portal": of_the_portal,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--seconds", type=int, default=5, help="of each search")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    table = Table()
    signal.signal(signal.SIGALRM, took_too_long)
    for name in arguments.rows.split(","):
        signal.alarm(LIMIT)
        try:
            ROWS[name](table, arguments.seconds)
        except (Exception, SystemExit) as error:
            table.failed.append(f"{name}: {error!r}")
            print(table.failed[-1], flush=True)
        finally:
            signal.alarm(0)
    sys.exit(not table.end())


def took_too_long(*_):
    raise TimeoutError(f"it took more than {LIMIT} s")


if __name__ == "__main__":
    main()
