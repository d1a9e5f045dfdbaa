//! The definitions: `crds/` is what `usher crds` prints, and a real API server takes and explains them.

use std::path::Path;
use std::process::Command;

use usher::api;

use crate::apiserver::cluster;

fn usher(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(arguments)
        .output()
        .expect("usher runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("usher prints UTF-8")
}

#[test]
fn the_folder_holds_what_the_program_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let mut found = String::new();

    for crd in api::custom_resource_definitions() {
        let path = folder.join(format!("{}.yaml", crd.metadata.name.expect("a name")));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        found.extend(["---\n", text.as_str()]);
    }

    assert!(
        found == usher(&["crds"]),
        "crds/ is out of date: run `cargo run -- crds --output crds`"
    );
    let files = std::fs::read_dir(&folder).expect("crds/").count();
    assert_eq!(files, 3, "crds/ holds a file that is no definition");
}

#[test]
fn what_is_printed_reads_back_as_the_same_definitions() {
    let printed = usher(&["crds"]);

    let read: Vec<serde_json::Value> = serde_yaml::from_multiple(&printed).expect("YAML");

    let declared = serde_json::to_value(api::custom_resource_definitions()).expect("JSON");
    assert_eq!(serde_json::Value::from(read), declared);
}

#[test]
fn every_field_is_described_and_every_string_and_list_of_a_spec_is_bounded() {
    let mut open = Vec::new();
    for crd in api::custom_resource_definitions() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
        let spec = &schema["openAPIV3Schema"]["properties"]["spec"];
        audit(spec, &format!("{}.spec", crd.spec.names.kind), &mut open);
    }

    assert_eq!(open, Vec::<String>::new());
}

fn audit(schema: &serde_json::Value, path: &str, open: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    if !has("description") && !path.ends_with("[]") && !path.ends_with("{}") {
        open.push(format!("{path} has no description"));
    }
    match schema["type"].as_str() {
        Some("string") if !has("maxLength") && !has("enum") => {
            open.push(format!("{path} has no longest length"));
        }
        Some("array") => {
            if !has("maxItems") {
                open.push(format!("{path} has no largest number of elements"));
            }
            audit(&schema["items"], &format!("{path}[]"), open);
        }
        _ => {}
    }
    if let Some(items) = schema.get("additionalProperties") {
        if !has("maxProperties") {
            open.push(format!("{path} has no largest number of members"));
        }
        audit(items, &format!("{path}{{}}"), open);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        audit(schema, &format!("{path}.{name}"), open);
    }
}

#[tokio::test]
async fn a_real_api_server_takes_them_by_server_side_apply() {
    let cluster = cluster().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let folder = folder.to_str().expect("UTF-8");

    let applied = cluster
        .kubectl(&[
            "apply",
            "--server-side",
            "--dry-run=server",
            "--force-conflicts",
            "-f",
            folder,
        ])
        .await;

    let applied = applied.expect("the API server takes the definitions");
    assert_eq!(
        applied
            .lines()
            .filter(|it| it.contains("serverside-applied"))
            .count(),
        3,
        "{applied}"
    );
    assert!(!applied.contains("Warning"), "{applied}");
}

#[tokio::test]
async fn kubectl_explain_reads_like_a_manual() {
    let cluster = cluster().await;
    cluster
        .install_crds(&api::custom_resource_definitions())
        .await;

    for (field, sentence) in [
        ("scimtenant", "A directory of people and groups"),
        (
            "scimtenant.spec.host",
            "Public DNS name, without scheme or port",
        ),
        ("scimtenant.spec.store", "Where people and groups are kept"),
        ("azureconnector.spec.entraTenantId", "Directory (tenant) id"),
        (
            "usermapping.spec.users.attributes.target",
            "SCIM attribute as Entra writes it",
        ),
    ] {
        // The API server publishes its OpenAPI document a moment after the definition.
        let explained = crate::apiserver::eventually(field, async || {
            cluster
                .kubectl(&["explain", field])
                .await
                .ok()
                .filter(|it| !it.contains("<empty>"))
        })
        .await;
        let words: Vec<&str> = explained.split_whitespace().collect();
        assert!(words.join(" ").contains(sentence), "{field}: {explained}");
    }
}
