# Figures of the product in pods, on the cluster in $dir. For cluster.sh to source.

operator=app.kubernetes.io/component=operator
workload=app.kubernetes.io/component=workload

# The quickstart's objects, in a namespace that has nothing else.
quickstart() {
  quietly kubectl apply -f examples/quickstart
  quietly kubectl wait --for=condition=Ready --timeout=60s -n identity \
    scimtenant/contoso azureconnector/contoso-entra usermapping/contoso-people
}

# The pods are not given the time to let each other pass.
forget_quickstart() {
  kubectl delete namespace identity --ignore-not-found --wait=false >/dev/null
  kubectl delete pods -n identity --all --force --grace-period=0 >/dev/null 2>&1
  quietly kubectl wait --for=delete namespace/identity --timeout=60s
}

measure_ready() {
  local began all=$work/ready
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    forget_quickstart
    quietly kubectl create namespace identity
    began=$(now)
    quickstart
    seconds_since "$began" >>"$all"
  done
  figure "Ready after the quickstart is applied, p50 of 10" "under 10 s" s 9.95 "$(median <"$all")" "at most $(most <"$all") s"
}

# The quickstart is there, whichever figures come before.
need_quickstart() {
  kubectl get namespace identity >/dev/null 2>&1 || quietly kubectl create namespace identity
  quickstart
}

token() {
  (umask 077; kubectl get secret contoso-entra-scim -n identity -o jsonpath='{.data.password}' | base64 -d >"$work/token")
  base=http://$(kubectl get service contoso -n identity -o jsonpath='{.spec.clusterIP}')/scim/v2
}

inside() { scripts/cluster.sh enter "$dir" "$@"; }

provision() { # people, groups
  inside "$program" emulator cycle --scim "$base" --token-file "$work/token" --people "$1" --groups "$2"
}

# The folder of the group of processes that the only container of a pod is, in which its memory is accounted.
group() { # namespace, pod
  local id found
  id=$(kubectl get pod "$2" -n "$1" -o jsonpath='{.status.containerStatuses[0].containerID}')
  # The one file is of cgroup v2, the other of v1.
  found=$(find /sys/fs/cgroup -path "*/${id#*//}/memory.current" -o -path "*/${id#*//}/memory.usage_in_bytes")
  [ -f "$found" ] || die "no memory is accounted for the container of $2"
  dirname "$found"
}

pod() { kubectl get pods -n "$1" -l "$2" -o jsonpath='{.items[0].metadata.name}'; } # namespace, selector

# In megabytes: the working set, by which Kubernetes evicts, and all with the cache of files.
memory() { # folder of a group
  awk -v usage="$(cat "$1"/memory.{current,usage_in_bytes} 2>/dev/null)" '
    { bytes[$1] = $2 }
    END { cache = "total_inactive_file" in bytes ? bytes["total_inactive_file"] : bytes["inactive_file"]
      printf "%.1f %.1f\n", (usage - cache) / 1e6, usage / 1e6 }' "$1/memory.stat"
}

