# Holding a folder and leaving when nobody uses it any more, for scripts that serve one to source.
#
# The protocol with the users of the folder (tests/it/apiserver/server.rs has their side):
#   users.lock    shared: each user, for its lifetime; exclusive: the script, for the moment of giving up
#   start.lock    exclusive: whoever starts or stops the servers
#   server.lock   exclusive: the script, for its lifetime
# The descriptors 7 to 9 stand for them; children must be started without.

idle_limit=10

say() { echo "$(date +%T) $*"; }
die() { say "$*"; exit 1; }

# Takes the folder $dir, or ends; the files of the run before go to $dir/previous.
take_folder() {
  exec 9>"$dir/server.lock" 8>"$dir/start.lock" 7>"$dir/users.lock"
  flock -n 9 || die "another one serves $dir"
  rm -rf "$dir/previous" "$dir/ready" "$dir/pid" "$dir/kubeconfig" "$dir/etcd" "$dir/pki"
  mkdir -p "$dir/previous" "$dir/logs" "$dir/pki"
  mv "$dir/logs" "$dir/previous/" && mkdir "$dir/logs"
  [ ! -f "$dir/audit.log" ] || mv "$dir/audit.log" "$dir/previous/"
}

# Whether someone uses the folder. Nobody can begin to while it is found out, thanks to start.lock.
in_use() {
  flock -n 8 || return 0
  if flock -n 7; then
    flock -u 7
    return 1
  fi
  flock -u 8
}

# Returns when the folder has had no user for $idle_limit seconds; looks each second whether all is well.
until_unused() { # command that looks
  local idle=0
  while [ "$idle" -lt "$idle_limit" ]; do
    sleep 1
    "$@"
    if in_use; then idle=0; else
      idle=$((idle + 1))
      # start.lock is still held: when this was the last round, `ready` goes before it is let go.
      [ "$idle" -lt "$idle_limit" ] || rm -f "$dir/ready"
      flock -u 8
    fi
  done
  say "unused for $idle_limit s, ending"
}
