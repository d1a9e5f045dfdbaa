//! The product as its users meet it: pods, Services, and everything that goes wrong around them, as one story.

mod scim;

use std::time::{Duration, Instant};

use crate::cluster::process::{OPERATOR, WORKLOAD};
use crate::cluster::{Site, condition};

use scim::Scim;

const QUICKSTART: [&str; 3] = [
    include_str!("../../examples/quickstart/scim-tenant.yaml"),
    include_str!("../../examples/quickstart/azure-connector.yaml"),
    include_str!("../../examples/quickstart/user-mapping.yaml"),
];
const TENANT: &str = "scimtenant/contoso";
const CONNECTOR: &str = "azureconnector/contoso-entra";
const MAPPING: &str = "usermapping/contoso-people";

const SOON: Duration = Duration::from_secs(60);
/// What a kubelet takes at most until pods see a changed Secret, and some more.
const REFRESHED: Duration = Duration::from_secs(150);

/// What somebody might paste into a Secret; it must not be found anywhere else.
const CANARY: &str = "canary-6f1d2b9e0c7a45538d21";

#[tokio::test(flavor = "multi_thread")]
async fn people_arrive_and_stay_whatever_happens() {
    let site = Site::set("story").await;
    site.operator(1, &site.image, true).await;
    site.within(SOON, "the operator runs", async || {
        let deployment = site.get("deployment/usher").await;
        (deployment["status"]["readyReplicas"] == 1).then_some(())
    })
    .await;
    site.tell("the operator runs");

    quickstart_becomes_ready(&site).await;
    let mut secrets = vec![site.secret("contoso-entra-scim", "password").await];
    let scim = Scim::new(&site).await;
    people_are_provisioned_and_counted(&site, &scim).await;
    workload_killed_under_writes(&site, &scim).await;
    operator_killed_ten_times(&site).await;
    if site.is_ours() {
        kubelet_restarted(&site, &scim).await;
        api_server_stopped(&site, &scim).await;
    }
    bad_image_then_good(&site).await;
    secret_edited_then_deleted(&site, &scim).await;
    secrets.push(site.secret("contoso-entra-scim", "password").await);
    tenant_deleted_and_made_again(&site, &scim).await;
    leader_frozen(&site).await;

    let bytes = (site.memory(OPERATOR).await, site.memory(WORKLOAD).await);
    site.tell(&format!(
        "memory of operator and workload in bytes: {bytes:?}"
    ));
    secrets.push(site.secret("contoso-config", "report-token").await);
    secrets.push(CANARY.to_owned());
    nothing_tells_a_secret(&site, &secrets).await;
}

/// The quickstart is written for a namespace of its own; here it goes into the test's.
async fn apply_quickstart(site: &Site) {
    let here = format!("namespace: {}", site.namespace);
    let yaml = QUICKSTART.map(|it| it.replace("namespace: identity", &here));
    site.apply(&yaml.join("\n---\n")).await;
}

async fn quickstart_becomes_ready(site: &Site) {
    let began = Instant::now();
    apply_quickstart(site).await;
    for what in [TENANT, CONNECTOR, MAPPING] {
        site.ready(what, SOON).await;
    }
    site.tell(&format!(
        "the quickstart is ready after {:?}",
        began.elapsed()
    ));
}

async fn people_are_provisioned_and_counted(site: &Site, scim: &Scim<'_>) {
    let printed = scim.provision(200, 20).await;
    site.tell(&printed.replace('\n', " | "));
    counted(site, 200, 20).await;
    // What the client counted is what the connector tells, to the request.
    let told = serde_json::json!({"requests": 674, "created": 220, "updated": 233, "deactivated": 0, "deleted": 0, "failed": 0});
    site.within(
        SOON,
        "the connector tells of the cycle exactly",
        async || {
            let mut status = site.get(CONNECTOR).await["status"].clone();
            status["lastSync"].as_object_mut()?.remove("startedAt")?;
            (status["lastSync"] == told && status["lastError"].is_null()).then_some(())
        },
    )
    .await;
}

