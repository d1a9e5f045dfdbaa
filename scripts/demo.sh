#!/usr/bin/env bash
# The main job in one process: a directory, a connector and a mapping in YAML; Entra's requests end as people and groups.
# Usage: scripts/demo.sh [PROGRAM], with the path of a built `usher`; without, it is built. In a terminal it stays until Enter, with a
# portal to look around in.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${1:-}" ]; then
    program=$1
else
    (cd "$here" && cargo build --quiet --bin usher)
    program=${CARGO_TARGET_DIR:-$here/target}/debug/usher
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/usher-demo.XXXXXX")
folder=$work/quickstart
dev=

clean() {
    if [ -n "$dev" ]; then
        kill -INT "$dev" 2>/dev/null || true
        wait "$dev" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# The newest tables that usher dev has told of.
tables() {
    awk '/^NAMESPACE.*HOST/ { text = "" } /^NAMESPACE/ { on = 1 } on { if ($0 ~ / is ready\. Paste/) on = 0; else text = text $0 "\n" } END { printf "%s", text }' "$work/tables"
}

# Waits up to 10 s until the tables say $1.
await() {
    for _ in $(seq 100); do
        if tables | grep -q -- "$1"; then return 0; fi
        sleep 0.1
    done
    echo "usher dev did not get there; it said:" >&2
    cat "$work/tables" >&2
    exit 1
}

# A request of Entra: method, path, body.
scim() {
    curl --silent --show-error --request "$1" --header "Authorization: Bearer $(cat "$password")" \
        --header 'Content-Type: application/scim+json' ${3:+--data "$3"} "$url/$2"
}

# Somebody is rejected, a deletion is held, and an administrator is invited.
portal() {
    local core=urn:ietf:params:scim:schemas:core:2.0:User admin=jose.garciamarquez@contoso.example id link
    id=$(scim GET "Users?filter=userName%20eq%20%22$admin%22&attributes=userName" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
    scim POST Users "{\"schemas\":[\"$core\"],\"userName\":\"miriam.graham@contoso.example\",\"externalId\":\"miriam\",
        \"name\":{\"givenName\":\"Miriam\",\"familyName\":\"Graham\"},\"userType\":\"premium\",
        \"emails\":[{\"type\":\"work\",\"value\":\"miriam.graham@contoso.example\"}]}" >/dev/null
    scim DELETE "Users/$id" >/dev/null
    scim PATCH "Users/$id" "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[
        {\"op\":\"replace\",\"path\":\"roles\",\"value\":[{\"value\":\"EnterpriseAdmin\",\"primary\":true}]}]}" >/dev/null
    link=$("$program" invite "$admin" --report-url "$(field reportUrl)" --report-token-file "$folder/.usher/report-token" 2>/dev/null)
    say "The portal, with somebody who was rejected and a deletion that is held"
    echo "Set a password for $admin:  $link"
    echo "and look around at:  $(field portalUrl)"
    if [ -t 0 ] && [ -t 1 ]; then
        read -r -p 'It is there until you press Enter. ' || true
    fi
}

cp -r "$here/examples/quickstart" "$folder"
rm -rf "$folder/.usher"
# Beside the example: a portal, passwords to sign in to it, and a brake that lets nobody be deleted.
cat >>"$folder/scim-tenant.yaml" <<END
  portal:
    displayName: Contoso
  signIn:
    builtIn: {enabled: true}
  deprovisioning:
    brake: {deactivations: 10, deletions: 0}
END
say "usher dev examples/quickstart    (three files: a ScimTenant, an AzureConnector, a UserMapping)"
"$program" dev "$folder" --listen 127.0.0.1:0 --report-listen 127.0.0.1:0 --json >"$work/ready.json" 2>"$work/tables" &
dev=$!
for _ in $(seq 100); do
    if [ -s "$work/ready.json" ]; then break; fi
    if ! kill -0 "$dev" 2>/dev/null; then cat "$work/tables" >&2; exit 1; fi
    sleep 0.1
done
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/ready.json"; }
url=$(field scimUrl)
password=$(field passwordFile)
tables

say "Entra's initial cycle: 50 people, then their managers, then 6 groups with their members"
"$program" emulator cycle --scim "$url" --token-file "$password" --people 50 --groups 6 --state "$work/entra.json"
say "A working day later: a new name, a promotion, someone leaves, someone joins, a group changes"
"$program" emulator cycle --scim "$url" --token-file "$password" --state "$work/entra.json" --days 1
await 'contoso\.id\.example\.com   51 *50 *6'
say "What the same folder says now"
tables

if command -v curl >/dev/null; then
    say "One of them, as any SCIM client sees it"
    curl --silent --show-error --get --header "Authorization: Bearer $(cat "$password")" \
        --data-urlencode 'filter=userName eq "jose.garciamarquez@contoso.example"' \
        --data-urlencode 'attributes=userName,name,userType,roles' "$url/Users" || true
    echo
    portal
fi

cat <<END

Where to look next
  usher dev examples/quickstart     the same, to play with: edit the YAML and watch the table
  usher lint examples               checks YAML as the API server and the operator would
  README.md                         the same on a cluster, in five minutes
  docs/architecture.md              how it works
END
