//! Programs that are killed: nothing that was acknowledged is lost, and all is well again.

use std::time::Duration;

use super::scim::Scim;
use super::{SOON, WORKLOAD, all_ready};
use crate::cluster::Site;
use crate::cluster::process::Part;

/// So many that the first kill comes in the middle of their cycle.
const PEOPLE: usize = 1000;

pub(super) async fn workload_killed_in_mid_cycle(site: &Site, scim: &Scim<'_>) {
    let kills = async {
        for (kill, pause) in (1..).zip([700, 1900]) {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            assert_eq!(site.signal(WORKLOAD, "KILL").await, 1);
            site.within(SOON, "the pod runs again", async || {
                let pods = site.pods(WORKLOAD).await;
                let status = &pods.first()?["status"]["containerStatuses"][0];
                (status["ready"] == true && status["restartCount"].as_u64()? == kill).then_some(())
            })
            .await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let (writes, (ended_well, printed)) = tokio::join!(
        scim.create_while("killed", kills),
        scim.provision(PEOPLE, 20)
    );
    assert!(!ended_well, "no kill came in mid-cycle: {printed}");
    assert!(
        !writes.refused().is_empty(),
        "no kill came while writes were under way"
    );
    scim.all_there(&writes).await;
    let (well, printed) = scim.provision(PEOPLE, 20).await;
    assert!(well, "the cycle does not resume: {printed}");
    assert!(scim.count("Users").await >= PEOPLE as u64);
    all_ready(site).await;
    site.tell(&format!(
        "2 kills of the workload: {} people acknowledged, all there; the cycle resumed: {}",
        writes.acknowledged().len(),
        printed.replace('\n', " | ")
    ));
}

/// With a connector made before each kill, so that there is something to be in the middle of.
pub(super) async fn operator_killed_ten_times(site: &Site) {
    for round in 0..10 {
        site.within(SOON, "an operator leads", async || {
            let lease = site.get_in(&site.system, "lease/usher-operator").await;
            let holder = lease["spec"]["holderIdentity"].as_str()?.to_owned();
            let pods = site.pods(Part::Operator).await;
            let pod = pods.first()?["metadata"]["name"].as_str()?.to_owned();
            holder.starts_with(&pod).then_some(())
        })
        .await;
        site.apply(&format!(
            "apiVersion: usher.dev/v1alpha1\nkind: AzureConnector\nmetadata: {{name: extra-{round}}}\nspec:\n  \
             scimTenantRef: {{name: contoso}}\n  entraTenantId: 99999999-0000-0000-0000-00000000000{round}\n"
        ))
        .await;
        tokio::time::sleep(Duration::from_millis(round * 67 % 400)).await;
        assert_eq!(site.signal(Part::Operator, "KILL").await, 1);
        // A new pod, for the same one would be started again later and later; and a Lease that ran out.
        let (namespace, selector) = site.place(Part::Operator);
        for what in [
            vec!["pods", "-l", &selector],
            vec!["lease", "usher-operator"],
        ] {
            let mut delete = vec!["-n", namespace, "delete", "--force", "--grace-period=0"];
            delete.extend(what);
            site.kubectl(&delete).await;
        }
    }
    for round in 0..10 {
        site.ready(&format!("azureconnector/extra-{round}"), SOON)
            .await;
    }
    all_ready(site).await;
    site.tell("10 kills of the operator: all 10 new connectors are ready");
    for round in 0..10 {
        site.kubectl(&["delete", "azureconnector", &format!("extra-{round}")])
            .await;
    }
}
