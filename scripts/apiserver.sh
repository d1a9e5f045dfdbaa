#!/usr/bin/env bash
# A Kubernetes API server with its etcd, on loopback, for tests and for trying things out.
#
#   apiserver.sh serve FOLDER [--keep]
#
# Runs in the foreground and writes into FOLDER: `kubeconfig` (an administrator's), `ready` once it answers,
# `audit.log` (who asked for what), `logs/`. Ends on SIGTERM, or, without --keep, 10 s after the last process
# that holds a shared lock on FOLDER/users.lock has gone, however it went. The files of the run before are
# kept in FOLDER/previous.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
. "$(dirname "${BASH_SOURCE[0]}")/until_unused.sh"

[ "${1:-}" = serve ] && [ -n "${2:-}" ] || { sed -n '2,/^set/{/^#/p}' "$0"; exit 2; }
mkdir -p "$2"
dir=$(cd "$2" && pwd)
keep=${3:-}

[ -x "$kubernetes/kube-apiserver" ] || die "no API server at $kubernetes: run scripts/setup.sh apiserver"
command -v etcd >/dev/null || die "no etcd: run scripts/setup.sh packages"

# Below the range that the system hands out by itself, so that no client socket can be in the way.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    grep -qi "$(printf ':%04X ' "$port")" /proc/net/tcp /proc/net/tcp6 || { echo "$port"; return; }
  done
}

# The kernel ends the child when this script ends, however that happens. Locks are not passed on.
start() {
  local name=$1; shift
  setpriv --pdeathsig KILL "$@" >"$dir/logs/$name.log" 2>&1 7>&- 8>&- 9>&- &
}

credentials() {
  (umask 077; head -c 32 /dev/urandom | sha256sum | cut -c1-64 >"$dir/pki/token")
  (umask 077; echo "$(cat "$dir/pki/token"),admin,admin,system:masters" >"$dir/pki/tokens.csv")
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/pki/sa.key" 2>/dev/null
  openssl ec -in "$dir/pki/sa.key" -pubout -out "$dir/pki/sa.pub" 2>/dev/null
  cat >"$dir/pki/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: Metadata}
Y
}

# Both servers on free ports; false when one of them did not come up, as when a port was taken meanwhile.
boot() {
  local client peer api
  client=$(free_port) peer=$(free_port) api=$(free_port)
  rm -rf "$dir/etcd"
  start etcd etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer"
  etcd=$!
  # A certificate it signs itself; its CA is in the same file. No pods run, so no addresses are advertised.
  start kube-apiserver "$kubernetes/kube-apiserver" --etcd-servers "http://127.0.0.1:$client" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api" --cert-dir "$dir/pki" \
    --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/16 \
    --token-auth-file "$dir/pki/tokens.csv" --authorization-mode RBAC --anonymous-auth=false \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$dir/pki/sa.pub" --service-account-signing-key-file "$dir/pki/sa.key" \
    --audit-policy-file "$dir/pki/audit.yaml" --audit-log-path "$dir/audit.log" --audit-log-mode blocking
  server=$!
  local tries
  for tries in $(seq 600); do
    kill -0 "$etcd" 2>/dev/null && kill -0 "$server" 2>/dev/null || return 1
    # The token goes in by standard input: a command line is everyone's to read.
    if [ -s "$dir/pki/apiserver.crt" ] && curl -sf --max-time 5 --cacert "$dir/pki/apiserver.crt" -o /dev/null \
      -H @- "https://127.0.0.1:$api/readyz" <<<"Authorization: Bearer $(cat "$dir/pki/token")"; then
      kubeconfig "$api"
      say "ready on port $api"
      return
    fi
    sleep 0.1
  done
  return 1
}

kubeconfig() {
  (umask 077; cat >"$dir/kubeconfig" <<Y
apiVersion: v1
kind: Config
current-context: usher
contexts: [{name: usher, context: {cluster: usher, user: admin}}]
clusters: [{name: usher, cluster: {server: "https://127.0.0.1:$1", certificate-authority: "$dir/pki/apiserver.crt"}}]
users: [{name: admin, user: {token: "$(cat "$dir/pki/token")"}}]
Y
  )
  touch "$dir/ready"
}

stop() {
  rm -f "$dir/ready"
  # Nothing here is worth a slow shutdown.
  kill -KILL ${server:+"$server"} ${etcd:+"$etcd"} 2>/dev/null || true
  wait 2>/dev/null
}

alive() {
  kill -0 "$etcd" 2>/dev/null || die "etcd has ended: see $dir/logs"
  kill -0 "$server" 2>/dev/null || die "the API server has ended: see $dir/logs"
}

take_folder
echo "$BASHPID" >"$dir/pid"
trap stop EXIT
trap 'exit 0' TERM INT HUP

credentials
boot || { stop; boot; } || { stop; boot; } || die "did not come up: see $dir/logs"
if [ "$keep" = --keep ]; then
  while sleep 1; do alive; done
fi
until_unused alive
