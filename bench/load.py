"""Requests in numbers: bodies and URLs, and oha, which sends them."""

import collections
import http.client
import json
import random
import subprocess
import threading
import urllib.parse

from servers import CACHE

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OFF = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
}


def person(number, run="seed"):
    """A user as Entra creates one, of about 600 bytes."""
    name = f"lena.{run}-{number:06d}@lakeshore.example"
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": f"6d0b3c52-{run}-{number:06d}",
        "userName": name,
        "active": True,
        "displayName": f"Lena Quist {number:06d}",
        "emails": [{"primary": True, "type": "work", "value": f"lena.{run}-{number:06d}@mail.example"}],
        "name": {"formatted": f"Lena Quist {number:06d}", "familyName": "Quist", "givenName": "Lena"},
        "title": "Tide Analyst",
        ENTERPRISE: {"employeeNumber": f"L-{number:06d}", "department": "Hydrology"},
    }


def name_filter(base, number, run="seed"):
    name = urllib.parse.quote(f'userName eq "{person(number, run)["userName"]}"', safe="")
    return f"{base}/Users?filter={name}"


def seed(server, people, run="seed", connections=8):
    """Makes people; gives their ids."""
    address = urllib.parse.urlsplit(server.base)
    ids, failed = [None] * people, []

    def some(first):
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/scim+json"}
        for number in range(first, people, connections):
            connection.request("POST", address.path + "/Users", json.dumps(person(number, run)), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 201:
                failed.append(body)
                return
            ids[number] = json.loads(body)["id"]

    threads = [threading.Thread(target=some, args=(first,)) for first in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"seeding: {failed[0]}")
    return ids


# Requests a second, and the milliseconds within which all but one in a hundred were answered.
Measured = collections.namedtuple("Measured", "rate p99")


def oha(server, connections, *arguments):
    """Requests a second that were done."""
    return measured(connections, "-H", f"Authorization: Bearer {server.token}", *arguments).rate


def measured(connections, *arguments):
    """An error when more than one request in twenty was not done."""
    command = [CACHE / "bin" / "oha", "--no-tui", "--output-format", "json", "-c", str(connections)]
    command += map(str, arguments)
    result = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=300).stdout)
    statuses = result["statusCodeDistribution"]
    right = sum(count for status, count in statuses.items() if status.startswith("2"))
    if right < 0.95 * sum(statuses.values()) or result["errorDistribution"].keys() - {"aborted due to deadline"}:
        raise SystemExit(f"{arguments}: {statuses} {result['errorDistribution']}")
    rate = result["summary"]["requestsPerSec"] * right / sum(statuses.values())
    return Measured(rate, result["latencyPercentiles"]["p99"] * 1000)


def measure(connections, url, headers, seconds):
    """Of one URL that is asked for again and again, after a second of it."""
    sent = [it for name, value in headers.items() for it in ("-H", f"{name}: {value}")]
    measured(connections, "-z", "1s", *sent, url)
    return measured(connections, "-z", f"{seconds}s", *sent, url)


def get_p99(server, folder, people):
    """Milliseconds of a search for one person, while a hundred a second are made: Entra makes fewer."""
    urls = lines(folder / "beside.txt", [name_filter(server.base, number) for number in range(people)])
    bearer = f"Authorization: Bearer {server.token}"
    return measured(4, "-z", "8s", "-q", "100", "-H", bearer, "--urls-from-file", urls).p99


def lines(path, them):
    path.write_text("\n".join(them) + "\n")
    return path


def get(server, folder, connections, people, seconds):
    chosen = random.Random(7).sample(range(people), min(people, 20_000))
    urls = lines(folder / "get.txt", [name_filter(server.base, number) for number in chosen])
    return oha(server, connections, "-z", f"{seconds}s", "--urls-from-file", urls)


def post(server, folder, connections, count, run):
    # Lines are taken at random: of so many few are taken twice.
    first = json.dumps(person(0, run))
    bodies = lines(folder / "post.txt", [first.replace("000000", f"{number:06d}") for number in range(count * 20)])
    scim = ["-m", "POST", "-T", "application/scim+json"]
    return oha(server, connections, "-n", count, *scim, "-Z", bodies, f"{server.base}/Users")


def patch(server, folder, connections, ids, count):
    """Of `ids` there are so many more than requests that few are asked for twice."""
    urls = lines(folder / "patch.txt", [f"{server.base}/Users/{it}" for it in ids])
    body = folder / "off.json"
    body.write_text(json.dumps(OFF))
    scim = ["-m", "PATCH", "-T", "application/scim+json"]
    return oha(server, connections, "-n", count, *scim, "-D", body, "--urls-from-file", urls)
