//! Every example is one that lint, the operator's plan and a real API server take.

use std::path::{Path, PathBuf};

use usher::api;
use usher::lint::{Rules, Source};

use crate::apiserver::cluster;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("examples/") {
        found.push(entry.expect("an entry").path());
    }
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The files of one story: a file, or a folder of them.
fn sources(example: &Path) -> Vec<Source> {
    let files = if example.is_dir() {
        let entries = std::fs::read_dir(example).expect("a folder");
        entries
            .map(|it| it.expect("an entry").path())
            .filter(|it| it.is_file())
            .collect()
    } else {
        vec![example.to_owned()]
    };
    let read = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).expect("a text"),
        file: path.display().to_string(),
    };
    files.into_iter().map(read).collect()
}

#[test]
fn lint_and_the_operator_have_nothing_to_say_about_any_example() {
    let rules = Rules::of_this_version();

    for example in examples() {
        let outcome = rules.check(&sources(&example));

        let said: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        assert_eq!(said, Vec::<String>::new(), "{}", example.display());
        assert!(!outcome.objects.is_empty(), "{}", example.display());
    }
}

#[test]
fn examples_say_in_a_comment_what_they_show() {
    for example in examples() {
        for source in sources(&example) {
            assert!(source.text.starts_with("# "), "{}", source.file);
        }
    }
}

#[test]
fn all_examples_together_claim_nothing_twice() {
    let sources: Vec<Source> = examples().iter().flat_map(|it| sources(it)).collect();

    let outcome = Rules::of_this_version().check(&sources);

    assert_eq!(outcome.findings.len(), 0, "{:#?}", outcome.findings);
}

#[tokio::test]
async fn a_real_api_server_takes_every_example() {
    let cluster = cluster().await;
    cluster
        .install_crds(&api::custom_resource_definitions())
        .await;
    let namespace = cluster.namespace("examples").await;

    for source in examples().iter().flat_map(|it| sources(it)) {
        // The namespace of the examples need not exist here.
        let text = source
            .text
            .replace("namespace: identity", &format!("namespace: {namespace}"));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("example.yaml");
        std::fs::write(&file, text).expect("a file");
        let file = file.to_str().expect("UTF-8");

        let applied = cluster
            .kubectl(&[
                "apply",
                "--server-side",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                file,
            ])
            .await;

        assert!(applied.is_ok(), "{}: {applied:?}", source.file);
    }
}
