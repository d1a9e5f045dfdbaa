//! The chart: every value has its place, its rights are those that the operator uses, and a real API server takes what it makes.

pub(crate) mod helm;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;
use serde_json::{Value, json};
use usher::api;
use usher::operator::rbac;

use crate::apiserver::cluster;
use helm::{chart, helm, render};

/// A value of the chart, and where it shows.
#[derive(Debug, Deserialize)]
struct Case {
    value: String,
    set: Value,
    /// Another value without which this one means nothing.
    with: Option<String>,
    kind: String,
    at: String,
    is: Value,
}

fn values() -> Vec<Case> {
    serde_yaml::from_str(include_str!("chart/values.yaml")).expect("a table")
}

/// The arguments for Helm that set every value of the table but those that turn something off.
pub(crate) fn with_every_value() -> Vec<String> {
    let on = values().into_iter().filter(|it| !it.is.is_null());
    on.flat_map(|it| ["--set-json".to_owned(), format!("{}={}", it.value, it.set)])
        .collect()
}

fn is_found(objects: &[Value], kind: &str, place: &str, expected: &Value) -> bool {
    let mut found = objects
        .iter()
        .filter(|it| it["kind"] == kind)
        .filter_map(|it| it.pointer(place));
    if expected.is_null() {
        found.next().is_none()
    } else {
        found.any(|it| it == expected)
    }
}

#[test]
fn each_value_changes_the_place_that_it_is_for() {
    for case in values() {
        let set = format!("{}={}", case.value, case.set);
        let with: Vec<&str> = case.with.iter().flat_map(|it| ["--set", it]).collect();
        let before = render("usher-system", &with).expect("rendered");
        let after = render(
            "usher-system",
            &[with.as_slice(), &["--set-json", &set]].concat(),
        );
        let after = after.expect("rendered");

        let is_there = |objects: &[Value]| is_found(objects, &case.kind, &case.at, &case.is);
        assert!(!is_there(&before), "{set} changes nothing");
        assert!(is_there(&after), "{case:?} is not so");
    }
}

#[test]
fn every_value_is_tried() {
    fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value
            .as_object()
            .filter(|it| !it.is_empty() && path != "resources")
        {
            Some(members) => {
                for (name, value) in members {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    leaves(value, &path, found);
                }
            }
            None => drop(found.insert(path.to_owned())),
        }
    }
    let text = fs::read_to_string(chart().join("values.yaml")).expect("values.yaml");
    let mut declared = BTreeSet::new();
    leaves(
        &serde_yaml::from_str(&text).expect("YAML"),
        "",
        &mut declared,
    );

    let tried: BTreeSet<String> = values().into_iter().map(|it| it.value).collect();

    assert_eq!(tried, declared);
}

#[test]
fn a_key_that_is_no_value_is_refused() {
    let faults = [
        "replica=2",
        "image.tags=1",
        "watch.namespace=a",
        "crds.keep=true",
        "resources.request.cpu=1",
        "proxy.httpsProxy=proxy.example:3128",
        "proxy.httpsProxy=http://proxy.example",
        "extraCa.secretName=a",
        "rbac.finalizers=true",
        "serviceAccount.create=false",
        "podLabels.app\\.kubernetes\\.io/name=other",
        "workloadImagePullSecrets={Not a name}",
        "metrics.enabled=true",
        "metrics.serviceMonitor.label=a",
        "networkPolicy.ports=1",
        "podDisruptionBudget.minAvailable=1",
        "affinity.nodeAffinty.a=b",
        "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKeys=zone",
        "tolerations[0].keys=dedicated",
        "topologySpreadConstraints[0].labelSelector.matchlabels.a=b",
        "replicas=0",
        "image.pullPolicy=Sometimes",
        "image.digest=latest",
    ];
    for fault in faults {
        let complaint = render("usher-system", &["--set", fault]).expect_err(fault);
        assert!(complaint.contains("values"), "{fault}: {complaint}");
    }
}

/// The keys that a JSON schema names, each with those above it; a list has no key of its own.
fn keys(schema: &Value, root: &Value) -> BTreeSet<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let place = root.pointer(reference.trim_start_matches('#'));
        return keys(place.expect("a definition"), root);
    }
    if schema.get("items").is_some() {
        return keys(&schema["items"], root);
    }
    let mut found = BTreeSet::new();
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        found.extend(keys(below, root).iter().map(|it| format!("{name}.{it}")));
        found.insert(name.clone());
    }
    found
}

