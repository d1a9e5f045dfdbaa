#!/usr/bin/env bash
# A cluster to try things out with: playground.sh up|down. It runs until it is stopped; what it held is then gone.
# A second `up` brings in the program as it is by then. Without root it is an API server alone, without pods.
set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
export PATH="$PATH:$cache/bin"
cd "$root"

target=${CARGO_TARGET_DIR:-target}
folder=$target/playground
mkdir -p "$folder"
dir=$(cd "$folder" && pwd)
export KUBECONFIG=$dir/kubeconfig
program=$target/debug/usher

served() { ! flock -n "$dir/server.lock" true; }

serve() { # script
  local alive=served
  if ! served; then
    rm -f "$dir/ready"
    setsid "$root/scripts/$1" serve "$dir" --keep >"$dir/supervisor.log" 2>&1 </dev/null 5>&- &
    alive="kill -0 $!"
  fi
  until [ -f "$dir/ready" ]; do
    $alive || { cat "$dir/supervisor.log" >&2; exit 1; }
    sleep 0.1
  done
}

# A long output is shown only when something fails.
quietly() { # command
  "$@" >"$dir/last.log" 2>&1 && return
  cat "$dir/last.log" >&2
  echo "This failed: $*. After \`make cluster-down\` all begins afresh." >&2
  exit 1
}

install() {
  local image
  image=$(scripts/image.sh usher "$program" "$dir/usher.tar")
  quietly scripts/cluster.sh load "$dir" "$dir/usher.tar"
  quietly kubectl apply -f - <<Y
apiVersion: v1
kind: Namespace
metadata: {name: usher-system, labels: {pod-security.kubernetes.io/enforce: restricted}}
Y
  quietly helm upgrade --install usher charts/usher --namespace usher-system --wait --timeout 2m \
    --set "image.repository=${image%:*}" --set "image.tag=${image##*:}" \
    --set-json 'extraArgs=["--counters-every=5"]'
}

environment() {
  echo "  export KUBECONFIG=$KUBECONFIG"
  [[ $(type -P kubectl) != "$cache"/* ]] || echo "  export PATH=\$PATH:$cache/bin"
}

up() {
  local reason
  if reason=$(scripts/cluster.sh possible); then
    scripts/setup.sh packages rust kubectl helm cluster
    cargo build --quiet
    serve cluster.sh
    install
    pods
  else
    echo "No pods here: $reason. To install on a cluster that you have: docs/install.md."
    echo
    scripts/setup.sh packages rust kubectl apiserver
    cargo build --quiet
    serve apiserver.sh
    "$program" crds | quietly kubectl apply --server-side --force-conflicts -f -
    # Accepted is not yet told: kubectl goes by discovery, which lags a moment behind.
    until kubectl get connectors >/dev/null 2>&1; do sleep 0.2; done
    no_pods
  fi
}

pods() {
  cat <<T
A Kubernetes cluster is up, and Usher's operator runs in it, in the namespace usher-system.

$(environment)
  kubectl create namespace identity
  kubectl apply -f examples/quickstart
  kubectl wait --for=condition=Ready connectors --all -n identity
  kubectl get connectors -n identity

Let an Entra that is played send 50 people and 6 groups, through the Service, and look until they are counted:

  kubectl get secret contoso-entra-scim -n identity -o jsonpath='{.data.password}' | base64 -d >$folder/token
  scripts/cluster.sh enter $folder $program emulator provision --people 50 --groups 6 --token-file $folder/token \\
    --scim-url http://\$(kubectl get service contoso -n identity -o jsonpath='{.spec.clusterIP}')/scim/v2
  kubectl get scimtenants -n identity --watch

  make cluster-up      again, after a change: builds it and brings it in
  make cluster-down    stops the cluster and forgets all of it
T
}

no_pods() {
  cat <<T
A Kubernetes API server is up, with the kinds of Usher: objects are made, pods do not run.

$(environment)
  $program operator --workload-image usher:dev --namespace default &
  kubectl create namespace identity
  kubectl apply -f examples/quickstart
  kubectl get connectors -n identity
  make cluster-down
T
}

down() {
  if ! served; then echo "not up"; return; fi
  until [ -s "$dir/pid" ]; do sleep 0.1; done
  kill "$(cat "$dir/pid")"
  flock "$dir/server.lock" true
  echo "stopped"
}

case ${1:-} in
  up | down)
    exec 5>"$dir/playground.lock"
    flock 5 # one at a time
    "$1";;
  *) sed -n 2,3p "$0"; exit 2;;
esac
