//! The manuals, typed: each command of theirs for kubectl and Helm is run as it stands, in the order in which they give them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Site;
use crate::chart::helm;
use crate::programs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a fresh cluster is told by whom, one story after the other.
const STORIES: [&[&str]; 2] = [
    &[
        "README.md",
        "docs/status.md",
        "docs/kubernetes.md",
        "docs/entra.md",
        "docs/backup.md",
    ],
    &["docs/install.md"],
];

/// Commands that want what no cluster of tests has, by a part of each. The chart's tests render those of Helm.
const LEFT_OUT: [(&str, &str); 8] = [
    ("secret generic registry", "a registry"),
    ("workloadImagePullSecrets", "a registry"),
    ("image.digest", "an image of that digest"),
    ("rbac.ownerReferences", "OpenShift"),
    ("proxy.httpsProxy", "a proxy"),
    ("port-forward", "somebody who ends it"),
    ("serviceMonitor.enabled", "the Prometheus operator"),
    (
        "storedVersions\": [\"v1\"]",
        "a second version of the kinds",
    ),
];

/// The commands of a document that are run.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(document)).expect("a document");
    let mut found = helm::commands(&text);
    found.retain(|it| it.starts_with("kubectl ") || it.starts_with("helm "));
    found.retain(|it| !LEFT_OUT.iter().any(|(part, _)| it.contains(part)));
    found
}

#[test]
fn what_is_left_out_is_in_a_manual() {
    let documents = STORIES.concat();
    let texts = documents
        .iter()
        .map(|it| fs::read_to_string(Path::new(ROOT).join(it)));
    let all: String = texts.map(|it| it.expect("a document")).collect();

    for (part, why) in LEFT_OUT {
        assert!(
            all.contains(part),
            "no manual has {part}, which needs {why}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_manuals_does_what_it_says() {
    let site = Site::set("manual").await;
    if !site.is_ours() {
        eprintln!(
            "the manuals are not typed: their namespaces would be those of {}",
            site.release
        );
        return;
    }
    // The names that the manuals use.
    for name in [
        "registry.example.com/usher:0.1.0",
        "docker.io/library/usher:0.1.0",
    ] {
        site.script("ctr", &["image", "tag", "--force", &site.image, name])
            .await;
    }
    let mut run = 0;
    for story in STORIES {
        site.kubectl(&["create", "namespace", "identity-test"])
            .await;
        for document in story {
            for command in commands(document) {
                let said = typed(&site, &command).await;
                site.tell(&format!("{document}: {command}"));
                assert!(said.is_ok(), "{document}: {command}\n{}", said.unwrap_err());
                run += 1;
            }
        }
        forget(&site).await;
    }
    assert!(run > 25, "only {run} commands were found");
}

/// What a command prints in the folder of the repository.
async fn typed(site: &Site, command: &str) -> Result<String, String> {
    let folder = |program: &Path| program.parent().expect("a folder").display().to_string();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        folder(&programs::program("helm")),
        folder(&programs::program("kubectl"))
    );
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(ROOT)
        .env("KUBECONFIG", &site.cluster.kubeconfig)
        .env("PATH", path);
    let output = tokio::task::spawn_blocking(move || shell.output())
        .await
        .expect("the command ends")
        .expect("a shell");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// As it was before anything was typed.
async fn forget(site: &Site) {
    let delete = [
        "delete",
        "namespace",
        "identity",
        "identity-test",
        "usher-system",
    ];
    site.kubectl(&[&delete[..], &["--ignore-not-found"]].concat())
        .await;
    for what in ["clusterrole/usher", "clusterrolebinding/usher"] {
        site.kubectl(&["delete", what, "--ignore-not-found"]).await;
    }
    let left = site.get("namespace/identity").await;
    assert_eq!(left, Value::Null);
}
