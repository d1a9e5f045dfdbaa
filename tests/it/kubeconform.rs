//! The chart and the examples are what the schemas of the API server describe. kubeconform checks, strictly: an unknown field
//! is an error. Its schemas come from the API server of the tests, so they are of the version that the tests run on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use usher::api;

use crate::apiserver::{Cluster, cluster, eventually};
use crate::chart;
use crate::chart::helm::helm;
use crate::stand_ins::{self, kind_of};
use crate::{examples, programs};

/// A schema for each kind, and the kinds that none is had of: they are skipped.
struct Schemas {
    folder: TempDir,
    skipped: Vec<String>,
}

/// Those of each kind in the API versions of `objects`.
async fn schemas(objects: &[Value]) -> Schemas {
    let cluster = cluster().await;
    cluster
        .install_crds(&api::custom_resource_definitions())
        .await;
    let skipped = if stand_ins::install(&cluster).await {
        Vec::new()
    } else {
        stand_ins::kinds()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let known = objects.iter().filter(|it| !skipped.contains(&kind_of(it)));
    let versions: BTreeSet<&str> = known.filter_map(|it| it["apiVersion"].as_str()).collect();
    for version in versions {
        let document = eventually(&format!("{version} is described"), async || {
            description(&cluster, version).await
        })
        .await;
        write_schemas(folder.path(), version, document);
    }
    Schemas { folder, skipped }
}

/// What the API server says of the kinds of an API version; it says so a moment after a definition came.
async fn description(cluster: &Cluster, version: &str) -> Option<Value> {
    let root = if version.contains('/') { "apis" } else { "api" };
    let path = format!("/openapi/v3/{root}/{version}");
    let text = cluster.kubectl(&["get", "--raw", &path]).await.ok()?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn write_schemas(folder: &Path, version: &str, mut document: Value) {
    let schemas = document["components"]["schemas"].as_object_mut();
    let schemas = schemas.expect("schemas");
    // As kubeconform names them: without a group the version stands for it.
    let (group, bare) = version.split_once('/').unwrap_or((version, version));
    let all = format!("{group}_{bare}.json");
    for (name, schema) in schemas {
        close(schema);
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        let [kind] = kinds.map_or(&[][..], Vec::as_slice) else {
            continue; // No kind of its own, or one that all groups share.
        };
        let kind = kind["kind"].as_str().expect("a kind").to_lowercase();
        let reference = json!({"$ref": format!("{all}#/components/schemas/{name}")});
        let file = folder.join(format!("{group}_{bare}_{kind}.json"));
        fs::write(file, reference.to_string()).expect("written");
    }
    fs::write(folder.join(all), document.to_string()).expect("written");
}

/// Refuses what a schema does not name, wherever it names something.
fn close(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    let keeps_unknown = members.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if members.contains_key("properties") && !keeps_unknown {
        let additional = members.entry("additionalProperties");
        additional.or_insert(json!(false));
    }
    for (key, value) in members {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(close),
            ("items" | "additionalProperties", value) => close(value),
            _ => {}
        }
    }
}

/// How many objects kubeconform found valid and how many it skipped, or what it complains about.
fn conform(schemas: &Schemas, path: &str) -> Result<(u64, u64), String> {
    let location = format!(
        "{}/{{{{.Group}}}}_{{{{.ResourceAPIVersion}}}}_{{{{.ResourceKind}}}}.json",
        schemas.folder.path().display()
    );
    let said = programs::run(
        "kubeconform",
        &[
            "-strict",
            "-summary",
            "-output=json",
            "-skip",
            &schemas.skipped.join(","),
            // Values of Helm and what people have are no objects.
            "-ignore-filename-pattern=/values.yaml$|[.]json$",
            "-schema-location",
            &location,
            path,
        ],
    )?;
    let said: Value = serde_json::from_str(&said).map_err(|e| format!("{e}: {said}"))?;
    let count = |what: &str| said["summary"][what].as_u64().unwrap_or_default();
    Ok((count("valid"), count("skipped")))
}

fn parsed(text: &str) -> Vec<Value> {
    let mut objects: Vec<Value> = serde_yaml::from_multiple(text).expect("YAML");
    objects.retain(|it| !it.is_null());
    objects
}

/// Every object of `objects` is valid but those that are skipped.
fn all_of(objects: &[Value], schemas: &Schemas) -> (u64, u64) {
    let is_skipped = |it: &&Value| schemas.skipped.contains(&kind_of(it));
    let skipped = objects.iter().filter(is_skipped).count();
    let count = |it: usize| u64::try_from(it).expect("a few");
    (count(objects.len() - skipped), count(skipped))
}

#[tokio::test]
async fn the_chart_makes_what_the_api_server_describes() {
    let release = ["template", "usher", "charts/usher", "-n", "usher-system"];
    let with_all = chart::with_every_value();
    let with_all: Vec<&str> = with_all.iter().map(String::as_str).collect();
    for values in [&[][..], &with_all] {
        let text = helm(&[&release, values].concat()).expect("rendered");
        let objects = parsed(&text);
        let schemas = schemas(&objects).await;
        let file = schemas.folder.path().join("chart.yaml");
        fs::write(&file, text).expect("written");

        let found = conform(&schemas, &file.display().to_string());

        assert_eq!(found, Ok(all_of(&objects, &schemas)));
    }
}

#[tokio::test]
async fn the_examples_are_what_the_api_server_describes() {
    let objects: Vec<Value> = examples::objects().into_iter().map(|(_, it)| it).collect();
    let schemas = schemas(&objects).await;

    let found = conform(&schemas, "examples");

    assert_eq!(found, Ok(all_of(&objects, &schemas)));
}

#[tokio::test]
async fn a_planted_fault_is_found() {
    let deployment = |spec: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a}}, spec: {{selector: {{}}, {spec}}}}}"
        )
    };
    let directory = |spec: &str| {
        format!(
            "{{apiVersion: usher.dev/v1alpha1, kind: ScimTenant, metadata: {{name: a}}, spec: {{host: a.example.com, store: {{sqlite: {{}}}}, {spec}}}}}"
        )
    };
    let pod = |spec: &str| deployment(&format!("template: {{spec: {{containers: [{spec}]}}}}"));
    let cases = [
        (pod("{name: a}"), None),
        (pod("{name: a, imagePolicy: Never}"), Some("imagePolicy")),
        (pod("{name: a, args: run}"), Some("want array")),
        (pod("{name: a, name: a}"), Some("already set in map")),
        (directory("replica: 1"), Some("replica")),
        (
            directory("entitlements: EnterpriseToolkit"),
            Some("want array"),
        ),
        (directory("deletionPolicy: Keep"), Some("deletionPolicy")),
        (directory("deletionPolicy: Retain"), None),
        (
            "{apiVersion: apps/v1, kind: Deploymint, metadata: {name: a}}".to_owned(),
            Some("could not find schema"),
        ),
    ];
    let known = [
        json!({"apiVersion": "apps/v1"}),
        json!({"apiVersion": "usher.dev/v1alpha1"}),
    ];
    let schemas = schemas(&known).await;
    let file = schemas.folder.path().join("planted.yaml");
    for (text, expected) in cases {
        fs::write(&file, &text).expect("written");

        let found = conform(&schemas, &file.display().to_string());

        match expected {
            None => assert_eq!(found, Ok((1, 0)), "{text}"),
            Some(expected) => {
                let complaint = found.expect_err(&text);
                assert!(complaint.contains(expected), "{text}: {complaint}");
            }
        }
    }
}
