#!/usr/bin/env bash
# The main job in two processes: an Entra tenant that is played; a directory, a connector and a mapping in YAML. A mistake in the mapping is
# seen; people arrive, change, sign in, are blocked, and out; an administrator sees all of it in the portal. On a terminal both go on until
# Enter, to play with.
# Usage: scripts/demo.sh [PROGRAM], with the path of a built `usher`; without, it is built.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/browser.sh"
if [ -n "${1:-}" ]; then
    program=$1
else
    (cd "$here" && cargo build --quiet --bin usher)
    program=${CARGO_TARGET_DIR:-$here/target}/debug/usher
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/usher-demo.XXXXXX")
folder=$work/quickstart
client_id=66666666-7777-8888-9999-aaaaaaaaaaaa
tenant_id=11111111-2222-3333-4444-555555555555
person=jose.garciamarquez@contoso.example
admin=ada.new@contoso.example
running=
started=

clean() {
    browser_stop
    for process in $running; do
        kill -INT "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Ends the demonstration with what a process said.
fail() { # what did not happen, file with what was said
    echo "$1; it said:" >&2
    cat "$2" >&2
    exit 1
}

# Waits up to 10 s for the line of JSON of the process that was started last.
await_line() { # file, what the process says
    for _ in $(seq 100); do
        if [ -s "$1" ]; then return 0; fi
        kill -0 "$started" 2>/dev/null || break
        sleep 0.1
    done
    fail 'it did not start' "$2"
}

# The text, number or truth at a key of the JSON on standard input, the last of that name in the first line that has it.
field() { sed -n "s/^.*\"$1\":\"\{0,1\}\([^\",}]*\).*\$/\1/p" | head -n 1; }

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
    fail 'usher dev did not get there' "$work/tables"
}

# Asks the control API of the emulator.
control() { # method, path, body
    curl --silent --show-error --fail-with-body --request "$1" --data "${3:-}" "$entra/_emulator/$2"
}

# A line of what a cycle did.
counts() { # summary of a cycle
    for name in kind requests created updated disabled failed; do
        printf '%s %s  ' "$name" "$(field "$name" <<<"$1")"
    done
    echo
}

# The job as it is, without its cycles.
job() { control GET jobs/scim | sed 's/"cycles":.*//'; }

# Waits for the first cycle, with a bar.
initial_cycle() {
    for _ in $(seq 300); do
        at=$(job)
        if [ "$(field users <<<"$at")" != 0 ] && [ "$(field running <<<"$at")" = false ]; then break; fi
        if [ -t 1 ]; then
            seen=$(sed -n 's/.*"progress":\[\([0-9]*\),.*/\1/p' <<<"$at")
            all=$(sed -n 's/.*"progress":\[[0-9]*,\([0-9]*\)\].*/\1/p' <<<"$at")
            printf '\r[%-30s] %s of %s' "$(printf '%*s' $((30 * seen / (all > 0 ? all : 1))) '' | tr ' ' '#')" "$seen" "$all"
        fi
        sleep 0.1
    done
    if [ -t 1 ]; then printf '\r\033[K'; fi
    counts "$(control GET jobs/scim | sed 's/.*"cycles":\[//')"
}

# A request to the directory, as a SCIM client makes it.
scim() { # method, path, body
    curl --silent --show-error --request "$1" --header "Authorization: Bearer $password" \
        --header 'Content-Type: application/scim+json' ${3:+--data "$3"} "$url/$2"
}

# Why the directory refused something.
why() { sed 's/.*"detail":"//; s/"[,}].*//; s/\\"/"/g; s/$/\n/'; }

# The id of a person in the directory.
id_of() { scim GET "Users?filter=userName%20eq%20%22$1%22&attributes=userName" | field id; }

# Opens a page, is sent to Entra, and picks a person there; what the pages say.
sign_in_as() { # person, page
    browser_profile
    browser_open "$2"
    browser_text h1
    browser_fill '#search' "$1"
    browser_click 'form[method=get] button'
    browser_click 'form[method=post] li button'
    browser_text h1
}

browser_start "$work"
say "usher emulator serve --people 50 --groups 6    (an Entra tenant in a process)"
"$program" emulator serve --people 50 --groups 6 --tenant-id "$tenant_id" --listen 127.0.0.1:0 --json --log-filter warn \
    >"$work/entra.json" 2>"$work/entra.log" &
started=$!
running="$running $started"
await_line "$work/entra.json" "$work/entra.log"
entra=$(field url <"$work/entra.json")
echo "Entra is at $entra"

cp -r "$here/examples/quickstart" "$folder"
rm -rf "$folder/.usher"
# What makes people sign in at this Entra: the address of the cloud, the client id, and the client secret.
cat >>"$folder/azure-connector.yaml" <<END
  cloud: Custom
  customCloud: {signIn: "$entra"}
  oidc:
    clientId: $client_id
    clientSecretRef: {name: contoso-entra-oidc, key: client-secret}
