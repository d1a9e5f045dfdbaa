//! The manuals, typed: each command of theirs is run as it stands, in the order in which they give them.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::{Value, json};

use super::Site;
use crate::apiserver::Cluster;
use crate::chart::helm;
use crate::{documents, programs, stand_ins};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a fresh cluster is told by whom, one story after the other.
const STORIES: [&[&str]; 2] = [
    &[
        "README.md",
        "docs/status.md",
        "docs/kubernetes.md",
        "docs/entra.md",
        "docs/backup.md",
        "docs/scim.md",
        "docs/sign-in.md",
        "docs/applications.md",
        "docs/administration.md",
        "docs/emulator.md",
    ],
    &["docs/install.md"],
];

/// Manuals whose commands need no cluster; the test of previews types them.
const ELSEWHERE: [&str; 1] = ["docs/mapping.md"];

/// The namespaces that the manuals name.
const NAMESPACES: [&str; 3] = ["identity", "identity-test", "usher-system"];

/// Commands that are not run, by a part of each, and what they need.
const LEFT_OUT: [(&str, &str); 20] = [
    ("make demo", "nothing: a test of its own runs it"),
    ("make test", "this very run"),
    ("cargo build --release", "minutes"),
    ("alias usher=", "the program that this would build"),
    ("usher dev", "somebody who ends it, as tests of its own do"),
    (
        "get secret meadow-config",
        "a ScimTenant of another example",
    ),
    ("docker build", "Docker"),
    ("docker push", "a registry"),
    ("secret generic registry", "a registry"),
    ("workloadImagePullSecrets", "a registry"),
    ("image.digest", "an image of that digest"),
    ("oc adm policy", "OpenShift"),
    ("proxy.httpsProxy", "a proxy"),
    (
        "storedVersions\": [\"v1\"]",
        "a second version of the kinds",
    ),
    ("https://contoso.id.example.com", "that name in DNS"),
    ("https://scim.example.com/v2", "a SCIM server of somebody"),
    (
        "usher emulator serve",
        "somebody who ends it, as tests of its own do",
    ),
    (
        "http://127.0.0.1:8090",
        "a tenant that is served: the test of it types them",
    ),
    ("second-factor-reset", "a person who has a second factor"),
    ("usermapping contoso-people", "a change that waits"),
];

/// A part of the command that goes on until somebody ends it.
const GOES_ON: &str = "port-forward";
/// The port that it opens.
const ITS_PORT: u16 = 9464;

/// What commands with a part answer.
const ANSWERS: [(&str, &str); 3] = [
    ("/requests?", "\"POST\""),
    ("/audit?", "\"contoso-entra\""),
    ("/person?", "\"ana@example.com\""),
];
/// A part of the commands after which the cluster is looked at.
const WATCHES_SOME: &str = "watch.namespaces";
const LETS_METRICS_BE_READ: &str = "metrics.namespaces";

/// The commands of a document.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(document)).expect("a document");
    helm::commands(&text)
}

fn is_left_out(command: &str) -> bool {
    LEFT_OUT.iter().any(|(part, _)| command.contains(part))
}

#[test]
fn what_is_left_out_or_looked_at_is_in_a_manual() {
    let documents = STORIES.concat();
    let all: Vec<String> = documents.iter().flat_map(|it| commands(it)).collect();
    let left_out = LEFT_OUT.iter().map(|(part, _)| *part);
    let looked_at = ANSWERS.iter().map(|(part, _)| *part);
    let looked_at = looked_at.chain([GOES_ON, WATCHES_SOME, LETS_METRICS_BE_READ]);

    for part in left_out.chain(looked_at) {
        assert!(
            all.iter().any(|it| it.contains(part)),
            "no manual has {part}"
        );
    }
}

