#!/usr/bin/env bash
# An API server to try things out with: playground.sh up|down. It runs until it is stopped; what it held is then gone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
export PATH="$PATH:$cache/bin"
cd "$root"

target=${CARGO_TARGET_DIR:-target}
dir=$target/playground

is_up() { [ -f "$dir/ready" ] && ! flock -n "$dir/server.lock" true; }

up() {
  if is_up; then
    echo "already up"
  else
    mkdir -p "$dir"
    rm -f "$dir/ready"
    setsid "$root/scripts/apiserver.sh" serve "$dir" --keep >"$dir/supervisor.log" 2>&1 </dev/null &
    local supervisor=$!
    until [ -f "$dir/ready" ]; do
      kill -0 "$supervisor" 2>/dev/null || { cat "$dir/supervisor.log" >&2; exit 1; }
      sleep 0.1
    done
  fi
  cargo build --quiet
  local kubeconfig; kubeconfig=$(cd "$dir" && pwd)/kubeconfig
  "$target/debug/usher" crds | kubectl --kubeconfig "$kubeconfig" apply --server-side --force-conflicts -f - >/dev/null
  # Accepted is not yet told: kubectl goes by discovery, which lags a moment behind.
  until kubectl --kubeconfig "$kubeconfig" get connectors >/dev/null 2>&1; do sleep 0.2; done
  cat <<T
A Kubernetes API server is up, with the kinds of Usher. It has no nodes: objects are made, pods do not run.

  export KUBECONFIG=$kubeconfig
  $target/debug/usher operator --workload-image usher:dev --namespace default &
  kubectl create namespace identity
  kubectl apply -f examples/quickstart
  kubectl get connectors -n identity
  make cluster-down
T
}

down() {
  if ! is_up; then echo "not up"; return; fi
  kill "$(cat "$dir/pid")"
  flock "$dir/server.lock" true
  echo "stopped"
}

case ${1:-} in
  up | down) "$1";;
  *) sed -n 2p "$0"; exit 2;;
esac
