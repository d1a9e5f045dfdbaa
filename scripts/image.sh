#!/usr/bin/env bash
# Builds images without a network: out of a compiled program and the libraries of this Debian.
#
#   image.sh usher PROGRAM ARCHIVE    the Dockerfile's image; prints its name
#   image.sh pause                    what holds a pod's network in our test cluster, into the cache
#
# For an image to publish, on the pinned distroless base: docker build .
set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

base_version=1
export BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
store() { local verb=$1; shift; buildah --root "$cache/images" --runroot "$work/run" --storage-driver vfs "$verb" "$@"; }

# What the distroless base has, from the packages that are installed here.
base() {
  local name=localhost/usher-base:$base_version
  if ! store inspect --type image "$name" >/dev/null 2>&1; then
    mkdir -p "$work/base/usr/lib" "$work/base/usr/lib64"
    ln -s usr/lib "$work/base/lib"
    ln -s usr/lib64 "$work/base/lib64"
    dpkg -L libc6 libgcc-s1 base-files tzdata |
      grep -E '^/(usr/lib|lib|lib64|etc|tmp|var|usr/share/zoneinfo)/' |
      grep -Ev '/(gconv|audit|right|posix)(/|$)|^/(etc|var|usr/lib)/?$' |
      sed 's,^/,,' | tar -C / --no-recursion -cf - --files-from - | tar -C "$work/base" -xf -
    mkdir -p "$work/base/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >"$work/base/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$work/base/etc/group"
    printf 'FROM scratch\nCOPY base /\n' >"$work/Dockerfile"
    store bud --quiet --tag "$name" --file "$work/Dockerfile" "$work" >/dev/null
  fi
  echo "$name"
}

usher() { # program, archive
  local base name
  mkdir -p "$work/build"
  cp "$1" "$work/build/usher"
  strip "$work/build/usher"
  # Named by what is in it, so that a pod with another program is another pod.
  name=usher.test/usher:$(cat "$work/build/usher" "$root/Dockerfile" "$root/scripts/image.sh" | sha256sum | cut -c1-12)
  if [ "$(cat "$2.name" 2>/dev/null)" = "$name" ] && [ -f "$2" ]; then echo "$name"; return; fi
  base=$(base)
  store bud --quiet --tag "$name" --build-context "build=$work/build" --build-arg "RUNTIME_IMAGE=$base" \
    --file "$root/Dockerfile" "$root" >/dev/null
  rm -f "$2" "$2.name"
  store push --quiet "$name" "docker-archive:$2:$name" >/dev/null
  store rmi "$name" >/dev/null
  echo "$name" | tee "$2.name"
}

pause() {
  [ ! -f "$pause_image" ] || return 0
  mkdir -p "$work/pause"
  cp /bin/busybox "$work/pause/"
  printf 'FROM scratch\nCOPY busybox /\nUSER 65532:65532\nENTRYPOINT ["/busybox", "sleep", "1000000000"]\n' >"$work/pause/Dockerfile"
  store bud --quiet --tag localhost/pause:1 --file "$work/pause/Dockerfile" "$work/pause" >/dev/null
  store push --quiet localhost/pause:1 "docker-archive:$work/pause.tar:usher.test/pause:1" >/dev/null
  mv "$work/pause.tar" "$pause_image"
}

mkdir -p "$cache"
exec 9>"$cache/images.lock"
flock 9
case ${1:-} in
  usher) usher "$2" "$3";;
  pause) pause;;
  *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2;;
esac
