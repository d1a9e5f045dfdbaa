//! What people change: a Secret, an image, a pod, a release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::scim::Scim;
use super::{CANARY, CONNECTOR, SECRET, SOON, TENANT, WORKLOAD, all_ready, chart};
use crate::cluster::{Site, condition};

pub(super) async fn secret_edited_then_deleted(site: &Site, scim: &Scim<'_>) {
    let first = site.secret(SECRET, "password").await;
    let patch = format!("{{\"stringData\": {{\"password\": \"{CANARY}\"}}}}");
    site.kubectl(&["patch", "secret", SECRET, "-p", &patch])
        .await;
    site.within(SOON, "an edited password is replaced", async || {
        let now = site.secret(SECRET, "password").await;
        (now != CANARY && now != first).then_some(())
    })
    .await;
    // The one before goes on, so that Entra does until the new one is pasted; the one that was typed opens nothing.
    assert!(scim.count("Users").await > 0);
    assert_eq!(scim.status_with(CANARY).await, 401);
    is_said(site, "changed in the Secret").await;
    let second = site.secret(SECRET, "password").await;
    site.keep_secret(&second);
    site.kubectl(&["delete", "secret", SECRET]).await;
    site.within(SOON, "a deleted Secret comes back", async || {
        (site.get(&format!("secret/{SECRET}")).await != Value::Null).then_some(())
    })
    .await;
    let took = site.ready(CONNECTOR, SOON).await;
    is_said(site, "deleted").await;
    site.within(SOON, "an event says so", async || {
        let events = site.kubectl(&["get", "events"]).await;
        let event = "was deleted, so it was made again";
        events.contains(event).then_some(())
    })
    .await;
    scim.paste().await;
    assert_ne!(site.secret(SECRET, "password").await, second);
    assert!(scim.count("Users").await > 0);
    site.tell(&format!(
        "Secret edited, then deleted: healed and accepted after {took:?}"
    ));
}

/// What happened to the password, and what to do.
async fn is_said(site: &Site, what: &str) {
    site.within(
        SOON,
        &format!("CredentialsCurrent says: {what}"),
        async || {
            let connector = site.get(CONNECTOR).await;
            let said = condition(&connector, "CredentialsCurrent", "message");
            (said.contains(what) && said.contains("paste")).then_some(())
        },
    )
    .await;
}

pub(super) async fn bad_image_then_good(site: &Site, scim: &Scim<'_>) {
    let change = async {
        let bad = json!("usher.test/nowhere:1");
        site.upgrade(&chart(), &[("workloadImage", bad)]).await;
        site.within(SOON, "Ready says why", async || {
            let tenant = site.get(TENANT).await;
            let said = condition(&tenant, "Ready", "message");
            let is_told = condition(&tenant, "Ready", "status") == "False"
                && said.contains("image cannot be pulled");
            (is_told && condition(&tenant, "Serving", "status") == "True").then_some(())
        })
        .await;
        site.upgrade(&chart(), &[]).await;
        let took = site.ready(TENANT, SOON).await;
        site.tell(&format!(
            "a bad image, then the good one: ready {took:?} later"
        ));
    };
    let writes = scim.create_while("image", change).await;
    assert_eq!(writes.refused(), Vec::<&String>::new());
}

/// A deleted pod and then a roll-out, with one client whose connections are new and one whose connections stay open.
pub(super) async fn pod_drained(site: &Site, scim: &Scim<'_>) {
    let requests = undisturbed(site, scim, "drained", async {
        let before = only_pod(site).await;
        site.kubectl(&["delete", "pod", &before]).await;
        site.within(SOON, "another pod serves", async || {
            let now = pod_names(site).await;
            (now.len() == 1 && now[0] != before).then_some(())
        })
        .await;
        site.kubectl(&["rollout", "restart", "deployment/contoso"])
            .await;
        site.kubectl(&["rollout", "status", "deployment/contoso", "--timeout=1m"])
            .await;
        all_ready(site).await;
    })
    .await;
    site.tell(&format!(
        "a pod deleted, then a roll-out: no request of {requests} failed"
    ));
}

