# The figure of many objects on an API server without pods, in $dir. For cluster.sh to source.
#
# Without pods nothing becomes Ready: at best a status says that the pods alone are missing. It is right here when its
# condition Ready is of the object's generation and False
#   for WorkloadStarting, of a ScimTenant: all of its objects are written
#   for ReferenceNotReady, of an AzureConnector, with a credential listed: its Secret is there, and the pods will accept it

many=1000
account=system:serviceaccount:usher-system:usher

# The quickstart's directory and connector, as often as there are numbers.
objects() { # first number, last number
  awk -v first="$1" -v last="$2" '
    FNR == 1 { text = text "---\n" } { text = text $0 "\n" }
    END { for (i = first; i <= last; i++) { it = text; gsub(/contoso/, "contoso-" i, it); printf "%s", it } }' \
    examples/quickstart/scim-tenant.yaml examples/quickstart/azure-connector.yaml
}

# Four at once, for each kubectl sends 50 requests a second at most.
create_objects() {
  local first clients=() it
  quietly kubectl create namespace identity
  for ((first = 1; first <= many; first += many / 4)); do
    objects "$first" $((first + many / 4 - 1)) | kubectl create --validate=false -f - >/dev/null & clients+=($!)
  done
  for it in "${clients[@]}"; do wait "$it"; done
}

# The operator as it is installed, but for the pod: its kinds, its account with its rights.
grant() {
  local admin token
  quietly kubectl create namespace usher-system
  helm template usher charts/usher --namespace usher-system \
    -s templates/crds.yaml -s templates/rbac.yaml -s templates/serviceaccount.yaml >"$work/granted.yaml"
  quietly kubectl apply --server-side -f "$work/granted.yaml"
  soon 30 "the kinds are served" kubectl get scimtenants,azureconnectors,usermappings
  token=$(kubectl create token usher -n usher-system --duration=6h)
  admin=$(<"$dir/kubeconfig")
  (umask 077; echo "${admin%token:*}token: \"$token\"}}]" >"$work/operator.kubeconfig")
}

# A Service without pods refuses at once, as this address of reports does.
start_operator() {
  KUBECONFIG=$work/operator.kubeconfig setpriv --pdeathsig KILL "$program" operator --namespace usher-system \
    --workload-image usher:bench --metrics-listen 127.0.0.1:0 --report-url 'http://127.0.0.1:1/{namespace}/{name}' \
    >"$dir/operator.log" 2>&1 5>&- &
  process=$!
}

# How many statuses are right.
right() {
  local ready='.status.conditions[?(@.type=="Ready")]'
  kill -0 "$process" 2>/dev/null || die "the operator has ended: see $dir/operator.log"
  kubectl get scimtenants,azureconnectors -n identity -o jsonpath="{range .items[*]}{.metadata.generation} \
{$ready.observedGeneration} {$ready.status} {.kind} {$ready.reason} {.status.credentials[0].state}{'\n'}{end}" | awk '
    $1 != $2 || $3 != "False" { next }
    $4 " " $5 == "ScimTenant WorkloadStarting" || $4 " " $5 " " $6 == "AzureConnector ReferenceNotReady Current" { n++ }
    END { print n + 0 }'
}

most_resident() { awk '$1 == "VmHWM:" { printf "%.1f\n", $2 * 1024 / 1e6 }' "/proc/$process/status"; }
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$process/stat"; } # of processor time
requests() { cat "$dir"/audit*.log | grep -cF "\"username\":\"$account\""; }

measure_scale() {
  local began count=0 secrets worked asked
  say "making $many ScimTenants and $many AzureConnectors"
  grant
  create_objects
  began=$(now)
  start_operator
  # Counting them would slow down what is measured, so that waits until the operator has nothing to write any more.
  while [ "$count" -lt $((2 * many)) ]; do
    [ $(($(now) - began)) -lt 900000000 ] || die "$count statuses are right, and no more of them become so"
    calm 8 "$dir" "$account"
    count=$(right)
  done
  figure "Statuses of $many ScimTenants and connectors right" "in 60 s" s 60 "$(seconds_between "$began" "$written_last")" "from the operator's start to its last write"
  secrets=$(kubectl get secrets -n identity -o name | grep -c -- '-entra-scim$')
  [ "$secrets" = "$many" ] || die "there are $secrets Secrets of $many connectors"
  worked=$(ticks) asked=$(requests)
  idle "  its writes afterwards" "$dir" "$account"
  figure "  its memory, resident" "at most 128 MB" MB 128 "$(most_resident)" "at most, since its start"
  worked=$(($(ticks) - worked)) asked=$(($(requests) - asked))
  remark "  its work meanwhile" "$((worked * 100 / $(getconf CLK_TCK) / idle_seconds)) %" \
    "of one core, $((asked / idle_seconds)) requests a second"
}
