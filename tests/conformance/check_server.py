"""Every check of scim2-tester against a server: check_server.py BASE TOKEN. Prints a list of {name, status, message}."""

import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

base, token = sys.argv[1:]
with Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as client:
    results = check_server(SyncSCIMClient(client))
json.dump(
    [
        {
            "name": " ".join(filter(None, [it.resource_type, it.title])),
            "status": it.status.name.lower(),
            "message": it.reason,
        }
        for it in results
    ],
    sys.stdout,
)
