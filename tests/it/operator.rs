//! The operator against a real API server, with the workload it asks for beside it. The tests play kubelet and controllers
//! themselves and read the audit log, so this is for a server of our own.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kubelet;
mod stage;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use usher::api::{AzureConnector, ScimTenant, UserMapping};

use crate::apiserver::{self, Right, eventually, granted_rights};
use crate::entra_exchanges::Player;
use crate::workload_server;
use kubelet::Kubelet;
use stage::Stage;

const CONNECTOR: &str = "contoso-entra";
const SECRET: &str = "contoso-entra-scim";

/// The directory in which the recorded exchanges pass.
const TENANT: &str = "
apiVersion: usher.dev/v1alpha1
kind: ScimTenant
metadata: {name: contoso}
spec:
  host: contoso.id.example.com
  entitlements: [EnterpriseToolkit]
  store: {sqlite: {size: 1Gi}}
  schema:
    required: []
    extensions:
      - {urn: 'urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName', attributes: [{name: folders, multiValued: true}]}
      - {urn: 'urn:ietf:params:scim:schemas:extension:2.0:Metadata', open: true}
      - {urn: 'urn:ietf:params:scim:schemas:extension:Lakeshore:2.0:User', attributes: [{name: berth}]}
";
const CONNECTOR_YAML: &str = include_str!("../../examples/quickstart/azure-connector.yaml");
const MAPPING_YAML: &str = include_str!("../../examples/quickstart/user-mapping.yaml");

async fn ready_stage(prefix: &str) -> (Stage, Kubelet) {
    let stage = Stage::set(prefix).await;
    let kubelet = Kubelet::start(
        stage.cluster.client.clone(),
        &stage.namespace,
        "contoso",
        stage.report_port,
    );
    stage.apply(TENANT).await;
    stage.apply(CONNECTOR_YAML).await;
    stage.apply(MAPPING_YAML).await;
    stage.until_ready::<ScimTenant>("contoso").await;
    stage.until_ready::<AzureConnector>(CONNECTOR).await;
    stage.until_ready::<UserMapping>("contoso-people").await;
    assert!(!stage.requests().is_empty(), "no audit log of the operator");
    (stage, kubelet)
}