#[test]
fn the_values_for_the_scheduler_have_the_keys_that_kubernetes_knows() {
    let text = fs::read_to_string(chart().join("values.schema.json")).expect("a schema");
    let ours: Value = serde_json::from_str(&text).expect("JSON");
    for (value, theirs) in [
        ("affinity", schemars::schema_for!(Affinity)),
        ("tolerations", schemars::schema_for!(Toleration)),
        (
            "topologySpreadConstraints",
            schemars::schema_for!(TopologySpreadConstraint),
        ),
    ] {
        let theirs = theirs.as_value();

        assert_eq!(
            keys(&ours["properties"][value], &ours),
            keys(theirs, theirs),
            "{value}"
        );
    }
}

#[test]
fn the_schema_of_the_values_refuses_keys_wherever_it_names_some() {
    fn open(schema: &Value) -> Vec<&Value> {
        let is_open =
            schema["properties"].is_object() && schema["additionalProperties"] != json!(false);
        let members = schema.as_object().into_iter().flat_map(|it| it.values());
        let below = members.flat_map(open);
        is_open.then_some(schema).into_iter().chain(below).collect()
    }
    let text = fs::read_to_string(chart().join("values.schema.json")).expect("a schema");

    let schema = serde_json::from_str(&text).expect("JSON");

    assert_eq!(open(&schema), Vec::<&Value>::new());
}

/// Helm hands such keys to each chart below, so `global` takes any.
#[test]
fn a_chart_that_depends_on_it_may_have_globals() {
    let folder = tempfile::tempdir().expect("a folder");
    let dependency = format!("file://{}", chart().display());
    let parent = json!({
        "apiVersion": "v2", "name": "platform", "version": "1.0.0",
        "dependencies": [{"name": "usher", "version": "*", "repository": dependency}],
    });
    fs::write(folder.path().join("Chart.yaml"), parent.to_string()).expect("written");
    let path = folder.path().display().to_string();
    helm(&["dependency", "update", &path]).expect("packed");
    let globals = ["template", "it", &path, "--set", "global.team=identity"];

    helm(&globals).expect("globals are for all charts");

    let misspelt = [&globals[..], &["--set", "usher.replica=2"]].concat();
    assert!(helm(&misspelt).expect_err("no value").contains("replica"));
}

#[test]
fn its_notes_say_what_is_next() {
    let apply_crds = "kubectl apply --server-side -f charts/usher/files/crds";
    let apart = "The 2 replicas may share a node";
    let spread = "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=zone";
    let cases: [(&[&str], &[&str], &[&str]); 5] = [
        (
            &[],
            &[
                "started in usher-system and works in every namespace.",
                "kubectl rollout status deployment/usher -n usher-system",
                "kubectl get connectors -A",
            ],
            &[apply_crds, "replicas"],
        ),
        (
            &["--set", "watch.namespaces={one,two}"],
            &["works in one, two."],
            &["every namespace"],
        ),
        (&["--set", "crds.install=false"], &[apply_crds], &[]),
        (&["--set", "replicas=2"], &[apart], &[]),
        (&["--set", "replicas=2", "--set", spread], &[], &[apart]),
    ];
    for (values, present, absent) in cases {
        let install = ["install", "usher", "charts/usher", "-n", "usher-system"];
        let said = helm(&[&install, &["--dry-run=client"][..], values].concat());
        let said = said.expect("installed, but for the dry run");
        let (_, notes) = said.split_once("\nNOTES:\n").expect("notes");
        for words in present {
            assert!(notes.contains(words), "{values:?}: no {words} in {notes}");
        }
        for words in absent {
            assert!(!notes.contains(words), "{values:?}: {words} in {notes}");
        }
    }
}

#[test]
fn helm_lint_has_nothing_to_say() {
    let folder = chart().display().to_string();

    helm(&["lint", "--strict", &folder]).expect("a sound chart");
}

fn allowed(role: &Value) -> Vec<PolicyRule> {
    serde_json::from_value(role["rules"].clone()).expect("the rules of a role")
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|it| it["kind"] == kind).collect()
}

#[test]
fn the_rights_are_those_that_the_operator_uses() {
    let mut enforced = rbac::watched();
    enforced.extend(rbac::owner_references());
    for (enforces, rights) in [("false", rbac::watched()), ("true", enforced)] {
        let set = format!("rbac.ownerReferences={enforces}");
        let objects = render("usher-system", &["--set", &set]).expect("rendered");

        let everywhere = of_kind(&objects, "ClusterRole");
        assert_eq!(everywhere.len(), 1);
        assert_eq!(allowed(everywhere[0]), rights);
        let here = of_kind(&objects, "Role");
        assert_eq!(here.len(), 1);
        assert_eq!(here[0]["metadata"]["namespace"], "usher-system");
        assert_eq!(allowed(here[0]), rbac::lease());
    }
}

