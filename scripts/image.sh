#!/usr/bin/env bash
# Builds images without a network: out of a compiled program and the libraries of this Debian.
#
#   image.sh usher PROGRAM ARCHIVE    the Dockerfile's image for our clusters; prints its name
#   image.sh release PROGRAM          the same under the version's name; says what to do with it, fails when it is too big
#   image.sh pause                    what holds a pod's network in our test cluster, into the cache
#
# Where there is a network and Docker, `docker build .` makes it on the distroless base that the Dockerfile names.
set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"

# Bytes that the program and the whole image may have.
program_limit=30000000 image_limit=45000000

export BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
store() { local verb=$1; shift; buildah --root "$cache/images" --runroot "$work/run" --storage-driver vfs "$verb" "$@"; }

# What the distroless base has, from the packages that are installed here; others of them make another base.
base() {
  local packages=(libc6 base-files tzdata) name
  name=localhost/usher-base:$({ dpkg-query -W "${packages[@]}" ca-certificates; declare -f base; } | sha256sum | cut -c1-12)
  if ! store inspect --type image "$name" >/dev/null 2>&1; then
    mkdir -p "$work/base/usr/lib" "$work/base/usr/lib64"
    ln -s usr/lib "$work/base/lib"
    ln -s usr/lib64 "$work/base/lib64"
    dpkg -L "${packages[@]}" |
      grep -E '^/(usr/lib|lib|lib64|etc|tmp|var|usr/share/zoneinfo)/' |
      grep -Ev '^/(etc|var|usr/lib)/?$' |
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

# What the Dockerfile's stage `build` ends with.
stripped() { # program
  mkdir -p "$work/build"
  cp "$(cc -print-file-name=libgcc_s.so.1)" "$work/build/"
  strip -o "$work/build/usher" "$1"
}

# What its labels say.
version=$(sed -n '0,/^version = /s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
revision=$(git -C "$root" describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null) || revision=unknown

# Of the stripped program.
archive() { # where to, name, base
  local archive=$1 name=$2 base=$3 id
  id=$(store bud --quiet --build-context "build=$work/build" --build-arg "RUNTIME_IMAGE=$base" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --file "$root/Dockerfile" "$root")
  rm -f "$archive"
  store push --quiet "$id" "docker-archive:$archive:$name" >/dev/null
  store rmi "$id" >/dev/null
}

usher() { # program, archive
  local name base
  base=$(base)
  stripped "$1"
  # Named by what is in it, so that a pod with another program is another pod.
  name=usher.test/usher:$(cat "$work/build/usher" "$root/Dockerfile" - <<<"$base $version $revision" | sha256sum | cut -c1-12)
  if [ "$(cat "$2.name" 2>/dev/null)" != "$name" ] || [ ! -f "$2" ]; then
    rm -f "$2.name"
    archive "$2" "$name" "$base"
    echo "$name" >"$2.name"
  fi
  echo "$name"
}

release() { # program
  local name archive
  stripped "$1"
  name=usher:$version
  archive=$(dirname "$1")/usher-$version.tar
  archive "$archive" "$name" "$(base)"
  echo "$name is in $archive, revision $revision"
  within "the image" "$archive" "$image_limit"
  within "the program" "$work/build/usher" "$program_limit"
  cat <<T

Into Docker, kind or k3d:
  docker load --input $archive
  kind load image-archive $archive
  k3d image import $archive
To a registry, without Docker:
  buildah pull docker-archive:$archive
  buildah push $name docker://registry.example.com/$name
T
}

within() { # what, file, limit
  local size; size=$(stat -c %s "$2")
  awk -v what="$1" -v size="$size" -v limit="$3" \
    'BEGIN { printf "%s has %.1f MB of %.0f MB%s\n", what, size / 1e6, limit / 1e6, (size > limit ? ": too big" : ""); exit size > limit }'
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
  release) release "$2";;
  pause) pause;;
  *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2;;
esac