tell_memory() { # what, goal, namespace, selector
  local set usage resident it
  it=$(pod "$3" "$4")
  it=$(group "$3" "$it")
  read -r set usage < <(memory "$it")
  resident=$(awk '$1 == "VmRSS:" { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$(head -n 1 "$it/cgroup.procs")/status")
  figure "$1" "at most $2 MB" MB "$2" "$set" "working set; $usage MB with all cache, $resident MB resident with the program's file"
}

measure_memory() {
  local there
  need_quickstart
  token
  provision 1000 20 >"$work/provisioned" 2>&1 || die "not provisioned: $(cat "$work/provisioned")"
  there=$(inside tests/it/story/people.sh send "$base" "$work/token" GET '/Users?count=1')
  grep -Eq '"totalResults": ?1000[,}]' <<<"$there" || die "not 1,000 people: $there"
  tell_memory "Memory of the operator's pod" 32 usher-system "$operator"
  tell_memory "Memory of a workload's pod with 1,000 people" 30 identity "$workload"
}

holder() { kubectl get lease usher-operator -n usher-system -o jsonpath='{.spec.holderIdentity}'; }

led_by_another() { # than this one
  local it
  it=$(holder) && [ -n "$it" ] && [ "$it" != "$1" ]
}

two_operators() {
  local ready
  ready=$(kubectl get pods -n usher-system -l "$operator" -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}')
  [ "$ready" = "True True " ]
}

observed() {
  local it
  it=$(kubectl get scimtenant contoso -n identity -o jsonpath='{.metadata.generation} {.status.observedGeneration}')
  [ "${it% *}" = "${it#* }" ]
}

# The leader goes, and an object is changed: until another leads, and until the change is observed.
change_of_leader() { # how it goes, a command that takes the leader's pod; a name for the files of results
  local leader began
  soon 90 "two operators are ready" two_operators
  soon 30 "one leads" led_by_another ""
  leader=$(holder)
  began=$(now)
  "$1" "${leader%_*}"
  kubectl patch scimtenant contoso -n identity --type=merge -p "{\"spec\": {\"schema\": {\"roles\": [\"User\", \"Round$began\"]}}}" >/dev/null
  soon 60 "another operator leads" led_by_another "$leader"
  seconds_since "$began" >>"$work/$2.led"
  soon 60 "the change is observed" observed
  seconds_since "$began" >>"$work/$2.observed"
}

kill_operator() { # pod
  local folder pids
  folder=$(group usher-system "$1")
  pids=$(cat "$folder/cgroup.procs")
  [[ "$pids" =~ ^[0-9]+$ ]] || die "not one process in $1: $pids"
  began=$(now) # the search does not count
  kill -KILL "$pids"
}

stop_operator() { kubectl delete pod "$1" -n usher-system --wait=false >/dev/null; } # pod

measure_leader() {
  need_quickstart
  install "$program" --set replicas=2
  for _ in 1 2 3; do
    change_of_leader kill_operator killed
    change_of_leader stop_operator stopped
  done
  figure "Another leads after kill -9 of the leader, p50 of 3" "under 20 s" s 19.95 "$(median <"$work/killed.led")" "at most $(most <"$work/killed.led") s"
  remark "  and has observed a change of a ScimTenant" "$(median <"$work/killed.observed") s" "at most $(most <"$work/killed.observed") s"
  figure "Another leads after the leader's pod is deleted" "under 3 s" s 2.95 "$(median <"$work/stopped.led")" "at most $(most <"$work/stopped.led") s"
  remark "  and has observed a change of a ScimTenant" "$(median <"$work/stopped.observed") s" "at most $(most <"$work/stopped.observed") s"
}

# Cycles over connections that stay open, one after the other.
cycles() {
  until [ -e "$work/enough" ]; do
    echo begun
    provision 200 20 || true
  done
}

measure_drain() {
  local before traffic people sent failed
  need_quickstart
  token
  # Each a connection of its own.
  inside tests/it/story/people.sh create "$base" "$work/token" drain "$work/enough" >"$work/people" & people=$!
  cycles >"$work/cycles" 2>&1 & traffic=$!
  sleep 2
  before=$(pod identity "$workload")
  kubectl delete pod "$before" -n identity >/dev/null # returns when it has gone
  [ "$(pod identity "$workload")" != "$before" ] || die "the pod was not replaced"
  sleep 2
  touch "$work/enough"
  wait "$people" "$traffic"
  # A cycle without a table was ended by a request that got no answer.
  read -r sent failed < <(cat "$work/people" "$work/cycles" | awk '
    / drain-/ { sent++; failed += $1 != 201 } /^begun/ { failed++ } /^initial/ { sent += $2; failed += $6 - 1 }
    END { print sent + 0, failed + 0 }')
  [ "$sent" -gt 100 ] || die "only $sent requests were sent while the pod was drained"
  figure "Requests that fail while a workload's pod is drained" 0 requests 0 "$failed" "of $sent"
  [ "$failed" = 0 ] || grep -hv -e '^201 ' -e '^initial' -e '^CYCLE' "$work/people" "$work/cycles" | head -n 10 >&2
}

measure_idle() {
  need_quickstart
  # Counters are written within a minute after the last request.
  calm 70 "$dir" system:serviceaccount:usher-system:usher
  idle "Writes of the idle operator, the quickstart there" "$dir" system:serviceaccount:usher-system:usher
}
