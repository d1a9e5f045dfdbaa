# What cluster.sh or apiserver.sh serve in the folder $dir, started and stopped, and Usher brought into it, for other scripts to source.

served() { ! flock -n "$dir/server.lock" true; }

# Returns once all is up; what is served there already goes on.
serve() { # script, its options …
  local script=$1 alive=served; shift
  if ! served; then
    rm -f "$dir/ready"
    setsid "$root/scripts/$script" serve "$dir" "$@" >"$dir/supervisor.log" 2>&1 </dev/null 5>&- &
    alive="kill -0 $!"
  fi
  until [ -f "$dir/ready" ]; do
    $alive || { cat "$dir/supervisor.log" >&2; exit 1; }
    sleep 0.1
  done
}

stop() {
  until [ -s "$dir/pid" ]; do sleep 0.1; done
  kill "$(cat "$dir/pid")"
  flock "$dir/server.lock" true
}

# A long output is shown only when something fails.
quietly() { # command
  "$@" >"$dir/last.log" 2>&1 && return
  cat "$dir/last.log" >&2
  echo "This failed: $*.${advice:+ $advice}" >&2
  exit 1
}

install() { # program, options of helm …
  local program=$1 image; shift
  image=$("$root/scripts/image.sh" usher "$program" "$dir/usher.tar")
  quietly "$root/scripts/cluster.sh" load "$dir" "$dir/usher.tar"
  quietly kubectl apply -f - <<Y
apiVersion: v1
kind: Namespace
metadata: {name: usher-system, labels: {pod-security.kubernetes.io/enforce: restricted}}
Y
  quietly helm upgrade --install usher "$root/charts/usher" --namespace usher-system --wait --timeout 2m \
    --set "image.repository=${image%:*}" --set "image.tag=${image##*:}" "$@"
}