/// Other values, a changed definition, two operators, and another image of the workloads.
pub(super) async fn helm_upgrade_under_traffic(site: &Site, scim: &Scim<'_>) {
    let chart = changed_chart(site);
    let mut again = site.image.clone();
    if site.is_ours() {
        again.push_str("-again");
        site.script("ctr", &["image", "tag", "--force", &site.image, &again])
            .await;
    }
    let requests = undisturbed(site, scim, "upgraded", async {
        let values = [
            ("replicas", json!(2)),
            ("log", json!("info,usher=debug")),
            ("workloadImage", json!(again)),
        ];
        site.upgrade(&chart, &values).await;
        site.within(SOON, "the pod has the new image", async || {
            let pods = site.pods(WORKLOAD).await;
            let images = pods.iter().map(|it| &it["spec"]["containers"][0]["image"]);
            images.eq([&json!(again)]).then_some(())
        })
        .await;
        all_ready(site).await;
    })
    .await;
    let kind = site.get("crd/scimtenants.usher.dev").await;
    let told = kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"].as_str();
    assert_eq!(told, Some("Changed by the story."));
    site.tell(&format!(
        "helm upgrade with other values, image and CRD: no request of {requests} failed"
    ));
}

/// How many requests of two clients there were while something happened; none of them failed.
async fn undisturbed(
    site: &Site,
    scim: &Scim<'_>,
    prefix: &str,
    happens: impl Future<Output = ()>,
) -> usize {
    let stop = tokio_util::sync::CancellationToken::new();
    let cycles = async {
        let mut cycles = 0;
        while !stop.is_cancelled() {
            let (well, printed) = scim.provision(200, 20).await;
            assert!(well, "a cycle failed: {printed}");
            cycles += 1;
        }
        cycles
    };
    let creating = async {
        let writes = scim.create_while(prefix, happens).await;
        stop.cancel();
        writes
    };
    let (cycles, writes) = tokio::join!(cycles, creating);
    assert_eq!(writes.refused(), Vec::<&String>::new());
    scim.all_there(&writes).await;
    let each = 200;
    site.tell(&format!("{cycles} cycles meanwhile"));
    writes.acknowledged().len() + cycles * each
}

async fn pod_names(site: &Site) -> Vec<String> {
    let pods = site.pods(WORKLOAD).await;
    let names = pods.iter().map(|it| it["metadata"]["name"].as_str());
    names.flatten().map(str::to_owned).collect()
}

/// The name of the pod that is left when those of earlier roll-outs have gone.
async fn only_pod(site: &Site) -> String {
    let mut only = String::new();
    site.within(SOON, "one pod is left", async || {
        let mut names = pod_names(site).await;
        only = names.pop()?;
        names.is_empty().then_some(())
    })
    .await;
    only
}

/// The chart with another text in the definition of `ScimTenant`.
fn changed_chart(site: &Site) -> PathBuf {
    let copy = site.kept().join("chart");
    if copy.exists() {
        fs::remove_dir_all(&copy).expect("removed");
    }
    let copied = Command::new("cp")
        .arg("-r")
        .arg(chart())
        .arg(&copy)
        .status();
    assert!(copied.is_ok_and(|it| it.success()));
    let file = copy.join("files/crds/scimtenants.usher.dev.yaml");
    change_description(&file);
    copy
}

fn change_description(file: &Path) {
    let text = fs::read_to_string(file).expect("a definition");
    let mut crd: Value = serde_yaml::from_str(&text).expect("YAML");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] =
        json!("Changed by the story.");
    let changed = serde_yaml::to_string(&crd).expect("YAML");
    fs::write(file, changed).expect("written");
}
