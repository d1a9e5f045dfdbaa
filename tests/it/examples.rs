//! Every example is one that lint, the operator's plan and a real API server take.

mod gitops;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use usher::api;
use usher::lint::{Rules, Severity, Source};

use crate::apiserver::cluster;
use crate::chart::helm::render;
use crate::stand_ins;

/// The folder of each story.
fn stories() -> Vec<PathBuf> {
    let mut found = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    found.retain(|it| it.is_dir());
    assert!(found.len() > 10, "{found:?}");
    found
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut found: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    found.sort();
    found
}

/// The YAML of a story.
fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for path in below(folder) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "yaml") {
            found.push(Source {
                text: fs::read_to_string(&path).expect("a text"),
                file: path.display().to_string(),
            });
        }
    }
    found
}

/// Every document of every example that is an object, with the file that holds it.
pub(crate) fn objects() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for source in stories().iter().flat_map(|it| sources(it)) {
        let documents: Vec<Value> = serde_yaml::from_multiple(&source.text).expect("YAML");
        found.extend(documents.into_iter().map(|it| (source.file.clone(), it)));
    }
    found.retain(|(_, it)| it.get("kind").is_some());
    found
}

#[test]
fn lint_and_the_operator_have_nothing_to_say_about_any_example() {
    let rules = Rules::of_this_version();

    for story in stories() {
        let mut outcome = rules.check(&sources(&story));

        // Objects of others are skipped.
        outcome.findings.retain(|it| it.severity != Severity::Note);
        let said: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        assert_eq!(said, Vec::<String>::new(), "{}", story.display());
        let has_no_object = ["/gitops-", "/apps"].map(|it| story.to_string_lossy().contains(it));
        let has_no_object = has_no_object.contains(&true);
        assert_eq!(
            outcome.objects.is_empty(),
            has_no_object,
            "{}",
            story.display()
        );
    }
}

#[test]
fn all_examples_together_claim_nothing_twice() {
    let sources: Vec<Source> = stories().iter().flat_map(|it| sources(it)).collect();

    let mut outcome = Rules::of_this_version().check(&sources);

    outcome.findings.retain(|it| it.severity != Severity::Note);
    assert_eq!(outcome.findings.len(), 0, "{:#?}", outcome.findings);
}

#[test]
fn every_example_says_what_it_shows_and_is_in_the_list() {
    let list = fs::read_to_string("examples/README.md").expect("a list");
    for story in stories() {
        for source in sources(&story) {
            assert!(source.text.starts_with("# "), "{}", source.file);
        }
        let readme = fs::read_to_string(story.join("README.md")).expect("a README");
        assert!(readme.starts_with("# "), "{}", story.display());
        assert!(readme.contains("\n```sh\n"), "{}", story.display());
        let name = story.file_name().expect("a name").to_string_lossy();
        assert!(
            list.contains(&format!("]({name})")),
            "{name} is not in the list"
        );
    }
}

#[test]
fn the_values_of_an_example_are_values_of_the_chart() {
    let mut tried = 0;
    for story in stories() {
        let values = story.join("values.yaml");
        if values.exists() {
            render("usher-system", &["-f", &values.display().to_string()]).expect("rendered");
            tried += 1;
        }
    }

    assert!(tried > 0, "no example has values");
}

#[tokio::test]
async fn a_real_api_server_takes_every_example_and_lets_it_go() {
    let cluster = cluster().await;
    cluster
        .install_crds(&api::custom_resource_definitions())
        .await;
    let knows_others = stand_ins::install(&cluster).await;
    let namespace = cluster.namespace("examples").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("example.json").display().to_string();
    let mut objects = objects();
    objects.retain(|(_, it)| knows_others || !stand_ins::is_one(it));
    // A namespace that is being deleted would take nothing any more.
    let (namespaces, objects): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|(_, it)| it["kind"] == "Namespace");

    for (origin, mut object) in [namespaces, objects].concat() {
        // That of the test, in the place of those which the examples are for.
        if object["kind"] == "Namespace" {
            object["metadata"]["name"] = json!(namespace);
        } else {
            object["metadata"]["namespace"] = json!(namespace);
        }
        fs::write(&file, object.to_string()).expect("a file");
        let apply = ["apply", "--server-side", "--validate=strict", "-f", &file];
        let applied = cluster.kubectl(&apply).await;
        assert!(applied.is_ok(), "{origin}: {applied:?}");
        if object["kind"] == "Namespace" {
            continue;
        }

        let deleted = cluster
            .kubectl(&["delete", "--wait=false", "-f", &file])
            .await;

        assert!(deleted.is_ok(), "{origin}: {deleted:?}");
        let left = cluster
            .kubectl(&["get", "--ignore-not-found", "-o", "name", "-f", &file])
            .await;
        assert_eq!(left.as_deref(), Ok(""), "{origin}: it stays");
    }
}

#[tokio::test]
async fn a_misspelt_field_of_another_kind_is_refused() {
    let cluster = cluster().await;
    if !stand_ins::install(&cluster).await {
        return;
    }
    let namespace = cluster.namespace("misspelt").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("example.json").display().to_string();

    for (origin, mut object) in objects() {
        if !stand_ins::is_one(&object) {
            continue;
        }
        object["metadata"]["namespace"] = json!(namespace);
        object["spec"]["intervall"] = json!("1m");
        fs::write(&file, object.to_string()).expect("a file");
        let apply = ["apply", "--server-side", "--validate=strict", "-f", &file];

        let complaint = cluster.kubectl(&apply).await.expect_err(&origin);

        assert!(complaint.contains("intervall"), "{origin}: {complaint}");
    }
}
