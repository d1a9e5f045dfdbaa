//! Programs that are killed: nothing that was acknowledged is lost, and all is well again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use usher::clock::{Clock, SystemClock};

use super::scim::Scim;
use super::{SOON, WORKLOAD, all_ready};
use crate::apiserver::{Request, server};
use crate::cluster::Site;
use crate::cluster::process::{Part, programs, sent};

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
    let before = scim.people().await;
    let (well, printed) = scim.provision(PEOPLE, 20).await;
    assert!(well, "the cycle does not resume: {printed}");
    let after = scim.people().await;
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "people went or came anew: {lost:?}");
    // All of the cycle, the one with the canaries, who was acknowledged, and perhaps who was not.
    let least = PEOPLE + 1 + writes.acknowledged().len();
    let most = least + writes.refused().len();
    assert!(
        (least..=most).contains(&after.len()),
        "{} people are there instead of {least} to {most}",
        after.len()
    );
    all_ready(site).await;
    site.tell(&format!(
        "2 kills of the workload: {} people acknowledged, all there; the cycle resumed: {}",
        writes.acknowledged().len(),
        printed.replace('\n', " | ")
    ));
}

/// Connectors that are made as each kill comes: it comes when the Secret of one of them has been made.
const EACH_TIME: u64 = 5;

pub(super) async fn operator_killed_ten_times(site: &Site) {
    let seed = server::variable("USHER_SEED").map(|it| it.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one("moments"));
    site.tell(&format!("kills at moments of USHER_SEED={seed}"));
    let mut killed = Vec::new();
    for round in 0..10 {
        site.within(SOON, "an operator leads", async || {
            let lease = site.get_in(&site.system, "lease/usher-operator").await;
            let holder = lease["spec"]["holderIdentity"].as_str()?.to_owned();
            let pods = site.pods(Part::Operator).await;
            let pod = pods.first()?["metadata"]["name"].as_str()?.to_owned();
            holder.starts_with(&pod).then_some(())
        })
        .await;
        let pods = site.pods(Part::Operator).await;
        let connectors = extra(round).map(|name| connector(&name));
        let connectors = connectors.collect::<Vec<_>>().join("---\n");
        let programs = programs(&pods[0]);
        let moment = seed >> (6 * round);
        let begun = moment % EACH_TIME;
        let begun = format!("extra-{round}-{begun}-scim");
        let kill = async {
            site.made_soon(&begun).await;
            tokio::time::sleep(Duration::from_millis(moment % 32)).await;
            let reached = programs.iter().filter(|it| sent(it, "KILL"));
            assert_eq!(reached.count(), 1);
            killed.push(SystemClock.now());
        };
        tokio::join!(site.apply(&connectors), kill);
        site.record_logs(&format!("killed-{round}"), &site.system)
            .await;
        anew(site).await;
    }
    let all: Vec<_> = (0..10).flat_map(extra).collect();
    for name in &all {
        site.ready(&format!("azureconnector/{name}"), SOON).await;
        assert_eq!(site.made("secrets", &format!("{name}-scim")), 1, "{name}");
    }
    all_ready(site).await;
    let requests = site.requests();
    let amid = killed.iter().enumerate();
    let amid = amid.filter(|(round, killed)| is_amid(&requests, *round, **killed));
    let amid = amid.count();
    site.tell(&format!(
        "10 kills of the operator, {amid} between the first and the last write of a connector: all {} are ready",
        all.len()
    ));
    assert!(amid > 0, "no kill came in the middle");
    let all = all.iter().map(String::as_str);
    let delete: Vec<_> = ["delete", "azureconnector"]
        .into_iter()
        .chain(all)
        .collect();
    site.kubectl(&delete).await;
}

/// A new pod, for the same one would be started again later and later; and a Lease that ran out.
async fn anew(site: &Site) {
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

/// The names of the connectors of a round.
fn extra(round: usize) -> impl Iterator<Item = String> {
    (0..EACH_TIME).map(move |it| format!("extra-{round}-{it}"))
}

/// Each of an Entra tenant of its own.
fn connector(name: &str) -> String {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    format!(
        "apiVersion: usher.dev/v1alpha1\nkind: AzureConnector\nmetadata: {{name: {name}}}\nspec:\n  scimTenantRef: {{name: contoso}}\n  \
         entraTenantId: 99999999-0000-0000-0000-{digits:0>12}\n"
    )
}

/// Whether a connector of a round had been begun by `now`, of which the Secret comes first, and not ended, with the status.
fn is_amid(requests: &[Request], round: usize, now: Timestamp) -> bool {
    let wrote = |resource: &str, name: &str| {
        requests
            .iter()
            .any(|it| it.at <= now && it.is_write() && it.resource == resource && it.name == name)
    };
    extra(round).any(|name| {
        wrote("secrets", &format!("{name}-scim")) && !wrote("azureconnectors/status", &name)
    })
}