async fn counted(site: &Site, users: u64, groups: u64) {
    site.within(
        SOON,
        &format!("{users} people and {groups} groups are counted"),
        async || {
            let status = &site.get(TENANT).await["status"];
            (status["users"] == users && status["groups"] == groups).then_some(())
        },
    )
    .await;
}

async fn workload_killed_under_writes(site: &Site, scim: &Scim<'_>) {
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
    let writes = scim.create_while("killed", kills).await;
    assert!(
        writes.refused() > 0,
        "no kill came while writes were under way"
    );
    scim.all_there(&writes).await;
    for what in [TENANT, CONNECTOR, MAPPING] {
        site.ready(what, SOON).await;
    }
    site.tell(&format!(
        "2 kills of the workload: {} people acknowledged, all there",
        writes.acknowledged().len()
    ));
}

/// With a connector made before each kill, so that there is something to be in the middle of.
async fn operator_killed_ten_times(site: &Site) {
    site.operator(1, &site.image, false).await;
    for round in 0..10 {
        site.within(SOON, "an operator runs", async || {
            (site.signal(OPERATOR, "CONT").await == 1).then_some(())
        })
        .await;
        site.apply(&format!(
            "apiVersion: usher.dev/v1alpha1\nkind: AzureConnector\nmetadata: {{name: extra-{round}}}\nspec:\n  \
             scimTenantRef: {{name: contoso}}\n  entraTenantId: 99999999-0000-0000-0000-00000000000{round}\n"
        ))
        .await;
        tokio::time::sleep(Duration::from_millis(round * 67 % 400)).await;
        site.signal(OPERATOR, "KILL").await;
        // A new pod: the same one would be started again later and later.
        site.kubectl(&[
            "delete",
            "pods",
            "-l",
            OPERATOR,
            "--force",
            "--grace-period=0",
        ])
        .await;
    }
    for round in 0..10 {
        site.ready(&format!("azureconnector/extra-{round}"), REFRESHED)
            .await;
    }
    site.tell("10 kills of the operator: all 10 new connectors are ready");
    for round in 0..10 {
        site.kubectl(&["delete", "azureconnector", &format!("extra-{round}")])
            .await;
    }
    site.operator(1, &site.image, true).await;
}

