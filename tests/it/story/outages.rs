//! Parts of the cluster that are away, and a leader that sleeps.

use std::time::Duration;

use usher::clock::{Clock, SystemClock};

use super::scim::Scim;
use super::{CONNECTOR, SECRET, SOON, TENANT, all_ready, apply_quickstart};
use crate::cluster::process::{Part, signal_pod};
use crate::cluster::{Site, condition};

const LATE: &str = "
apiVersion: usher.dev/v1alpha1
kind: AzureConnector
metadata: {name: late}
spec:
  scimTenantRef: {name: contoso}
  entraTenantId: 33333333-0000-0000-0000-000000000000
";

pub(super) async fn kubelet_restarted(site: &Site, scim: &Scim<'_>) {
    let restart = async {
        site.script("kill", &["kubelet"]).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let writes = scim.create_while("kubelet", restart).await;
    scim.all_there(&writes).await;
    all_ready(site).await;
    // Before 1.35 a kubelet that began anew takes every pod for unready until it has probed it.
    site.tell(&format!(
        "kubelet restarted: {} people acknowledged, all there; {} requests found no ready pod",
        writes.acknowledged().len(),
        writes.refused().len()
    ));
}

pub(super) async fn api_server_stopped(site: &Site, scim: &Scim<'_>) {
    let stop = async {
        site.script("stop", &["apiserver"]).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let asked = site.try_kubectl(&["get", "--raw", "/readyz"]).await;
        assert!(asked.is_err(), "the API server was not stopped: {asked:?}");
        site.script("start", &["apiserver"]).await;
    };
    let writes = scim.create_while("no-api-server", stop).await;
    assert_eq!(writes.refused(), Vec::<&String>::new());
    site.within(SOON, "the API server answers", async || {
        (site.get(TENANT).await["status"]["users"].as_u64()? > 0).then_some(())
    })
    .await;
    let all = scim.count("Users").await;
    let took = site
        .within(SOON, "the status catches up", async || {
            (site.get(TENANT).await["status"]["users"] == all).then_some(())
        })
        .await;
    site.apply(LATE).await;
    let seen = site
        .within(SOON, "a new connector is seen", async || {
            let late = site.get("azureconnector/late").await;
            (condition(&late, "Entitled", "status") == "True").then_some(())
        })
        .await;
    site.kubectl(&["delete", "azureconnector", "late"]).await;
    // They ask again after pauses that grew with the outage; begun anew they need none.
    for program in ["controller-manager", "scheduler", "kubelet"] {
        site.script("kill", &[program]).await;
    }
    all_ready(site).await;
    site.tell(&format!(
        "API server stopped for 30 s: no request of {} failed, status right after {took:?}, a new connector seen after {seen:?}",
        writes.acknowledged().len()
    ));
}

/// In the middle of its work; what it was about is done by the one that leads then, and once. The one that thaws does nothing any more.
pub(super) async fn leader_frozen(site: &Site) {
    let holder = async || {
        let lease = site.get_in(&site.system, "lease/usher-operator").await;
        let holder = lease["spec"]["holderIdentity"].as_str().map(str::to_owned);
        holder.unwrap_or_default()
    };
    let leader = holder().await;
    let pods = site.pods(Part::Operator).await;
    let name = |pod: &serde_json::Value| pod["metadata"]["name"].as_str().map(str::to_owned);
    let pod = pods
        .iter()
        .find(|it| name(it).is_some_and(|it| leader.starts_with(&it)))
        .unwrap_or_else(|| panic!("the leader {leader} is no pod"));
    let name = name(pod).expect("a pod has a name");
    site.apply(&LATE.replace("late", "frozen")).await;
    assert_eq!(signal_pod(pod, "STOP"), 1);
    let took = site
        .within(SOON, "the other one leads", async || {
            let holder = holder().await;
            (holder != leader && !holder.is_empty()).then_some(())
        })
        .await;
    site.kubectl(&["delete", "azureconnector", "contoso-entra"])
        .await;
    apply_quickstart(site).await;
    site.within(SOON, "the connector is entitled", async || {
        (condition(&site.get(CONNECTOR).await, "Entitled", "status") == "True").then_some(())
    })
    .await;
    site.ready(CONNECTOR, SOON).await;
    site.ready("azureconnector/frozen", SOON).await;
    let made = site.secret(SECRET, "password").await;
    let thawed = SystemClock.now();
    assert_eq!(signal_pod(pod, "CONT"), 1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(site.secret(SECRET, "password").await, made);
    assert_ne!(holder().await, leader);
    let mut late = site.writes_of(&name);
    assert!(!late.is_empty(), "{name} wrote nothing while it led");
    late.retain(|it| it.at > thawed);
    assert_eq!(late, [], "the thawed one wrote");
    assert_eq!(site.made("secrets", "frozen-scim"), 1);
    site.kubectl(&["delete", "azureconnector", "frozen"]).await;
    all_ready(site).await;
    site.tell(&format!(
        "leader frozen: the other one led after {took:?}, the thawed one did nothing"
    ));
}
