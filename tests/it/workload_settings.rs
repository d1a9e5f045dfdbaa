//! What the operator is told about all workloads reaches the objects of each.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};
use usher::plan::objects::WorkloadSettings;
use usher::plan::{Step, scim_tenant};

use crate::planning::{seen, tenant};

/// The object of `kind` in the plan of a `ScimTenant` under these settings.
fn object(kind: &str, settings: WorkloadSettings) -> Value {
    let tenant = tenant("");
    let mut observed = seen(&tenant);
    observed.settings = settings;
    let steps = scim_tenant(&tenant, &observed).unwrap().steps;
    let children = steps.into_iter().filter_map(|step| match step {
        Step::Apply(child) => Some(child.to_json().unwrap()),
        Step::Create(_) | Step::Delete { .. } | Step::Announce(_) => None,
    });
    let mut found = children.filter(|it| it["kind"] == kind);
    found.next().unwrap()
}

#[test]
fn the_image_is_pulled_with_the_secrets_that_the_operator_names() {
    for (names, expected) in [
        (vec![], Value::Null),
        (
            vec!["one", "two"],
            json!([{"name": "one"}, {"name": "two"}]),
        ),
    ] {
        let settings = WorkloadSettings {
            pull_secrets: names.into_iter().map(str::to_owned).collect(),
            ..WorkloadSettings::default()
        };
        let deployment = object("Deployment", settings);

        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["imagePullSecrets"], expected);
    }
}

#[test]
fn metrics_are_read_from_the_operators_namespace_and_those_it_names() {
    let of = |names: &[&str]| -> Value {
        let peer = |it: &&str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": it}}});
        names.iter().map(peer).collect()
    };
    let anywhere = json!([{"namespaceSelector": {}}]);
    for (operator, others, expected) in [
        (Some("usher-system"), vec![], of(&["usher-system"])),
        (
            Some("usher-system"),
            vec!["monitoring"],
            of(&["usher-system", "monitoring"]),
        ),
        (None, vec![], anywhere),
    ] {
        let settings = WorkloadSettings {
            operator_namespace: operator.map(str::to_owned),
            metrics_namespaces: others.into_iter().map(str::to_owned).collect(),
            ..WorkloadSettings::default()
        };
        let policy = object("NetworkPolicy", settings);

        let [public, report] = &policy["spec"]["ingress"].as_array().unwrap()[..] else {
            panic!("{policy}");
        };
        assert_eq!(public["from"], Value::Null);
        assert_eq!(report["ports"][0]["port"], "report");
        assert_eq!(report["from"], expected);
    }
}
