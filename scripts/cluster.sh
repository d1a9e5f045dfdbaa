#!/usr/bin/env bash
# A whole Kubernetes cluster of one node, on this machine, for tests and for trying things out. Linux, as root.
#
#   cluster.sh serve FOLDER [--keep]        runs it in the foreground; writes what apiserver.sh writes, ends as that does
#   cluster.sh load FOLDER ARCHIVE          brings an image into it
#   cluster.sh enter FOLDER COMMAND …       runs a command in its network: pods and Services can be reached
#   cluster.sh ctr FOLDER …                 containerd's own client
#   cluster.sh kill FOLDER PROGRAM          kills one, as kubelet; it is started again at once
#   cluster.sh stop|start FOLDER PROGRAM    keeps it from running; lets it
#   cluster.sh disk FOLDER NAME SIZE        a file system of its own on the node, at FOLDER/volumes/NAME
#   cluster.sh possible                     whether it can run here; says why not
#
# Everything runs in process, mount and network namespaces of its own. When the first process there ends, however it
# ends, the kernel ends the others and takes mounts and network along; no route leads out. The machine sees one end
# of a cable, so that its kubectl and the tests reach the API server.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
. "$(dirname "${BASH_SOURCE[0]}")/until_unused.sh"

possible() {
  if [ "$(id -u)" != 0 ] || ! unshare --mount --net --pid --fork true 2>/dev/null; then
    echo "a cluster with pods needs root on Linux, with the right to make namespaces"
    return 1
  fi
}

command=${1:-} dir=${2:-}
if [ "$command" = possible ]; then possible; exit; fi
[ -n "$command" ] && [ -n "$dir" ] || { sed -n '2,/^set/{/^#/p}' "$0"; exit 2; }
[ "$command" != serve ] || mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
shift 2
containerd=/run/containerd/containerd.sock

from_outside() {
  local pid; pid=$(cat "$dir/pid" 2>/dev/null) || die "no cluster in $dir"
  # A number that is left of one that was killed may be another process's by now.
  ! flock -n "$dir/server.lock" true || die "no cluster in $dir any more"
  case $command in
    load) exec nsenter -t "$pid" -m ctr -a "$containerd" -n k8s.io image import "$(realpath "$1")";;
    ctr) exec nsenter -t "$pid" -m ctr -a "$containerd" -n k8s.io "$@";;
    enter) exec nsenter -t "$pid" -n "$@";;
    start) rm -f "$dir/hold/$1";;
    disk)
      mkdir -p "$dir/volumes/$1"
      exec nsenter -t "$pid" -m mount -t tmpfs -o "size=$2,mode=0777" "$1" "$dir/volumes/$1";;
    stop | kill)
      [ -e "$dir/pids/$1" ] || die "no program named $1; there are: $(cd "$dir/pids" && echo *)"
      [ "$command" = kill ] || touch "$dir/hold/$1"
      nsenter -t "$pid" -p -m sh -c 'kill -KILL "$0"; while [ -e "/proc/$0" ]; do sleep 0.05; done' "$(cat "$dir/pids/$1")";;
    *) die "no command named $command";;
  esac
}

require() {
  local it
  it=$(possible) || die "$it; or USHER_TEST_CLUSTER=existing with a kubeconfig, as of kind"
  for it in "$kubernetes"/{kube-{apiserver,controller-manager,scheduler,proxy},kubelet} "$coredns"; do
    [ -x "$it" ] || die "no $it: run scripts/setup.sh cluster"
  done
  for it in etcd containerd runc conntrack iptables ip kubectl; do
    command -v "$it" >/dev/null || die "no $it: run scripts/setup.sh cluster"
  done
}

# Runs a program for as long as the cluster is there, again whenever it ends, unless it is held.
keep() { # name, command
  local name=$1; shift
  {
    while :; do
      if [ ! -e "$dir/hold/$name" ]; then
        "$@" >>"$dir/logs/$name.log" 2>&1 &
        echo $! >"$dir/pids/$name"
        wait $! || true
      fi
      sleep 0.2
    done
  } 6<&- 7>&- 8>&- 9>&- &
}

soon() { # what, command
  local what=$1 tries; shift
  for tries in $(seq 900); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  die "not in 90 s: $what; see $dir/logs"
}

# Folders that the programs insist on become this cluster's own.
mounts() {
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /run
  mkdir -p "$dir/logs/node" "$dir/node/cni" /var/lib/cni
  mount --bind "$dir/logs/node" /var/log
  mount --bind "$dir/node/cni" /var/lib/cni
  mount --make-rshared /
}

