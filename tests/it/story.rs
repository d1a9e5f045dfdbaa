//! The product as its users meet it: a chart, pods, Services, and everything that goes wrong around them, as one story.

mod beginning;
mod changes;
mod deletion;
mod kills;
mod outages;
mod scim;
mod volume;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::Site;
use crate::cluster::process::Part;

use scim::Scim;

const QUICKSTART: [&str; 3] = [
    include_str!("../../examples/quickstart/scim-tenant.yaml"),
    include_str!("../../examples/quickstart/azure-connector.yaml"),
    include_str!("../../examples/quickstart/user-mapping.yaml"),
];
const TENANT: &str = "scimtenant/contoso";
const CONNECTOR: &str = "azureconnector/contoso-entra";
const MAPPING: &str = "usermapping/contoso-people";
const SECRET: &str = "contoso-entra-scim";
const WORKLOAD: Part<'_> = Part::Workload("contoso");

const SOON: Duration = Duration::from_mins(1);

/// What somebody might paste in some place; it must not be found in any other.
const CANARY: &str = "canary-6f1d2b9e0c7a45538d21";

#[tokio::test(flavor = "multi_thread")]
async fn people_arrive_and_stay_whatever_happens() {
    let site = Site::set("story").await;
    beginning::helm_install(&site).await;
    beginning::quickstart_becomes_ready(&site).await;
    let scim = Scim::new(&site, "contoso", SECRET).await;
    beginning::people_are_provisioned_and_counted(&site, &scim).await;
    beginning::canaries_are_planted(&site, &scim).await;
    let mut secrets = vec![CANARY.to_owned(), site.secret(SECRET, "password").await];

    if site.is_ours() {
        kills::workload_killed_in_mid_cycle(&site, &scim).await;
        kills::operator_killed_ten_times(&site).await;
        outages::kubelet_restarted(&site, &scim).await;
        outages::api_server_stopped(&site, &scim).await;
        volume::volume_full(&site).await;
    }
    changes::secret_edited_then_deleted(&site, &scim).await;
    secrets.push(site.secret(SECRET, "password").await);
    changes::bad_image_then_good(&site, &scim).await;
    changes::pod_drained(&site, &scim).await;
    changes::helm_upgrade_under_traffic(&site, &scim).await;
    if site.is_ours() {
        outages::leader_frozen(&site).await;
        let memory = (
            site.memory(Part::Operator).await,
            site.memory(WORKLOAD).await,
        );
        site.tell(&format!(
            "memory of operators and workload in bytes: {memory:?}"
        ));
    }
    secrets.push(site.secret("contoso-config", "report-token").await);

    deletion::tenant_deleted_and_made_again(&site, &scim).await;
    let texts = site.record().await;
    deletion::helm_uninstall(&site, &scim).await;
    deletion::tenant_deleted_with_its_people(&site).await;
    nothing_tells_a_secret(&site, &secrets, texts).await;
    site.no_right_is_missing();
}

/// The folder of the chart.
fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/usher")
}

/// The quickstart is written for a namespace of its own; here it goes into the test's.
async fn apply_quickstart(site: &Site) {
    let here = format!("namespace: {}", site.namespace);
    let yaml = QUICKSTART.map(|it| it.replace("namespace: identity", &here));
    site.apply(&yaml.join("\n---\n")).await;
}

async fn all_ready(site: &Site) {
    for what in [TENANT, CONNECTOR, MAPPING] {
        site.ready(what, SOON).await;
    }
}

async fn nothing_tells_a_secret(site: &Site, secrets: &[String], before: Vec<String>) {
    let after = site.record().await;
    for text in before.iter().chain(&after) {
        for secret in secrets {
            let found = text.lines().filter(|line| line.contains(secret)).count();
            assert_eq!(found, 0, "a secret is told; see {}", site.kept().display());
        }
    }
    site.tell("no secret in objects, logs, events and the audit log");
}
