//! The examples for Argo CD and Flux: what they point at is there, and what they take for healthy is.

use std::fs;
use std::path::Path;

use kube::core::cel::{Validator, compile_schema};
use serde_json::{Value, json};

use super::objects;
use crate::chart::helm::render;
use crate::programs;

fn of_kind(kind: &str) -> Vec<Value> {
    let all = objects().into_iter().map(|(_, it)| it);
    all.filter(|it| it["kind"] == kind).collect()
}

fn named(kind: &str, name: &str) -> Value {
    let mut found = of_kind(kind);
    found.retain(|it| it["metadata"]["name"] == name);
    found.pop().unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn is_folder(path: &Value) -> bool {
    let path = path.as_str().expect("a path");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_dir()
}

/// The chart with `values`, or why not.
fn rendered(values: &Value) -> Result<Vec<Value>, String> {
    let file = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    fs::write(file.path(), values.to_string()).map_err(|e| e.to_string())?;
    render("usher-system", &["-f", &file.path().display().to_string()])
}

/// That the chart takes `values`, that they change something, and that an unknown one is refused.
fn check_values(values: &Value) {
    let with = rendered(values).expect("rendered");
    assert_ne!(with, rendered(&json!({})).expect("rendered"));

    let mut wrong = values.clone();
    wrong["replica"] = json!(2);
    let complaint = rendered(&wrong).expect_err("an unknown value");
    assert!(complaint.contains("replica"), "{complaint}");
}

#[test]
fn what_argo_cd_is_pointed_at_is_there() {
    let applications = of_kind("Application");
    assert_eq!(applications.len(), 3);
    for it in &applications {
        assert!(is_folder(&it["spec"]["source"]["path"]), "{it}");
    }
    let operator = &named("Application", "usher-operator");
    assert_eq!(operator["spec"]["source"]["path"], "charts/usher");
    check_values(&operator["spec"]["source"]["helm"]["valuesObject"]);
}

#[test]
fn the_operator_is_a_wave_before_what_needs_its_kinds() {
    let wave = |name: &str| -> i32 {
        let annotations = &named("Application", name)["metadata"]["annotations"];
        let wave = annotations["argocd.argoproj.io/sync-wave"].as_str();
        wave.expect("a wave").parse().expect("a number")
    };
    assert!(wave("usher-operator") < wave("identity"));

    let connectors = named("Kustomization", "identity");
    let first = &connectors["spec"]["dependsOn"][0]["name"];
    let operator = named("Kustomization", first.as_str().expect("a name"));
    assert_eq!(operator["spec"]["wait"], true);
}

#[test]
fn what_flux_is_pointed_at_is_there() {
    let release = &named("HelmRelease", "usher")["spec"];
    assert!(is_folder(&release["chart"]["spec"]["chart"]));
    check_values(&release["values"]);

    let mut references = vec![release["chart"]["spec"]["sourceRef"].clone()];
    for it in of_kind("Kustomization") {
        assert!(is_folder(&it["spec"]["path"]), "{it}");
        references.push(it["spec"]["sourceRef"].clone());
    }
    for it in references {
        named(
            it["kind"].as_str().expect("a kind"),
            it["name"].as_str().expect("a name"),
        );
    }
}

/// Conditions of an object of ours at generation 2, the generation that they are about, and what Argo CD and Flux should make of it.
const CASES: &[(&[&str], u8, &str, &str)] = &[
    (&["Ready=True"], 1, "Progressing", "InProgress"),
    (&[], 2, "Progressing", "InProgress"),
    (&["Ready=True"], 2, "Healthy", "Current"),
    (
        &["Ready=False", "Reconciling=True"],
        2,
        "Progressing",
        "InProgress",
    ),
    (&["Ready=Unknown"], 2, "Progressing", "InProgress"),
    (&["Ready=False"], 2, "Degraded", "InProgress"),
    (&["Ready=False", "Stalled=True"], 2, "Degraded", "Failed"),
];

fn cases() -> Vec<(Value, &'static str, &'static str)> {
    let mut cases = vec![(
        json!({"metadata": {"generation": 2}, "spec": {}}),
        "Progressing",
        "InProgress",
    )];
    for (conditions, generation, argo_cd, flux) in CASES {
        let conditions: Vec<Value> = conditions
            .iter()
            .filter_map(|it| it.split_once('='))
            .map(|(type_, status)| json!({"type": type_, "status": status, "message": "because"}))
            .collect();
        let status = json!({"observedGeneration": generation, "conditions": conditions});
        cases.push((
            json!({"metadata": {"generation": 2}, "spec": {}, "status": status}),
            argo_cd,
            flux,
        ));
    }
    let mut suspended = cases.last().expect("a case").clone();
    suspended.0["spec"]["suspend"] = json!(true);
    cases.push((suspended.0, "Suspended", "Failed"));
    cases
}

/// A value as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, it)| format!("[{key:?}]={}", lua(it)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!(
                "{{{}}}",
                items.iter().map(lua).collect::<Vec<_>>().join(",")
            )
        }
        Value::Null => "nil".to_owned(),
        other => other.to_string(),
    }
}