# A cable to the machine, in the first range of four addresses that is free.
network() {
  local n range tries=0
  n=$(($(cksum <<<"$dir" | cut -d' ' -f1) % 8192))
  until nsenter --net=/proc/self/fd/6 ip link add "usher$n" type veth peer name node0 netns $$; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || die "no cable to the machine"
    n=$(((n + 1) % 8192))
  done
  cable=usher$n
  range=10.250.$((n / 64)).$((n % 64 * 4))
  node_ip=${range%.*}.$((${range##*.} + 2))
  nsenter --net=/proc/self/fd/6 sh -c "ip addr add ${range%.*}.$((${range##*.} + 1))/30 dev $cable && ip link set $cable up"
  ip link set lo up
  ip addr add "$node_ip/30" dev node0
  ip link set node0 up
  # The programs look for a default route; this one leads nowhere.
  ip link add nowhere type veth peer name nowhere-peer
  ip link set nowhere up
  ip link set nowhere-peer up
  ip route add default dev nowhere
  echo 1 >/proc/sys/net/ipv4/ip_forward
}

secret() { head -c 32 /dev/urandom | sha256sum | cut -c1-64; }

credentials() {
  umask 077
  local admin kubelet; admin=$(secret) kubelet=$(secret)
  printf '%s,admin,admin,system:masters\n%s,system:node:node1,node1,system:nodes\n' "$admin" "$kubelet" >"$dir/pki/tokens.csv"
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/pki/sa.key" 2>/dev/null
  openssl ec -in "$dir/pki/sa.key" -pubout -out "$dir/pki/sa.pub" 2>/dev/null
  # By which the kubelet knows the API server.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /O=system:masters/CN=kube-apiserver \
    -keyout "$dir/pki/to-kubelet.key" -out "$dir/pki/to-kubelet.crt" 2>/dev/null
  kubeconfig admin "$admin" >"$dir/admin.part"
  kubeconfig kubelet "$kubelet" >"$dir/node/kubelet.conf"
  umask 022
  cat >"$dir/pki/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: Metadata}
Y
}

kubeconfig() { # user, token
  cat <<Y
apiVersion: v1
kind: Config
current-context: usher
contexts: [{name: usher, context: {cluster: usher, user: $1}}]
clusters: [{name: usher, cluster: {server: "https://$node_ip:6443", certificate-authority: "$dir/pki/apiserver.crt"}}]
users: [{name: $1, user: {token: "$2"}}]
Y
}

kube() { kubectl --kubeconfig "$dir/admin.part" "$@"; }

control_plane() {
  keep etcd etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn
  keep apiserver "$kubernetes/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --secure-port 6443 --advertise-address "$node_ip" \
    --cert-dir "$dir/pki" --service-cluster-ip-range 10.96.0.0/16 --authorization-mode Node,RBAC --anonymous-auth=false \
    --token-auth-file "$dir/pki/tokens.csv" --allow-privileged --shutdown-delay-duration 0s \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$dir/pki/sa.pub" --service-account-signing-key-file "$dir/pki/sa.key" \
    --kubelet-client-certificate "$dir/pki/to-kubelet.crt" --kubelet-client-key "$dir/pki/to-kubelet.key" \
    --kubelet-preferred-address-types InternalIP \
    --audit-policy-file "$dir/pki/audit.yaml" --audit-log-path "$dir/audit.log" --audit-log-mode blocking
  keep containerd containerd -c "$dir/node/containerd.toml"
  soon "the API server answers" kube get --raw /readyz
  keep controller-manager "$kubernetes/kube-controller-manager" --kubeconfig "$dir/admin.part" --leader-elect=false \
    --bind-address 127.0.0.1 --use-service-account-credentials --root-ca-file "$dir/pki/apiserver.crt" \
    --service-account-private-key-file "$dir/pki/sa.key"
  keep scheduler "$kubernetes/kube-scheduler" --kubeconfig "$dir/admin.part" --leader-elect=false --bind-address 127.0.0.1
}

# The kubelet removes every group of processes that it does not know, so it gets a branch of its own, named as the cable.
cgroups() {
  local root
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$cable"
    sed 's/\(^\| \)/\1+/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control || true
    sed 's/\(^\| \)/\1+/g' "/sys/fs/cgroup/$cable/cgroup.controllers" >"/sys/fs/cgroup/$cable/cgroup.subtree_control" || true
  else
    for root in /sys/fs/cgroup/*/; do mkdir -p "$root$cable"; done
  fi
}

# Of clusters that are no more: their cable has gone with them.
forget_cgroups() {
  local group
  for group in /sys/fs/cgroup/{,*/}usher[0-9]*; do
    [ -e "/sys/class/net/${group##*/}" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

node_settings() {
  mkdir -p "$dir/node/net.d"
  cat >"$dir/node/containerd.toml" <<T
version = 2
root = "$dir/node/containerd"
state = "/run/containerd"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "usher.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/node/net.d"
T
  cat >"$dir/node/net.d/pods.conflist" <<J
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": "10.244.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
J
  cat >"$dir/node/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$containerd
cgroupDriver: cgroupfs
cgroupRoot: /$cable
failSwapOn: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $dir/pki/to-kubelet.crt}}
address: $node_ip
readOnlyPort: 0
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: $dir/node/resolv.conf
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
Y
  # Without a filter on the bridge, answers between two pods must come back by way of the node.
  cat >"$dir/node/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $dir/admin.part}
mode: iptables
iptables: {masqueradeAll: true, minSyncPeriod: 0s}
clusterCIDR: 10.244.0.0/16
bindAddress: $node_ip
hostnameOverride: node1
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
  cat >"$dir/node/Corefile" <<C
.:53 {
  bind $node_ip
  errors
  kubernetes cluster.local {
    kubeconfig $dir/admin.part usher
    ttl 1
  }
}
C
  echo "nameserver $node_ip" >"$dir/node/resolv.conf"
}

node() {
  soon "containerd answers" ctr -a "$containerd" version
  ctr -a "$containerd" -n k8s.io image import "$pause_image" >/dev/null
  keep kubelet "$kubernetes/kubelet" --config "$dir/node/kubelet.yaml" --kubeconfig "$dir/node/kubelet.conf" \
    --hostname-override node1 --node-ip "$node_ip" --root-dir "$dir/node/kubelet" --cert-dir "$dir/node/kubelet-pki"
  keep proxy "$kubernetes/kube-proxy" --config "$dir/node/proxy.yaml"
  keep dns "$coredns" -conf "$dir/node/Corefile"
  keep volumes volumes
  soon "the node is ready" kube wait --for=condition=Ready node/node1 --timeout=1s
}

# A volume for each claim that has none: a folder on this machine.
volumes() {
  local namespace name class volume size uid
  # A separator that is no white space, or empty fields would vanish.
  kube get persistentvolumeclaims -A --watch -o \
    'jsonpath={.metadata.namespace}|{.metadata.name}|{.spec.storageClassName}|{.spec.volumeName}|{.spec.resources.requests.storage}|{.metadata.uid}{"\n"}' |
  while IFS='|' read -r namespace name class volume size uid; do
    if [ -n "$volume" ] || [ "$class" = by-hand ]; then continue; fi
    mkdir -p "$dir/volumes/$uid"
    kube apply -f - <<Y || true
apiVersion: v1
kind: PersistentVolume
metadata: {name: "$uid"}
spec:
  capacity: {storage: "$size"}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: "$class"
  claimRef: {namespace: "$namespace", name: "$name", uid: "$uid"}
  local: {path: "$dir/volumes/$uid"}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
Y
  done
}

inside() {
  trap 'rm -f "$dir/ready"; exit 0' TERM INT HUP
  # The number by which the machine knows this process; /proc is still the machine's.
  local pid; read -r pid _ </proc/self/stat
  echo "$pid" >"$dir/pid"
  mounts
  network
  cgroups
  node_settings
  credentials
  control_plane
  node
  mv "$dir/admin.part" "$dir/kubeconfig.part"
  cp "$dir/kubeconfig.part" "$dir/admin.part"
  mv "$dir/kubeconfig.part" "$dir/kubeconfig"
  touch "$dir/ready"
  say "ready on https://$node_ip:6443"
  if [ "$1" = --keep ]; then
    while sleep 1; do :; done
  fi
  until_unused true
}

case $command in
  serve)
    require
    take_folder
    rm -rf "$dir/node" "$dir/pids" "$dir/hold" "$dir/volumes"
    mkdir -p "$dir/node" "$dir/pids" "$dir/hold" "$dir/volumes"
    forget_cgroups
    exec 6</proc/self/ns/net
    exec unshare --mount --net --pid --fork --kill-child=KILL "${BASH_SOURCE[0]}" inside "$dir" "${1:-}";;
  inside) inside "${1:-}";;
  *) from_outside "$@";;
esac