/// Status of `GET /Users` with a password.
async fn try_password(port: u16, password: &str) -> u16 {
    workload_server::client()
        .get(format!("http://127.0.0.1:{port}/scim/v2/Users"))
        .bearer_auth(password)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn create_person(port: u16, password: &str, name: &str) {
    let person =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
    let answer = workload_server::client()
        .post(format!("http://127.0.0.1:{port}/scim/v2/Users"))
        .bearer_auth(password)
        .header("content-type", "application/scim+json")
        .body(person.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_objects_become_a_directory_that_entra_fills() {
    let (stage, kubelet) = ready_stage("story").await;
    let password = stage.secret_value(SECRET, "password").await;
    let url = stage.secret_value(SECRET, "url").await;
    assert_eq!(url, format!("https://{}/scim/v2", stage.host()));
    assert_eq!(stage.secret_value(SECRET, "username").await, CONNECTOR);

    let base = format!("http://127.0.0.1:{}/scim/v2", kubelet.port);
    let mut player = Player::new(&base, &password, "202611240002");
    let http = workload_server::client();
    while let Some(request) = player.next_request() {
        let answer = workload_server::exchange(&http, &base, request).await;
        player.check(&answer).unwrap();
    }
    create_person(kubelet.port, &password, "ada@contoso.example").await;

    eventually("the counts arrive in status", async || {
        let tenant = stage.api::<ScimTenant>().get("contoso").await.unwrap();
        tenant
            .status
            .filter(|it| it.users == Some(1) && it.active_users == Some(1))
    })
    .await;
    let status = eventually("the cycle arrives in status", async || {
        let connector = stage.api::<AzureConnector>().get(CONNECTOR).await.unwrap();
        let status = connector.status.unwrap();
        let sync = status.last_sync.as_ref()?;
        (sync.requests > 100 && sync.failed > 0 && status.checklist.iter().all(|it| it.done))
            .then_some(status)
    })
    .await;
    assert!(status.last_error.is_some(), "some exchanges are refused");
    assert!(status.credentials[0].last_used_from.is_some());

    eventually("the table holds what the status holds", async || {
        let connector = stage.api::<AzureConnector>().get(CONNECTOR).await.unwrap();
        let summary = connector.status?.last_error?.summary;
        let arguments = ["get", "connectors", "-n", &stage.namespace];
        let table = stage.cluster.kubectl(&arguments).await.unwrap();
        for word in [
            "READY",
            "HOST",
            "LAST SYNC",
            "LAST ERROR",
            "ATTRIBUTES",
            "AGE",
        ] {
            assert!(table.contains(word), "{word} is not in\n{table}");
        }
        (table.contains(&stage.host()) && table.contains(&summary)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_mapping_is_held_against_the_directory_until_it_is_confirmed() {
    let (stage, kubelet) = ready_stage("mapping").await;
    let password = stage.secret_value(SECRET, "password").await;
    for name in ["ana@contoso.example", "bo@contoso.example"] {
        create_person(kubelet.port, &password, name).await;
    }
    let brake = "deprovisioning: {brake: {deactivations: 1}}\n  schema:";
    stage.apply(&TENANT.replace("schema:", brake)).await;
    let line = "attributes:\n      - {target: active, constant: 'False'}\n";
    let worse = MAPPING_YAML.replacen("attributes:\n", line, 1);
    let worse = worse.replacen("spec:\n", "spec:\n  preview: {names: 10}\n", 1);

    stage.apply(&worse).await;

    let held = ("False", "MappingHeld");
    let said = stage
        .until::<UserMapping>("contoso-people", "InForce", held)
        .await;
    assert!(said.starts_with("would disable 2 people"), "{said}");
    stage.until_ready::<UserMapping>("contoso-people").await;
    let mapping = stage.api::<UserMapping>().get("contoso-people").await;
    let preview = mapping.unwrap().status.unwrap().preview.unwrap();
    assert_eq!(
        preview.names.disabled,
        ["ana@contoso.example", "bo@contoso.example"]
    );
    let events = ["get", "events", "-n", &stage.namespace, "-o", "wide"];
    eventually("an event says so", async || {
        let events = stage.cluster.kubectl(&events).await.unwrap();
        events.contains("MappingHeld").then_some(())
    })
    .await;

    let kept = "contoso-people-mapping";
    let delete = ["delete", "secret", kept, "-n", &stage.namespace];
    stage.cluster.kubectl(&delete).await.unwrap();
    eventually("what was in force is missed", async || {
        let said = stage.until::<UserMapping>("contoso-people", "InForce", held);
        let said = said.await;
        said.starts_with(&format!("Secret {kept} with the mapping of generation 1"))
            .then_some(())
    })
    .await;

    let confirm = json!({"spec": {"confirm": preview.digest}});
    stage.change::<UserMapping>("contoso-people", confirm).await;
    let in_force = ("True", "Reconciled");
    stage
        .until::<UserMapping>("contoso-people", "InForce", in_force)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_credential_secret_that_is_deleted_or_edited_is_healed_and_said_how() {
    let (stage, kubelet) = ready_stage("heal").await;
    let first = stage.secret_value(SECRET, "password").await;

    // At rest, so that neither the deletion nor the edit meets a write that is under way.
    stage.until_quiet().await;
    let secrets = stage.api::<Secret>();
    secrets
        .delete(SECRET, &DeleteParams::default())
        .await
        .unwrap();
    let second = eventually("a new password is accepted", async || {
        let secret = secrets.get_opt(SECRET).await.unwrap()?;
        let password = String::from_utf8(secret.data?["password"].0.clone()).unwrap();
        (try_password(kubelet.port, &password).await == 200).then_some(password)
    })
    .await;
    assert_ne!(second, first);
    assert_eq!(
        try_password(kubelet.port, &first).await,
        200,
        "until the new one is pasted"
    );
    let accepted = ("True", "CredentialAccepted");
    let said = stage
        .until::<AzureConnector>(CONNECTOR, "CredentialsCurrent", accepted)
        .await;
    assert!(said.contains("deleted") && said.contains("paste"), "{said}");

    stage.until_quiet().await;
    let typed = json!({"data": {"password": ByteString(b"hunter2".to_vec())}});
    stage.change::<Secret>(SECRET, typed).await;
    let third = eventually("the typed password is replaced", async || {
        let password = stage.secret_value(SECRET, "password").await;
        let good = password != second && try_password(kubelet.port, &password).await == 200;
        good.then_some(password)
    })
    .await;
    // Those that were tried before they were good count as unknown ones, of which an address has so many a minute.
    assert!([401, 429].contains(&try_password(kubelet.port, "hunter2").await));
    assert_eq!(try_password(kubelet.port, &second).await, 200);
    let said = eventually("the status says what happened", async || {
        let connector = stage.api::<AzureConnector>().get(CONNECTOR).await.unwrap();
        let conditions = connector.status?.conditions;
        let found = conditions
            .iter()
            .find(|it| it.type_ == "CredentialsCurrent")?;
        found
            .message
            .contains("changed in the Secret")
            .then(|| found.message.clone())
    })
    .await;
    assert!(said.contains("paste"), "{said}");

    let wrong = json!({"data": {"url": ByteString(b"https://elsewhere".to_vec())}});
    stage.change::<Secret>(SECRET, wrong).await;
    eventually("the url is restored", async || {
        (stage
            .secret_value(SECRET, "url")
            .await
            .contains(&stage.host()))
        .then_some(())
    })
    .await;
    assert_eq!(
        stage.secret_value(SECRET, "password").await,
        third,
        "and nothing else changes"
    );
    eventually("an event says what happened each time", async || {
        let events = ["get", "events", "-n", &stage.namespace];
        let events = stage.cluster.kubectl(&events).await.unwrap();
        let told = [
            "was deleted, so it was made again",
            "was changed by somebody else, so a new one was made",
        ];
        told.iter().all(|it| events.contains(it)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn people_survive_suspension_deletion_and_a_new_beginning() {
    let (stage, kubelet) = ready_stage("retain").await;
    let password = stage.secret_value(SECRET, "password").await;
    create_person(kubelet.port, &password, "ada@contoso.example").await;

    let begun = Instant::now();
    let change = json!({"spec": {"schema": {"userTypes": ["Premium", "Standard"]}}});
    stage.change::<ScimTenant>("contoso", change).await;
    stage.until_ready::<ScimTenant>("contoso").await;
    eprintln!("one spec change to Ready: {:?}", begun.elapsed());

    stage
        .change::<AzureConnector>(CONNECTOR, json!({"spec": {"suspend": true}}))
        .await;
    stage
        .until::<AzureConnector>(CONNECTOR, "Ready", ("Unknown", "Suspended"))
        .await;
    let secrets = stage.api::<Secret>();
    secrets
        .delete(SECRET, &DeleteParams::default())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        secrets.get_opt(SECRET).await.unwrap().is_none(),
        "nothing is healed"
    );
    assert_eq!(
        try_password(kubelet.port, &password).await,
        200,
        "what runs keeps running"
    );
    stage
        .change::<AzureConnector>(CONNECTOR, json!({"spec": {"suspend": false}}))
        .await;
    stage.until_ready::<AzureConnector>(CONNECTOR).await;
    stage.secret(SECRET).await;

    let deletion = DeleteParams::default();
    stage
        .api::<ScimTenant>()
        .delete("contoso", &deletion)
        .await
        .unwrap();
    stage
        .api::<AzureConnector>()
        .delete(CONNECTOR, &deletion)
        .await
        .unwrap();
    stage.collect_garbage().await;
    let claims = stage.api::<PersistentVolumeClaim>();
    assert!(
        claims.get_opt("contoso-data").await.unwrap().is_some(),
        "the people stay"
    );
    stage
        .until::<UserMapping>("contoso-people", "Ready", ("False", "ReferenceNotFound"))
        .await;

    stage.apply(TENANT).await;
    stage.apply(CONNECTOR_YAML).await;
    stage.until_ready::<ScimTenant>("contoso").await;
    stage.until_ready::<AzureConnector>(CONNECTOR).await;
    let new = stage.secret_value(SECRET, "password").await;
    assert_eq!(try_password(kubelet.port, &new).await, 200);
    assert_eq!(
        try_password(kubelet.port, &password).await,
        401,
        "of the connector before"
    );
    eventually("the people are found again", async || {
        let tenant = stage.api::<ScimTenant>().get("contoso").await.unwrap();
        tenant.status.filter(|it| it.users == Some(1))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_world_is_left_alone_and_foreign_edits_are_undone() {
    let (stage, _kubelet) = ready_stage("quiet").await;
    stage.until_quiet().await;
    let before = stage.writes();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        stage.writes()[before.len()..],
        [],
        "an idle operator writes nothing"
    );

    let foreign = json!({"spec": {"selector": {"app.kubernetes.io/instance": "other"}, "sessionAffinity": "ClientIP"}});
    let services = stage.api::<k8s_openapi::api::core::v1::Service>();
    services
        .patch("contoso", &PatchParams::default(), &Patch::Merge(foreign))
        .await
        .unwrap();
    eventually("the owned field is restored", async || {
        let spec = services.get("contoso").await.unwrap().spec.unwrap();
        (spec.selector.unwrap()["app.kubernetes.io/instance"] == "contoso").then_some(())
    })
    .await;
    let spec = services.get("contoso").await.unwrap().spec.unwrap();
    assert_eq!(
        spec.session_affinity.as_deref(),
        Some("ClientIP"),
        "others' fields stay"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_are_those_that_are_used() {
    let (mut stage, _kubelet) = ready_stage("rights").await;
    // Watched from the start; a kind that comes later is asked for now and then.
    stage.stop().await;
    stage.cluster.install_crds(&[gateway_crd()]).await;
    stage.start();
    let exposure = |way: Value| json!({"spec": {"exposure": way}});
    let ingress = exposure(json!({"ingress": {"className": "nginx"}}));
    let gateway =
        exposure(json!({"ingress": null, "gateway": {"parentRefs": [{"name": "public"}]}}));
    for change in [ingress, gateway, exposure(json!(null))] {
        stage.change::<ScimTenant>("contoso", change).await;
        stage.until_ready::<ScimTenant>("contoso").await;
        // What is there is seen by a watch, and what is not wished any more goes.
        stage.until_quiet().await;
    }
    for kind in [
        usher::plan::ChildKind::Ingress,
        usher::plan::ChildKind::HttpRoute,
    ] {
        let left = stage
            .children(kind)
            .list(&kube::api::ListParams::default())
            .await
            .unwrap();
        assert!(left.items.is_empty(), "{kind} stays");
    }
    several_pods_and_one(&stage).await;
    let secrets = stage.api::<Secret>();
    for _ in 0..2 {
        // The second event of a kind is counted on the first.
        stage.until_quiet().await;
        secrets
            .delete(SECRET, &DeleteParams::default())
            .await
            .unwrap();
        stage.secret(SECRET).await;
        stage.until_ready::<AzureConnector>(CONNECTOR).await;
    }
    let rename = json!({"spec": {"scim": {"credential": {"secretName": "pasted"}}}});
    stage.change::<AzureConnector>(CONNECTOR, rename).await;
    stage.until_ready::<AzureConnector>(CONNECTOR).await;
    eventually("the old name goes", async || {
        secrets
            .get_opt(SECRET)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;

    let mut unused = unused_rights(&stage);
    let patience = Instant::now() + Duration::from_secs(30);
    while !unused.is_empty() && Instant::now() < patience {
        // An event is told after what it tells of.
        tokio::time::sleep(Duration::from_millis(50)).await;
        unused = unused_rights(&stage);
    }
    assert!(unused.is_empty(), "granted and never used: {unused:?}");
}

/// What the operator may do and has not done yet.
fn unused_rights(stage: &Stage) -> BTreeSet<Right> {
    let mut unused = granted_rights();
    for request in stage.requests().iter().filter(|it| it.code != 403) {
        let right = request.right();
        // An apply that makes something needs both rights.
        if request.verb == "patch" && request.code == 201 {
            unused.remove(&(right.0.clone(), right.1.clone(), "create".to_owned()));
        }
        unused.remove(&right);
    }
    unused
}

/// Several pods, which need the Secret of a database, are drained one after the other; a single one is not held.
async fn several_pods_and_one(stage: &Stage) {
    let tenant = "
apiVersion: usher.dev/v1alpha1
kind: ScimTenant
metadata: {name: several}
spec:
  host: several.id.example.com
  replicas: 2
  store: {postgres: {urlSecretRef: {name: database}}}
";
    let secret = "
apiVersion: v1
kind: Secret
metadata: {name: database}
stringData: {url: 'postgres://usher@nowhere.invalid/people'}
";
    stage.apply(tenant).await;
    let missing = ("False", "ReferenceNotFound");
    let message = stage.until::<ScimTenant>("several", "Ready", missing).await;
    assert!(message.contains("Secret database"), "{message}");
    stage.apply(secret).await;
    let budgets = stage.children(usher::plan::ChildKind::PodDisruptionBudget);
    let is_there = async || budgets.get_opt("several").await.unwrap().is_some();
    eventually("there is a budget", async || is_there().await.then_some(())).await;
    stage.until_quiet().await;
    let one = json!({"spec": {"replicas": 1}});
    stage.change::<ScimTenant>("several", one).await;
    eventually("the budget goes", async || {
        (!is_there().await).then_some(())
    })
    .await;
}

fn gateway_crd()
-> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
    serde_json::from_value(json!({
        "metadata": {
            "name": "httproutes.gateway.networking.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
        },
        "spec": {
            "group": "gateway.networking.k8s.io",
            "names": {"kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_strangers_and_riddles_are_told_apart() {
    let (stage, kubelet) = ready_stage("rivals").await;
    let password = stage.secret_value(SECRET, "password").await;

    stage
        .apply(&CONNECTOR_YAML.replace("contoso-entra", "rival"))
        .await;
    let said = stage
        .until::<AzureConnector>("rival", "Stalled", ("True", "Conflict"))
        .await;
    assert!(said.contains(CONNECTOR), "{said}");
    stage
        .apply(&MAPPING_YAML.replace("name: contoso-people", "name: more-people"))
        .await;
    stage
        .until::<UserMapping>("more-people", "Stalled", ("True", "Conflict"))
        .await;

    let stranger: Secret =
        serde_json::from_value(json!({"metadata": {"name": "taken"}, "stringData": {"a": "b"}}))
            .unwrap();
    stage
        .api::<Secret>()
        .create(&kube::api::PostParams::default(), &stranger)
        .await
        .unwrap();
    stage
        .apply(
            &CONNECTOR_YAML
                .replace("contoso-entra", "third")
                .replace("11111111", "33333333")
                .replace(
                    "scimTenantRef",
                    "scim: {credential: {secretName: taken}}\n  scimTenantRef",
                ),
        )
        .await;
    let said = stage
        .until::<AzureConnector>("third", "Stalled", ("True", "NameTaken"))
        .await;
    assert!(said.contains("Secret taken"), "{said}");
    assert!(stage.secret("taken").await.data.unwrap().contains_key("a"));

    // A time that Kubernetes takes and this program does not.
    let riddle = json!({"status": {"lastSync": {"startedAt": "9999-12-31T23:59:59Z", "requests": 0, "created": 0,
        "updated": 0, "deactivated": 0, "deleted": 0, "failed": 0}}});
    let connectors = stage.api::<AzureConnector>();
    connectors
        .patch_status("third", &PatchParams::default(), &Patch::Merge(riddle))
        .await
        .expect_err("this client does not understand the answer either");
    stage
        .change::<ScimTenant>("contoso", json!({"spec": {"schema": {"roles": ["User"]}}}))
        .await;
    stage.until_ready::<ScimTenant>("contoso").await;
    assert_eq!(
        try_password(kubelet.port, &password).await,
        200,
        "the others go on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_operator_finds_all_as_it_was_and_gives_its_lease_back() {
    let (mut stage, kubelet) = ready_stage("restart").await;
    let password = stage.secret_value(SECRET, "password").await;
    stage.until_quiet().await;

    let begun = Instant::now();
    stage.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    stage
        .change::<ScimTenant>("contoso", json!({"spec": {"schema": {"roles": ["User"]}}}))
        .await;
    let begun = Instant::now();
    stage.start();
    stage.until_ready::<ScimTenant>("contoso").await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the Lease was free at once"
    );
    stage.until_ready::<AzureConnector>(CONNECTOR).await;
    assert_eq!(stage.secret_value(SECRET, "password").await, password);
    assert_eq!(try_password(kubelet.port, &password).await, 200);

    stage.until_quiet().await;
    let before = stage.writes();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.writes()[before.len()..], []);
}

/// The program itself, beside this process.
struct Program(std::process::Child);

impl Program {
    fn start(stage: &Stage, metrics_port: u16) -> Self {
        let process = std::process::Command::new(env!("CARGO_BIN_EXE_usher"))
            .env("KUBECONFIG", &stage.cluster.kubeconfig)
            .args(["operator", "--workload-image", "usher:test"])
            .args(["--namespace", &stage.namespace])
            .args(["--watch-namespace", &stage.namespace])
            .args(["--metrics-listen", &format!("127.0.0.1:{metrics_port}")])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Self(process)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_ends_at_sigterm_and_gives_its_lease_back() {
    let mut stage = Stage::set("program").await;
    stage.stop().await;
    let port = stage::free_port();
    let mut program = Program::start(&stage, port);
    let http = workload_server::client();
    let metrics = eventually("it leads", async || {
        let answer = http
            .get(format!("http://127.0.0.1:{port}/metrics"))
            .send()
            .await
            .ok()?;
        let text = answer.text().await.ok()?;
        text.contains("usher_operator_leading 1").then_some(text)
    })
    .await;
    assert!(metrics.contains("usher_operator_queue_depth"), "{metrics}");
    for path in ["healthz", "readyz"] {
        let answer = http
            .get(format!("http://127.0.0.1:{port}/{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }

    let begun = Instant::now();
    let pid = program.0.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    let ended = eventually("the program ends", async || program.0.try_wait().unwrap()).await;
    assert!(ended.success(), "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(10));

    let leases = stage.api::<k8s_openapi::api::coordination::v1::Lease>();
    let lease = leases.get("usher-operator").await.unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_an_unwatched_deletion_is_caught_up() {
    let (mut stage, kubelet) = ready_stage("failover").await;
    let begun = Instant::now();
    stage.kill();
    stage
        .api::<Secret>()
        .delete(SECRET, &DeleteParams::default())
        .await
        .unwrap();
    stage.start();

    let secrets = stage.api::<Secret>();
    eventually("the other takes over and heals", async || {
        secrets.get_opt(SECRET).await.unwrap()
    })
    .await;

    assert!(
        begun.elapsed() < Duration::from_secs(22),
        "{:?}",
        begun.elapsed()
    );
    let password = stage.secret_value(SECRET, "password").await;
    eventually("the new password is accepted", async || {
        (try_password(kubelet.port, &password).await == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_for_a_while_ends_nothing() {
    let (mut stage, kubelet) = ready_stage("outage").await;
    let password = stage.secret_value(SECRET, "password").await;
    let line = stage::Line::lay(&stage.cluster.kubeconfig).await;
    stage.stop().await;
    stage.start_over(line.client.clone());
    stage.until_quiet().await;

    line.cut();
    let change = json!({"spec": {"schema": {"roles": ["User"]}}});
    stage.change::<ScimTenant>("contoso", change).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(
        try_password(kubelet.port, &password).await,
        200,
        "people do not notice"
    );
    let tenant = stage.api::<ScimTenant>().get("contoso").await.unwrap();
    assert_ne!(
        tenant.status.unwrap().observed_generation,
        tenant.metadata.generation
    );

    let begun = Instant::now();
    line.mend();
    stage.until_ready::<ScimTenant>("contoso").await;
    assert!(begun.elapsed() < Duration::from_secs(30));
}

/// Why a decision about a Secret is applied with its uid: the API server asks nothing of a version where nothing is left.
#[tokio::test]
async fn what_is_applied_in_the_place_of_a_deleted_secret_is_refused_by_its_uid_alone() {
    let cluster = apiserver::cluster().await;
    let namespace = cluster.namespace("gone").await;
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &namespace);
    let applied = async |metadata: Value| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
        let by = PatchParams::apply("usher");
        let applied = secrets.patch("gone", &by, &Patch::Apply(secret)).await;
        applied.map_err(|error| match error {
            kube::Error::Api(status) => status.code,
            other => panic!("{other}"),
        })
    };
    let made = applied(json!({"name": "gone"})).await.unwrap().metadata;
    let deleted = secrets.delete("gone", &DeleteParams::default()).await;
    deleted.unwrap();

    let (uid, version) = (made.uid, made.resource_version);
    let by_uid = applied(json!({"name": "gone", "uid": uid, "resourceVersion": version})).await;
    assert_eq!(by_uid.unwrap_err(), 409);
    let by_version = applied(json!({"name": "gone", "resourceVersion": version})).await;
    assert!(by_version.is_ok(), "{by_version:?}");
}