END
# A portal, and a brake that lets nobody be deleted.
cat >>"$folder/scim-tenant.yaml" <<END
  portal: {displayName: Contoso}
  deprovisioning:
    brake: {deactivations: 10, deletions: 0}
END
mkdir -p "$folder/.usher/secrets/identity/contoso-entra-oidc"
printf 'demo-secret' >"$folder/.usher/secrets/identity/contoso-entra-oidc/client-secret"
say "usher dev examples/quickstart    (three files: a ScimTenant, an AzureConnector, a UserMapping)"
"$program" dev "$folder" --listen 127.0.0.1:0 --json >"$work/ready.json" 2>"$work/tables" &
started=$!
running="$running $started"
await_line "$work/ready.json" "$work/tables"
url=$(field scimUrl <"$work/ready.json")
password=$(cat "$(field passwordFile <"$work/ready.json")")
sign_in=$(field signInUrl <"$work/ready.json")
redirect=$(field redirectUri <"$work/ready.json")
portal=$(field portalUrl <"$work/ready.json")
tables

# Whom the mapping of a folder would touch, of the people of Entra, in a directory that is empty.
preview() {
    "$program" mapping preview "$1" --people "$work/people.json" --directory "$work/nobody.json" --names 1 | grep -v ' 0$'
}
say "usher mapping preview: the mapping with a mistake, before anybody is touched"
control GET people | sed 's/^{"total":[0-9]*,"people"://; s/}$//' >"$work/people.json"
echo '[]' >"$work/nobody.json"
mkdir "$work/mistaken"
cp "$folder"/*.yaml "$work/mistaken"
sed 's/source: companyName/source: jobTitle/' "$folder/user-mapping.yaml" >"$work/mistaken/user-mapping.yaml"
preview "$work/mistaken"
say "And corrected"
preview "$folder"

say "In Entra's portal: an app registration; Tenant URL and Secret Token, Test Connection, Save"
control POST applications "{\"appId\": \"$client_id\", \"displayName\": \"Contoso\", \"optionalClaims\": [\"sid\"],
    \"web\": {\"redirectUris\": [\"$redirect\", \"${sign_in%/sign-in}/signed-out\"], \"logoutUrl\": \"${redirect%/callback}/logout\"},
    \"passwordCredentials\": [{\"secretText\": \"demo-secret\"}]}" >/dev/null
control POST jobs "{\"url\": \"$url\", \"token\": \"$password\"}" >/dev/null
echo "The connection works."

say "Entra's initial cycle: 50 people, then their managers, then 6 groups with their members"
initial_cycle
say "A promotion, a new colleague, and a cycle 40 minutes later"
control PATCH "people/$person" '{"jobTitle": "Head of Harbour"}' >/dev/null
control POST people '{"userPrincipalName": "ada.new@contoso.example", "displayName": "Ada New", "givenName": "Ada", "surname": "New", "mail": "ada.new@contoso.example"}' >/dev/null
counts "$(control POST jobs/scim/cycles)"
await 'contoso\.id\.example\.com   51 *51 *6'
say "What the same folder says now"
tables

say "$person opens $sign_in in a browser, is picked at Entra, and is in"
sign_in_as "$person" "$sign_in"

say "Entra blocks the account; after the next cycle the session is over"
control PATCH "people/$person" '{"accountEnabled": false}' >/dev/null
counts "$(control POST jobs/scim/cycles)"
browser_open "${sign_in%/sign-in}/signed-in"
browser_text 'h1, .wrong'
await 'contoso\.id\.example\.com   51 *50 *6'

say "A person whom the directory refuses, and a deletion that its brake holds"
scim POST Users '{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "miriam.graham@contoso.example", "userType": "premium",
    "externalId": "miriam", "name": {"givenName": "Miriam", "familyName": "Graham"},
    "emails": [{"type": "work", "value": "miriam.graham@contoso.example"}]}' | why
scim DELETE "Users/$(id_of "$person")" | why
say "$admin, an administrator, opens $portal"
scim PATCH "Users/$(id_of "$admin")" '{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
    {"op": "replace", "path": "roles", "value": [{"value": "EnterpriseAdmin", "primary": true}]}]}' >/dev/null
sign_in_as "$admin" "$portal"

if [ -t 0 ] && [ -t 1 ]; then
    cat <<END

To play with, until you press Enter
  $portal    what administrators see: sign in as $admin
  $sign_in    sign in as anybody
  $entra/    what Entra has, and what it can be told
END
    read -r _ || true
fi
cat <<END

Where to look next
  usher dev examples/quickstart     the same, to play with: edit the YAML and watch the table
  usher emulator serve              an Entra for your own server: docs/emulator.md
  usher lint examples               checks YAML as the API server and the operator would
  README.md                         the same on a cluster, in five minutes
  docs/architecture.md              how it works
END