#[test]
fn argo_cd_takes_for_healthy_what_is_ready() {
    let known = &named("ConfigMap", "argocd-cm")["data"];
    for kind in ["ScimTenant", "AzureConnector", "UserMapping"] {
        let check = known[format!("resource.customizations.health.usher.dev_{kind}")].as_str();
        for (object, expected, _) in cases() {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("check.lua");
            // Argo CD opens no library but the basic one.
            let script = format!(
                "local print = print\nstring, os, io, math = nil\nobj = {}\nlocal function check()\n{}\nend\nlocal health = check()\nprint(health.status .. \": \" .. health.message)\n",
                lua(&object),
                check.expect("a health check"),
            );
            fs::write(&file, script).expect("written");

            let said = programs::run("glua", &[&file.display().to_string()]).expect("it runs");

            let (status, message) = said.trim().split_once(": ").expect("a message");
            assert_eq!(status, expected, "{kind}: {object}");
            assert!(!message.is_empty(), "{kind}: {object}");
        }
    }
}

/// Whether a CEL expression about an object holds; false when it cannot be evaluated.
fn holds(expression: &Value, object: &Value) -> bool {
    let rule = expression.as_str().expect("an expression");
    let rule = rule.replace("status.conditions", "self.status.conditions");
    let schema = json!({
        "type": "object",
        "properties": {"status": {"type": "object", "properties": {"conditions": {"type": "array", "items": {
            "type": "object",
            "properties": {"type": {"type": "string"}, "status": {"type": "string"}, "message": {"type": "string"}},
        }}}}},
        "x-kubernetes-validations": [{"rule": rule}],
    });
    let compiled = compile_schema(&schema);
    Validator::new()
        .validate_compiled(&compiled, object, None)
        .is_ok()
}

#[test]
fn flux_waits_until_the_operator_says_ready() {
    let connectors = named("Kustomization", "identity");
    let checks = connectors["spec"]["healthCheckExprs"].as_array();
    let checks = checks.expect("health checks");
    let kinds: Vec<_> = checks.iter().map(|it| it["kind"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            Some("ScimTenant"),
            Some("AzureConnector"),
            Some("UserMapping")
        ]
    );
    for check in checks {
        for (object, _, expected) in cases() {
            // Flux itself waits while the generation is another.
            let is_old = object["status"]["observedGeneration"] != 2;
            let found = if is_old {
                "InProgress"
            } else if holds(&check["failed"], &object) {
                "Failed"
            } else if holds(&check["current"], &object) {
                "Current"
            } else {
                "InProgress"
            };
            assert_eq!(found, expected, "{object}");
        }
    }
}
