#!/usr/bin/env bash
# Figures of Usher on Kubernetes, each beside its goal, of a release build.
#
#   cluster.sh [ready] [memory] [leader] [drain] [idle] [scale]    all of them when none is named
#
#   ready    from `kubectl apply` of the quickstart to Ready, with the image on the node
#   memory   of the operator's pod and of a workload's with 1,000 people
#   leader   how long nobody leads when the leader is killed, and when it is stopped
#   drain    requests that fail while the pod of a workload is replaced
#   idle     what the operator writes while nothing happens
#   scale    1,000 ScimTenants and 1,000 AzureConnectors on an API server without pods
#
# IDLE_SECONDS is how long nothing happens for idle and scale (600). All but scale start a cluster, which needs root on Linux.
# What is started here is stopped in the end, however that comes.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/paths.sh
. scripts/served.sh
export PATH="$PATH:$cache/bin"
idle_seconds=${IDLE_SECONDS:-600}
target=${CARGO_TARGET_DIR:-target}
program=$target/release/usher
work=$(mktemp -d)
export KUBECACHEDIR=$work/kubectl
. bench/figures.sh
. bench/pods.sh
. bench/scale.sh

# Starts servers in a folder of their own. They end with this script: they see that nobody holds the lock any more.
begin() { # script, folder
  mkdir -p "$target/$2"
  dir=$(cd "$target/$2" && pwd)
  exec 5>"$dir/users.lock"
  flock --wait 2 5 || die "another measurement uses $dir"
  ! served || stop
  rm -f "$dir"/audit*.log
  export KUBECONFIG=$dir/kubeconfig
  serve "$1"
}

end() {
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
  if [ -n "${dir:-}" ] && served; then stop; fi
  dir=
}

finish() {
  local code=$?
  end
  print_table
  rm -rf "$work"
  [ "$code" = 0 ] || echo "Not all was measured." >&2
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

wanted=("$@")
[ $# -gt 0 ] || wanted=(ready memory leader drain idle scale)
on_pods=()
for it in "${wanted[@]}"; do
  case $it in
    ready | memory | leader | drain | idle) on_pods+=("$it");;
    scale) ;;
    *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2;;
  esac
done

scripts/setup.sh packages rust kubectl helm apiserver
make --silent program
if [ "${#on_pods[@]}" -gt 0 ]; then
  reason=$(scripts/cluster.sh possible) || die "$reason"
  scripts/setup.sh cluster
  begin cluster.sh bench-cluster
  install "$program"
  for it in "${on_pods[@]}"; do "measure_$it"; done
  end
fi
if [[ " ${wanted[*]} " = *" scale "* ]]; then
  begin apiserver.sh bench-apiserver
  measure_scale
fi