async fn kubelet_restarted(site: &Site, scim: &Scim<'_>) {
    let restart = async {
        site.script("kill", &["kubelet"]).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let writes = scim.create_while("kubelet", restart).await;
    assert_eq!(writes.refused(), 0);
    site.ready(TENANT, SOON).await;
    site.tell("kubelet restarted: no request failed");
}

async fn api_server_stopped(site: &Site, scim: &Scim<'_>) {
    let stop = async {
        site.script("stop", &["apiserver"]).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        site.script("start", &["apiserver"]).await;
    };
    let writes = scim.create_while("no-api-server", stop).await;
    assert_eq!(writes.refused(), 0);
    let before = site.within(SOON, "the API server answers", async || {
        (site.get(TENANT).await["status"]["users"].as_u64()? > 0).then_some(())
    });
    before.await;
    let all = scim.count("Users").await;
    let took = site
        .within(SOON, "the status catches up", async || {
            (site.get(TENANT).await["status"]["users"] == all).then_some(())
        })
        .await;
    site.ready(TENANT, SOON).await;
    site.tell(&format!(
        "API server stopped for 30 s: no request of {} failed, status right after {took:?}",
        writes.acknowledged().len()
    ));
}

async fn bad_image_then_good(site: &Site) {
    let bad = "usher.test/nowhere:1";
    site.operator(1, bad, true).await;
    site.within(SOON, "Ready says why", async || {
        let tenant = site.get(TENANT).await;
        let said = condition(&tenant, "Ready", "message");
        (condition(&tenant, "Ready", "status") == "False" && said.contains("image")).then_some(())
    })
    .await;
    site.operator(1, &site.image, true).await;
    let took = site.ready(TENANT, SOON).await;
    site.tell(&format!(
        "a bad image, then the good one: ready {took:?} later"
    ));
}

async fn secret_edited_then_deleted(site: &Site, scim: &Scim<'_>) {
    let name = "contoso-entra-scim";
    let first = site.secret(name, "password").await;
    let patch = format!("{{\"stringData\": {{\"password\": \"{CANARY}\"}}}}");
    site.kubectl(&["patch", "secret", name, "-p", &patch]).await;
    site.within(SOON, "an edited password is replaced", async || {
        let now = site.secret(name, "password").await;
        (now != CANARY && now != first).then_some(())
    })
    .await;
    // The one before goes on, so that Entra does until the new one is pasted.
    assert!(scim.count("Users").await > 0);
    site.kubectl(&["delete", "secret", name]).await;
    site.within(SOON, "a deleted Secret comes back", async || {
        (site.get(&format!("secret/{name}")).await != serde_json::Value::Null).then_some(())
    })
    .await;
    let events = site.kubectl(&["get", "events"]).await;
    assert!(
        events.contains(name),
        "no event tells of the Secret:\n{events}"
    );
    let took = site.ready(CONNECTOR, REFRESHED).await;
    site.tell(&format!(
        "Secret edited, then deleted: healed, accepted after {took:?}"
    ));
    scim.paste().await;
    assert!(scim.count("Users").await > 0);
}

async fn tenant_deleted_and_made_again(site: &Site, scim: &Scim<'_>) {
    let before = scim.count("Users").await;
    site.kubectl(&["delete", "scimtenant", "contoso"]).await;
    site.within(SOON, "the pods are gone", async || {
        site.pods(WORKLOAD).await.is_empty().then_some(())
    })
    .await;
    apply_quickstart(site).await;
    site.ready(TENANT, SOON).await;
    site.ready(CONNECTOR, REFRESHED).await;
    assert_eq!(scim.count("Users").await, before);
    site.tell("ScimTenant deleted and made again: the same people");
}

async fn leader_frozen(site: &Site) {
    site.operator(2, &site.image, true).await;
    site.within(SOON, "two operators run", async || {
        let deployment = site.get("deployment/usher").await;
        (deployment["status"]["readyReplicas"] == 2).then_some(())
    })
    .await;
    let holder = async || {
        let lease = site.get("lease/usher-operator").await;
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let leader = holder().await;
    let pod = leader.split('_').next().unwrap_or_default().to_owned();
    assert_eq!(
        site.signal_pod(&pod, "STOP").await,
        1,
        "the leader is {leader}"
    );
    let took = site
        .within(SOON, "the other one leads", async || {
            (holder().await != leader && !holder().await.is_empty()).then_some(())
        })
        .await;
    site.kubectl(&["delete", "azureconnector", "contoso-entra"])
        .await;
    apply_quickstart(site).await;
    site.within(SOON, "a Secret is made", async || {
        (condition(&site.get(CONNECTOR).await, "Entitled", "status") == "True").then_some(())
    })
    .await;
    let made = site.secret("contoso-entra-scim", "password").await;
    assert_eq!(site.signal_pod(&pod, "CONT").await, 1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(site.secret("contoso-entra-scim", "password").await, made);
    assert_ne!(holder().await, leader);
    site.tell(&format!(
        "leader frozen: the other one led after {took:?}, the thawed one did nothing"
    ));
}

async fn nothing_tells_a_secret(site: &Site, secrets: &[String]) {
    for text in site.record().await {
        for secret in secrets {
            let found = text.lines().filter(|line| line.contains(secret)).count();
            assert_eq!(found, 0, "a secret is told; see {}", site.kept().display());
        }
    }
    site.tell("no secret in objects, logs, events and the audit log");
}