#[test]
fn every_manual_with_commands_is_in_a_story() {
    for path in documents::documents() {
        let document = path.strip_prefix(ROOT).expect("one of ours");
        let document = document.to_str().expect("UTF-8");
        let is_manual = document == "README.md" || document.starts_with("docs/");
        if is_manual && !commands(document).is_empty() {
            let is_typed = STORIES.concat().contains(&document) || ELSEWHERE.contains(&document);
            assert!(is_typed, "{document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_manuals_does_what_it_says() {
    let site = Site::set("manual").await;
    if !site.is_ours() {
        eprintln!(
            "not run: the manuals, whose namespaces would be those of {}",
            site.release
        );
        return;
    }
    let _kept = Kept(&site.cluster);
    // The names that the manuals use.
    for name in [
        "registry.example.com/usher:0.1.0",
        "docker.io/library/usher:0.1.0",
    ] {
        site.script("ctr", &["image", "tag", "--force", &site.image, name])
            .await;
    }
    stand_ins::install(&site.cluster).await;
    let mut run = 0;
    for story in STORIES {
        // Of the story before, or of a run that was killed.
        forget(&site).await;
        for namespace in ["identity-test", "usher-system"] {
            site.kubectl(&["create", "namespace", namespace]).await;
        }
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        site.kubectl(&["label", "namespace", "usher-system", restricted])
            .await;
        for document in story {
            run += type_all(&site, document).await;
        }
    }
    assert!(run > 40, "only {run} commands were found");
    let operator = "system:serviceaccount:usher-system:usher";
    assert_eq!(site.cluster.missing_rights_of(operator), []);
}

/// Types the commands of a document; how many there are.
async fn type_all(site: &Site, document: &str) -> usize {
    let mut variables = String::new();
    let mut going = Vec::new();
    let mut run = 0;
    for command in commands(document) {
        if is_left_out(&command) {
            continue;
        }
        run += 1;
        site.tell(&format!("{document}: {command}"));
        if command.contains(GOES_ON) {
            ana_arrives(site).await;
            going.push(Going::begin(site, &command).await);
            continue;
        }
        let said = typed(site, &format!("{variables}{command}")).await;
        let said = said.unwrap_or_else(|complaint| panic!("{document}: {command}\n{complaint}"));
        if command.starts_with("TOKEN=") {
            variables.push_str(&command);
            variables.push('\n');
        }
        look(site, &command, &said).await;
    }
    run
}

/// What is so after some of the commands.
async fn look(site: &Site, command: &str, said: &str) {
    for (part, expected) in ANSWERS {
        assert!(
            !command.contains(part) || said.contains(expected),
            "{command}: {said}"
        );
    }
    if command.contains(WATCHES_SOME) {
        what_is_not_watched_stays_untouched(site).await;
    }
    if command.contains(LETS_METRICS_BE_READ) {
        metrics_are_read_through_services(site).await;
    }
}

/// Somebody to ask for, sent as Entra would.
async fn ana_arrives(site: &Site) {
    let read = "kubectl get secret contoso-entra-scim -n identity -o jsonpath='{.data.password}' | base64 -d";
    let password = typed(site, read).await.expect("a password");
    let ana = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ana@example.com",
        "name": {"givenName": "Ana", "familyName": "Example"},
        "emails": [{"type": "work", "value": "ana@example.com"}],
    });
    let made = site
        .inside(&[
            "curl",
            "--fail-with-body",
            "--silent",
            "--header",
            &format!("Authorization: Bearer {password}"),
            "--header",
            "Content-Type: application/scim+json",
            "--data",
            &ana.to_string(),
            &format!(
                "{}/scim/v2/Users",
                address(site, "identity", "contoso").await
            ),
        ])
        .await;
    assert!(made.status.success(), "{made:?}");
}

/// A ScimTenant becomes ready where the operator watches, and says nothing where it does not.
async fn what_is_not_watched_stays_untouched(site: &Site) {
    rolled_out(site).await;
    let everywhere = site.get("clusterrole/usher").await;
    assert_eq!(everywhere, Value::Null, "a right in every namespace");
    for namespace in [&*site.namespace, "identity-test"] {
        let tenant = json!({
            "apiVersion": "usher.dev/v1alpha1",
            "kind": "ScimTenant",
            "metadata": {"name": "here", "namespace": namespace},
            "spec": {"host": format!("{namespace}.example.com"), "store": {"sqlite": {"size": "1Gi"}}},
        });
        let file = site.file("tenant.json", &tenant.to_string());
        let path = file.to_str().expect("UTF-8");
        site.cluster
            .kubectl(&["apply", "-f", path])
            .await
            .expect("applied");
    }

    let wait = "wait scimtenant/here -n identity-test --for=condition=Ready --timeout=1m";
    let wait: Vec<&str> = wait.split(' ').collect();
    site.cluster.kubectl(&wait).await.expect("watched");
    let untouched = site.get("scimtenant/here").await;
    assert_eq!(untouched["metadata"]["name"], "here");
    assert_eq!(untouched["status"], Value::Null);
    site.kubectl(&["delete", "scimtenant/here"]).await;
}

async fn metrics_are_read_through_services(site: &Site) {
    rolled_out(site).await;
    for (namespace, service, port, metric) in [
        (
            "usher-system",
            "usher-metrics",
            9465,
            "usher_operator_leading 1",
        ),
        ("identity", "contoso-report", 9464, "usher_scim_"),
    ] {
        let url = format!("{}:{port}/metrics", address(site, namespace, service).await);
        let what = format!("{service} tells {metric}");
        site.within(Duration::from_mins(1), &what, async || {
            // The pod before may be who is asked, and gone before it answers.
            let curl = ["curl", "--fail", "--silent", "--max-time", "5", &url];
            let read = site.inside(&curl).await;
            let metrics = String::from_utf8_lossy(&read.stdout);
            metrics.contains(metric).then_some(())
        })
        .await;
    }
}

/// The operator is the one that was asked for last.
async fn rolled_out(site: &Site) {
    let wait = "rollout status deployment/usher -n usher-system --timeout=2m";
    let wait: Vec<&str> = wait.split(' ').collect();
    site.cluster.kubectl(&wait).await.expect("rolled out");
}

/// The address of a Service in some namespace.
async fn address(site: &Site, namespace: &str, name: &str) -> String {
    let service = site.get_in(namespace, &format!("service/{name}")).await;
    let ip = service["spec"]["clusterIP"].as_str().expect("a Service");
    format!("http://{ip}")
}

/// A shell with a command, in the folder of the repository.
fn shell(site: &Site, command: &str) -> Command {
    let folder = |program: &Path| program.parent().expect("a folder").display().to_string();
    let path = format!(
        "{}:{}:{}:/usr/bin:/bin",
        folder(&programs::program("helm")),
        folder(&programs::program("kubectl")),
        folder(Path::new(env!("CARGO_BIN_EXE_usher"))),
    );
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(ROOT)
        .env("KUBECONFIG", &site.cluster.kubeconfig)
        .env("PATH", path);
    shell
}

/// What a command prints.
async fn typed(site: &Site, command: &str) -> Result<String, String> {
    let mut shell = shell(site, command);
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

/// A command that goes on; it ends with this.
struct Going(Child);

impl Going {
    async fn begin(site: &Site, command: &str) -> Self {
        // The shell becomes the program, so that it is the program that ends.
        let mut shell = shell(site, &format!("exec {command}"));
        let mut going = Self(shell.spawn().expect("a shell"));
        site.within(Duration::from_secs(30), command, async || {
            let ended = going.0.try_wait().expect("a child has a state");
            assert_eq!(ended, None, "{command} has ended");
            let there = TcpStream::connect(("127.0.0.1", ITS_PORT));
            there.is_ok().then_some(())
        })
        .await;
        going
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Writes down what is in the namespaces of the manuals when the test fails.
struct Kept<'a>(&'a Cluster);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.0.keep_if_failing("manual", &NAMESPACES);
    }
}

/// As it was before anything was typed.
async fn forget(site: &Site) {
    let mut delete = vec!["delete", "namespace", "--ignore-not-found"];
    delete.extend(NAMESPACES);
    site.kubectl(&delete).await;
    for what in ["clusterrole/usher", "clusterrolebinding/usher"] {
        site.kubectl(&["delete", what, "--ignore-not-found"]).await;
    }
    assert_eq!(site.get("namespace/identity").await, Value::Null);
}
