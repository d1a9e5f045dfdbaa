//! The product as its users meet it: a chart, pods, Services, and everything that goes wrong around them, as one story.

mod beginning;
mod changes;
mod deletion;
mod kills;
mod outages;
mod replicas;
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

/// What is told in the log of the pod that got the canaries, in that of an operator, in an object and in an event.
const TOLD: [&str; 4] = [
    "\"message\":\"POST /Users 409\"",
    "\"message\":\"leading\"",
    "lastSync:",
    "with the values to paste into Entra",
];

const NOT_WITHOUT_A_NODE: &str = "not run, for they kill and stop parts of a cluster of our own: workload killed, operator killed, \
                                  kubelet restarted, API server stopped, volume full, leader frozen";

#[tokio::test(flavor = "multi_thread")]
async fn people_arrive_and_stay_whatever_happens() {
    let site = Site::set("story").await;
    beginning::helm_install(&site).await;
    beginning::quickstart_becomes_ready(&site).await;
    let scim = Scim::new(&site, "contoso", SECRET).await;
    beginning::people_are_provisioned_and_counted(&site, &scim).await;
    beginning::canaries_are_planted(&site, &scim).await;
    // Before each part that ends pods, for what these printed goes with them.
    site.record("planted").await;

    if site.is_ours() {
        kills::workload_killed_in_mid_cycle(&site, &scim).await;
        site.record("workload-killed").await;
        kills::operator_killed_ten_times(&site).await;
        outages::kubelet_restarted(&site, &scim).await;
        outages::api_server_stopped(&site, &scim).await;
        volume::volume_full(&site).await;
    } else {
        site.tell(NOT_WITHOUT_A_NODE);
    }
    changes::secret_edited_then_deleted(&site, &scim).await;
    changes::bad_image_then_good(&site, &scim).await;
    site.record("images").await;
    changes::pod_drained(&site, &scim).await;
    site.record("drained").await;
    changes::helm_upgrade_under_traffic(&site, &scim).await;
    site.record("upgraded").await;
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
    site.record("frozen").await;

    deletion::tenant_deleted_and_made_again(&site, &scim).await;
    site.record("made-again").await;
    deletion::helm_uninstall(&site, &scim).await;
    deletion::tenant_deleted_with_its_people(&site).await;
    site.record("end").await;
    site.nothing_tells_a_secret(&TOLD);
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
