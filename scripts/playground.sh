#!/usr/bin/env bash
# A cluster to try things out with: playground.sh up|down. It runs until it is stopped; what it held is then gone.
# A second `up` brings in the program as it is by then. Without root it is an API server alone, without pods.
set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
. "$(dirname "${BASH_SOURCE[0]}")/served.sh"
export PATH="$PATH:$cache/bin"
cd "$root"

target=${CARGO_TARGET_DIR:-target}
folder=$target/playground
mkdir -p "$folder"
dir=$(cd "$folder" && pwd)
export KUBECONFIG=$dir/kubeconfig
program=$target/debug/usher
advice='After `make cluster-down` all begins afresh.'

environment() {
  echo "  export KUBECONFIG=$KUBECONFIG"
  [[ $(type -P kubectl) != "$cache"/* ]] || echo "  export PATH=\$PATH:$cache/bin"
}

up() {
  local reason
  if reason=$(scripts/cluster.sh possible); then
    scripts/setup.sh packages rust kubectl helm cluster
    cargo build --quiet
    serve cluster.sh --keep
    install "$program" --set-json 'extraArgs=["--counters-every=5"]'
    pods
  else
    echo "No pods here: $reason. To install on a cluster that you have: docs/install.md."
    echo
    scripts/setup.sh packages rust kubectl apiserver
    cargo build --quiet
    serve apiserver.sh --keep
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
  scripts/cluster.sh enter $folder $program emulator cycle --people 50 --groups 6 --token-file $folder/token \\
    --scim http://\$(kubectl get service contoso -n identity -o jsonpath='{.spec.clusterIP}')/scim/v2
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
  stop
  echo "stopped"
}

case ${1:-} in
  up | down)
    exec 5>"$dir/playground.lock"
    flock 5 # one at a time
    "$1";;
  *) sed -n 2,3p "$0"; exit 2;;
esac