#[test]
fn an_installation_for_some_namespaces_has_no_right_outside_of_them() {
    let objects =
        render("usher-system", &["--set", "watch.namespaces={one,two}"]).expect("rendered");

    assert_eq!(of_kind(&objects, "ClusterRole"), Vec::<&Value>::new());
    assert_eq!(
        of_kind(&objects, "ClusterRoleBinding"),
        Vec::<&Value>::new()
    );
    for namespace in ["one", "two"] {
        let roles = of_kind(&objects, "Role");
        let role = roles
            .iter()
            .find(|it| it["metadata"]["namespace"] == namespace);
        assert_eq!(allowed(role.expect("a role")), rbac::watched());
        let bindings = of_kind(&objects, "RoleBinding");
        let binding = bindings
            .iter()
            .find(|it| it["metadata"]["namespace"] == namespace);
        let subject = &binding.expect("a binding")["subjects"][0];
        assert_eq!(
            *subject,
            json!({"kind": "ServiceAccount", "name": "usher", "namespace": "usher-system"})
        );
    }
}

#[test]
fn the_definitions_are_the_programs_and_stay_when_the_release_goes() {
    for crd in api::custom_resource_definitions() {
        let name = crd.metadata.name.clone().expect("a name");
        let read = |folder: &Path| {
            fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("a file")
        };
        let ours = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds"));
        assert!(
            read(&chart().join("files/crds")) == ours,
            "out of date: run `cargo run -- crds --output charts/usher/files/crds`"
        );

        let objects = render("usher-system", &[]).expect("rendered");
        let found = of_kind(&objects, "CustomResourceDefinition");
        let found = found.into_iter().find(|it| it["metadata"]["name"] == name);
        let found = found.expect("a definition");
        assert_eq!(
            found["metadata"]["annotations"]["helm.sh/resource-policy"],
            "keep"
        );
        assert_eq!(
            found["spec"],
            serde_json::to_value(&crd.spec).expect("JSON")
        );
    }
}

#[tokio::test]
async fn a_real_api_server_takes_what_the_chart_makes() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("chart").await;
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster
        .kubectl(&["label", "namespace", &namespace, restricted])
        .await
        .expect("labeled");
    // There may be no controller that makes the first one, and pods are refused without theirs.
    for account in ["default", "usher"] {
        let made = cluster
            .kubectl(&["create", "serviceaccount", account, "-n", &namespace])
            .await;
        assert!(made.is_ok() || account == "default", "{made:?}");
    }
    let watched = format!("watch.namespaces={{{namespace}}}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));

    let mounted =
        "extraCa.configMapName=ca,proxy.httpsProxy=http://proxy.example:3128,podLabels.a=b";
    for (variant, arguments) in [
        ("cluster", vec![]),
        ("namespaced", vec!["--set", &watched]),
        ("proxied", vec!["--set", mounted]),
    ] {
        // The pod of `helm test` is among them, and must fit `restricted` as well.
        let mut objects = render(&namespace, &arguments).expect("rendered");
        assert_eq!(of_kind(&objects, "Pod").len(), 1);
        objects.extend(
            of_kind(&objects, "Deployment")
                .into_iter()
                .map(pod_of)
                .collect::<Vec<_>>(),
        );
        let file = folder.join(format!("{namespace}-{variant}.json"));
        fs::write(
            &file,
            json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string(),
        )
        .expect("written");
        let file = file.display().to_string();

        let dry_run = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "-f",
            &file,
        ];
        let applied = cluster
            .kubectl(&dry_run)
            .await
            .unwrap_or_else(|e| panic!("{variant}: {e}"));

        assert_eq!(
            applied.lines().count(),
            objects.len(),
            "{variant}: {applied}"
        );
    }
}

/// The pod that a Deployment asks for: of the Deployment itself nobody checks whether its pods fit `restricted`.
fn pod_of(deployment: &Value) -> Value {
    let template = &deployment["spec"]["template"];
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["name"] = json!("one-of-the-operator");
    pod["metadata"]["namespace"] = deployment["metadata"]["namespace"].clone();
    pod
}

#[test]
fn the_documents_show_commands_that_helm_takes() {
    let mut tried = 0;
    for (file, command) in helm::commands_of_documents() {
        // No argument of ours has a space in it, so quotes only keep the shell away.
        let plain = command.replace('\'', "");
        let words: Vec<&str> = plain.split_whitespace().collect();
        if !matches!(words[..2], ["helm", "install" | "upgrade"]) {
            continue;
        }
        let installing = [
            "--install",
            "--create-namespace",
            "--wait",
            "--take-ownership",
        ];
        let mut arguments = vec!["template"];
        arguments.extend(words[2..].iter().filter(|it| !installing.contains(*it)));
        let said = helm(&arguments);
        assert!(said.is_ok(), "{file}: {command}: {said:?}");
        tried += 1;
    }

    assert!(tried > 3, "only {tried} commands were found");
}
