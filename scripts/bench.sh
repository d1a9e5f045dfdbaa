#!/usr/bin/env bash
# Requests a second of `usher serve` on SQLite with synced writes, beside the bare limit of the disk.
#
#   bench.sh                    a release build on a fresh store
#   BASE=URL TOKEN=… bench.sh   another SCIM server on loopback, for comparison in the same hour
#
# PEOPLE made first (1000), CONNECTIONS (8), POSTS (4000), SECONDS_EACH for the reading and patching steps (10).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
people=${PEOPLE:-1000} connections=${CONNECTIONS:-8} posts=${POSTS:-4000} seconds=${SECONDS_EACH:-10}
export PATH="$PATH:$cache/bin"
work=$(mktemp -d)
server=
cleanup() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

free_port() { local port; while :; do port=$((20000 + RANDOM % 12000)); grep -qi "$(printf ':%04X ' "$port")" /proc/net/tcp || { echo "$port"; return; }; done; }

serve() {
  (cd "$root" && cargo build --release --quiet)
  TOKEN=bench-$(head -c 16 /dev/urandom | sha256sum | cut -c1-32)
  local port report digest
  port=$(free_port) report=$(free_port)
  digest=$(printf %s "$TOKEN" | sha256sum | cut -d' ' -f1)
  mkdir -p "$work/data"
  cat >"$work/config.json" <<J
{"version": 1, "reportToken": "$digest", "scimTenants": [{"name": "bench/bench", "url": "http://127.0.0.1:$port",
 "store": {"sqlite": {"path": "$work/data/usher.db"}}, "schema": {},
 "clients": [{"name": "bench", "userName": "bench", "credentials": [{"digest": "$digest", "issuedAt": "2026-01-01T00:00:00Z"}]}]}]}
J
  "${CARGO_TARGET_DIR:-$root/target}/release/usher" serve --config "$work/config.json" \
    --listen "127.0.0.1:$port" --report-listen "127.0.0.1:$report" >"$work/serve.log" 2>&1 &
  server=$!
  BASE=http://127.0.0.1:$port/scim/v2
  for _ in $(seq 100); do curl -sf -o /dev/null "http://127.0.0.1:$report/readyz" && return; sleep 0.1; done
  cat "$work/serve.log"; exit 1
}

bodies() { # prefix, how many
  awk -v p="$1" -v n="$2" -v run="$$-$RANDOM" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\",\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"],\"externalId\":\"%s-%s-%d\",\"userName\":\"%s-%s-%06d@load.example\",\"active\":true,\"displayName\":\"Load User %d\",\"name\":{\"givenName\":\"Load\",\"familyName\":\"User%d\",\"formatted\":\"Load User%d\"},\"emails\":[{\"primary\":true,\"type\":\"work\",\"value\":\"%s-%06d@load.example\"}],\"title\":\"Engineer\",\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{\"department\":\"Load\"}}\n", p, run, i, p, run, i, i, i, i, p, i }'
}

load() { oha --no-tui --output-format json -c "$connections" -H "Authorization: Bearer $TOKEN" "$@"; }

report() { # name of the step; reads oha's JSON
  awk -v step="$1" '
    /"requestsPerSec"/ { gsub(/[^0-9.]/, "", $2); rps = $2 }
    /"latencyPercentiles"/ { inside = 1 }
    inside && /"p50"/ { gsub(/[^0-9.e-]/, "", $2); p50 = $2 * 1000 }
    inside && /"p99"/ { gsub(/[^0-9.e-]/, "", $2); p99 = $2 * 1000; inside = 0 }
    /"statusCodeDistribution"/ { getline; gsub(/[ ",]/, ""); codes = $0 }
    END { printf "%-14s %9.0f requests/s   p50 %6.2f ms   p99 %6.2f ms   %s\n", step, rps, p50, p99, codes }'
}

memory() { [ -n "$server" ] && awk -v when="$1" '/^VmRSS/ { printf "%-14s %9.1f MiB resident\n", when, $2 / 1024 }' "/proc/$server/status" || true; }

ids() { # of everybody, a page of 500 at a time
  local start=1 page
  while :; do
    page=$(curl -sf -H "Authorization: Bearer $TOKEN" "$BASE/Users?attributes=userName&count=500&startIndex=$start" | grep -oE '"(id|userName)": ?"[^"]*"' | cut -d'"' -f4 | paste - -) || return 0
    echo "$page"; start=$((start + $(wc -l <<<"$page")))
    [ "$start" -le "$people" ] || return 0
  done
}

[ -n "${BASE:-}" ] || serve
bodies seed "$people" >"$work/seed.txt"
bodies load "$((posts * 20))" >"$work/post.txt"
echo '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}' >"$work/off.json"
echo '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"True"}]}' >"$work/on.json"

memory "at the start"
while read -r body; do printf 'url = "%s/Users"\nrequest = POST\ndata = %s\nheader = "Content-Type: application/scim+json"\nheader = "Authorization: Bearer %s"\noutput = /dev/null\nnext\n' \
  "$BASE" "$(sed 's/"/\\"/g; s/^/"/; s/$/"/' <<<"$body")" "$TOKEN"; done <"$work/seed.txt" | sed '$d' >"$work/seed.curl"
curl -s --no-progress-meter --parallel --parallel-max 4 -K "$work/seed.curl"
memory "$people people"
ids >"$work/people.txt"
[ -s "$work/people.txt" ] || { echo "nobody was made"; exit 1; }
awk -v base="$BASE" '{ n = $1 ~ /@/ ? $1 : $2; gsub("@", "%40", n); print base "/Users?filter=userName+eq+%22" n "%22" }' "$work/people.txt" >"$work/get.txt"
awk -v base="$BASE" '{ print base "/Users/" ($1 ~ /@/ ? $2 : $1) }' "$work/people.txt" >"$work/patch.txt"

load -n "$posts" -m POST -T application/scim+json -Z "$work/post.txt" "$BASE/Users" | report "POST"
load -z "${seconds}s" --urls-from-file "$work/get.txt" | report "GET by filter"
# Off, then on: each half changes every person once before it meets people who are already so.
load -n "$(wc -l <"$work/patch.txt")" -m PATCH -T application/scim+json -D "$work/off.json" --urls-from-file "$work/patch.txt" | report "PATCH, changes"
load -z "${seconds}s" -m PATCH -T application/scim+json -D "$work/on.json" --urls-from-file "$work/patch.txt" | report "PATCH, repeats"
memory "at the end"
sync_rate=$(dd if=/dev/zero of="$work/sync" bs=4k count=2000 oflag=dsync 2>&1 | awk -F', *' 'END { split($(NF - 1), t, " "); printf "%.0f", 2000 / t[1] }')
printf '%-14s %9s writes/s, one after the other, synced: the bare limit of this disk for commits\n' "disk" "$sync_rate"
