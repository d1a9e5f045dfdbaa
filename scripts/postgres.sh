#!/usr/bin/env bash
# A PostgreSQL server on a Unix socket of its own, for tests and for trying things out.
#
#   postgres.sh url FOLDER      starts one for FOLDER, or finds it started, and prints the URL of its database
#   postgres.sh serve FOLDER    runs it in the foreground; one that is killed is started again on its data
#
# Ends on SIGTERM, or 10 s after the last process that holds a shared lock on FOLDER/users.lock has gone, however it
# went; its data go with it. FOLDER has `ready` (with the URL) once it answers, and `logs/`.
#
# With a number in FOLDER/port it listens on that port of the loopback as well, over TLS alone; FOLDER/ca.crt is who signed for it.
# With an address in FOLDER/address it listens there too, for who has a password. While there is FOLDER/hold it does not run.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
. "$(dirname "${BASH_SOURCE[0]}")/until_unused.sh"

[ -n "${2:-}" ] || { sed -n '2,/^set/{/^#/p}' "$0"; exit 2; }
mkdir -p "$2"
dir=$(cd "$2" && pwd)
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -x "$bin/postgres" ] || die "no PostgreSQL at /usr/lib/postgresql: run scripts/setup.sh postgres"

# Starts the server unless somebody serves the folder; whoever asks holds users.lock, so it stays.
url() {
  exec 8>"$dir/start.lock" 9>"$dir/server.lock"
  flock 8
  local tries
  for tries in $(seq 1200); do
    if flock -n 9; then
      flock -u 9
      rm -f "$dir/ready"
      setsid "$0" serve "$dir" >"$dir/supervisor.log" 2>&1 8>&- 9>&- </dev/null &
      wait_started $! || die "it did not start: $(tail -3 "$dir/supervisor.log")"
    fi
    [ ! -s "$dir/ready" ] || { cat "$dir/ready"; return; }
    sleep 0.1
  done
  die "it is not up: see $dir"
}
wait_started() { # process
  until [ -s "$dir/ready" ]; do
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.05
  done
}

# The server refuses to run as root. The kernel ends it when this script ends, however that happens.
as_server=(setpriv --pdeathsig KILL)
[ "$(id -u)" != 0 ] || as_server+=(--reuid=nobody --regid=nogroup --clear-groups)

boot() {
  "${as_server[@]}" "$bin/postgres" -D "$data/db" -k "$data" "${network[@]}" -c max_connections=300 \
    -c logging_collector=off -c log_line_prefix='%m %p ' -c shared_buffers=32MB >>"$dir/logs/postgres.log" 2>&1 7>&- 8>&- 9>&- &
  server=$!
  local tries
  for tries in $(seq 300); do
    kill -0 "$server" 2>/dev/null || return 1
    if "${as_server[@]}" "$bin/pg_isready" -q -h "$data" -p "${port:-5432}" -U postgres; then return; fi
    sleep 0.05
  done
  return 1
}
serve() {
  take_folder
  [ ! -s "$dir/data" ] || rm -rf -- "$(cat "$dir/data")"
  data=$(mktemp -d -t usher-postgres.XXXXXX)
  echo "$data" >"$dir/data"
  [ "$(id -u)" != 0 ] || chown nobody:nogroup "$data"
  trap stop EXIT
  trap 'exit 0' TERM INT HUP
  (cd "$data" && "${as_server[@]}" "$bin/initdb" -D "$data/db" -U postgres -A trust --no-sync -E UTF8 --locale=C) >"$dir/logs/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -3 "$dir/logs/initdb.log")"
  # Roles that tests make have to know their password.
  printf 'local all postgres trust\nlocal all all scram-sha-256\nhostssl all all 127.0.0.1/32 trust\n' >"$data/db/pg_hba.conf"
  network=(-c listen_addresses=)
  [ ! -s "$dir/port" ] || tls
  boot || die "did not come up: see $dir/logs"
  echo "postgres://postgres@localhost:${port:-5432}/postgres?host=$data" >"$dir/ready.part"
  mv "$dir/ready.part" "$dir/ready"
  say "ready on $data"
  until_unused alive
}
tls() {
  port=$(cat "$dir/port")
  local address; address=$(cat "$dir/address" 2>/dev/null || true)
  [ -z "$address" ] || echo 'hostssl all all all scram-sha-256' >>"$data/db/pg_hba.conf"
  local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
  "${new[@]}" -subj /CN=authority -keyout "$data/ca.key" -out "$dir/ca.crt" 2>>"$dir/logs/tls.log" &&
    "${new[@]}" -subj /CN=localhost -addext "subjectAltName=DNS:localhost${address:+,IP:$address}" -addext basicConstraints=critical,CA:FALSE \
      -CA "$dir/ca.crt" -CAkey "$data/ca.key" -keyout "$data/tls.key" -out "$data/tls.crt" 2>>"$dir/logs/tls.log" ||
    die "no certificate: $(tail -3 "$dir/logs/tls.log")"
  chmod 600 "$data/tls.key"
  [ "$(id -u)" != 0 ] || chown nobody:nogroup "$data/tls.key" "$data/tls.crt"
  network=(-c "listen_addresses=127.0.0.1${address:+,$address}" -p "$port" -c ssl=on -c ssl_cert_file="$data/tls.crt" -c ssl_key_file="$data/tls.key")
}
alive() {
  if [ -e "$dir/hold" ]; then
    # Its children go with it.
    kill -QUIT "$server" 2>/dev/null || true
    return
  fi
  kill -0 "$server" 2>/dev/null && return
  say "starting it again"
  # The children of a killed one take some moments to see it.
  local tries
  for tries in 1 2 3 4 5; do boot && return || sleep 0.5; done
  die "did not come up again: see $dir/logs"
}
stop() {
  rm -f "$dir/ready"
  kill -KILL "${server:-}" 2>/dev/null || true
  wait 2>/dev/null
  rm -rf -- "$data" "$dir/data"
}

case $1 in
  url | serve) "$1";;
  *) die "no command named $1";;
esac
