# Where things are kept, for the other scripts to source: sets variables.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${USHER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/usher}

# The name carries the module's versions, so that a change of them builds anew.
kubernetes=$cache/kubernetes-$(cat "$root/tests/cluster/go.mod" "$root/tests/cluster/go.sum" | sha256sum | cut -c1-12)
coredns_version=v1.15.0
coredns=$cache/bin/coredns-$coredns_version
pause_image=$cache/pause.tar
