# The table of figures, and what all measurements need: a clock, patience, and what the audit log says. For the others to source.

table=$work/table

say() { echo "$(date +%T) $*" >&2; }
die() { say "$*"; exit 1; }

# A figure that was measured, beside its goal.
figure() { # what, goal in words, unit, most that fits it, measured, details
  awk -v what="$1" -v goal="$2" -v unit="$3" -v most="$4" -v measured="$5" -v details="${6:-}" 'BEGIN {
    printf "%-56s %-14s %-12s %s%s\n", what, goal, measured " " unit, (measured + 0 <= most + 0 ? "" : "MISSED "), details }' | tee -a "$table" >&2
}

# Something that has no goal and explains one.
remark() { printf '%-56s %-14s %-12s %s\n' "$1" "" "$2" "${3:-}" | tee -a "$table" >&2; }

print_table() {
  [ -s "$table" ] || return 0
  echo
  printf '%-56s %-14s %s\n' figure goal measured
  cat "$table"
}

now() { echo "${EPOCHREALTIME/[.,]/}"; } # in microseconds

seconds_between() { awk -v took=$(($2 - $1)) 'BEGIN { printf "%.1f\n", took / 1e6 }'; } # two nows
seconds_since() { seconds_between "$1" "$(now)"; } # a now

# Waits until a command succeeds; without that there is nothing to measure.
soon() { # seconds, what, command
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "waited in vain: $what"
    sleep 0.05
  done
}

# The median of numbers, one a line; of an even count the upper of the two in the middle.
median() { sort -g | awk '{ it[NR] = $1 } END { if (NR) print it[int(NR / 2) + 1]; else exit 1 }'; }
most() { sort -g | tail -n 1; }

# What a user asked of the API server beside reading, out of the audit log: verb, resource, name, time.
written() { # user
  awk -v user="\"user\":{\"username\":\"$1\"" '
    function field(name) { return match($0, "\"" name "\":\"[^\"]*\"") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5) : "" }
    index($0, user) && !/"verb":"(get|list|watch)"/ {
      sub(/.*"verb"/, "\"verb\"")
      print field("verb"), field("resource"), field("name"), field("stageTimestamp")
    }'
}

# From the beginning; the log goes on in another file when it has become long.
writes() { cat "$1"/audit*.log | written "$2"; } # folder of the server, user

# Waits until a user has written nothing but Leases for some seconds. Sets when it wrote last, as a now.
calm() { # seconds, folder of the server, user
  local end=$((SECONDS + 600)) since=$SECONDS before='' it
  while [ $((SECONDS - since)) -lt "$1" ]; do
    # The end of the log is enough to see that it goes on, and looking costs what is measured little.
    it=$(tail -c 1000000 "$2/audit.log" | last_written "$3")
    if [ -n "$it" ] && [ "$it" != "$before" ]; then before=$it since=$SECONDS; fi
    [ "$SECONDS" -lt "$end" ] || die "$3 does not stop writing"
    sleep 4
  done
  written_last=$(date -d "$(cat "$2"/audit*.log | last_written "$3")" +%s%6N)
}

last_written() { written "$1" | awk '$2 != "leases" { it = $NF } END { print it }'; } # user

# Nothing happens for a while; what does a user write?
idle() { # what, folder, user
  local before written leases
  before=$(writes "$2" "$3" | wc -l)
  say "idle for $idle_seconds s"
  sleep "$idle_seconds" & wait $! # a signal is heeded meanwhile
  writes "$2" "$3" | tail -n "+$((before + 1))" >"$work/written"
  leases=$(grep -c ' leases ' "$work/written") || die "no Lease was renewed: the operator is not there"
  written=$(grep -vc ' leases ' "$work/written") || true
  [ "$written" = 0 ] || { say "written, the last ten:"; grep -v ' leases ' "$work/written" | tail -n 10 >&2; }
  figure "$1" 0 writes 0 "$written" "in $idle_seconds s, beside $leases of the Lease"
}
