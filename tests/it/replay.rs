//! What clients sent last of people is read once more when the rules are corrected, by whoever serves then.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use usher::config::{BrakeConfig, ReplayConfig, ScimTenantConfig, SealingKey};

use crate::apiserver::eventually;
use crate::workload_server::{REPORT_TOKEN, Workload, answer, config, scim_client, scim_tenant};

const METADATA: &str = "urn:ietf:params:scim:schemas:extension:2.0:Metadata";

/// A directory whose clients' payloads are kept under this key.
struct Kept {
    key: NamedTempFile,
    workload: Workload,
}

impl Kept {
    async fn start(rules: &Value) -> Self {
        let key = NamedTempFile::new().unwrap();
        std::fs::write(&key, SealingKey::from_random([7; 32]).reveal()).unwrap();
        let keeps = |tenant: &mut ScimTenantConfig| Self::keep(&key, tenant);
        let workload = Workload::start_with(rules, keeps).await;
        Self { key, workload }
    }

    fn keep(key: &NamedTempFile, tenant: &mut ScimTenantConfig) {
        tenant.replay = Some(ReplayConfig {
            sealing_key_file: key.path().to_owned(),
        });
        tenant
            .clients
            .push(scim_client("script", "token-of-script"));
    }

    /// Serves by other rules from now on.
    async fn correct(&self, rules: &Value, change: impl FnOnce(&mut ScimTenantConfig)) {
        let folder = &self.workload.folder;
        let mut tenant = scim_tenant("contoso", "http://contoso.example", folder, rules);
        Self::keep(&self.key, &mut tenant);
        change(&mut tenant);
        let loaded = self.workload.server.reload(config(vec![tenant])).await;
        loaded.unwrap();
    }

    /// What the report says once it says `expected` of replayed, refused, ended.
    async fn until(&self, expected: (i64, i64, bool)) {
        eventually("the replay", async || {
            let report = self.workload.report().await;
            let replay = &report["scimTenants"][0]["replay"];
            let found = (&replay["replayed"], &replay["refused"], &replay["ended"]);
            (found == (&json!(expected.0), &json!(expected.1), &json!(expected.2))).then_some(())
        })
        .await;
    }

    async fn found(&self, name: &str) -> Option<Value> {
        let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
        let (_, found) = self.workload.send("GET", &path, None).await;
        found["Resources"].as_array().unwrap().first().cloned()
    }

    async fn create(&self, name: &str, more: Value) -> (u16, Value) {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        let mut body = json!({"schemas": [schema], "userName": name, "active": true});
        let more = more.as_object().cloned().unwrap();
        body.as_object_mut().unwrap().extend(more);
        self.workload.send("POST", "/Users", Some(&body)).await
    }

    async fn patch(&self, id: &str, token: &str, values: &Value) -> u16 {
        let operation = json!({"op": "replace", "value": values});
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let body = json!({"schemas": [schema], "Operations": [operation]});
        let url = format!("{}/Users/{id}", self.workload.base);
        let request = self.workload.client.patch(url).bearer_auth(token);
        answer(request.body(body.to_string())).await.0
    }
}

fn user_types(allowed: &[&str]) -> Value {
    json!({"userTypes": allowed})
}

#[tokio::test]
async fn what_was_refused_is_taken_once_the_rule_is_corrected() {
    let kept = Kept::start(&user_types(&["Premium"])).await;
    let (refused, _) = kept.create("ana", json!({"userType": "Gold"})).await;
    let (still, _) = kept.create("bo", json!({"userType": "Silver"})).await;
    let (created, cy) = kept.create("cy", json!({"userType": "Premium"})).await;
    assert_eq!((refused, still, created), (400, 400, 201));
    let id = cy["id"].as_str().unwrap();
    let gold = json!({"userType": "Gold"});
    let patched = kept.patch(id, crate::workload_server::TOKEN, &gold);
    assert_eq!(patched.await, 400);

    kept.correct(&user_types(&["Premium", "Gold"]), |_| {})
        .await;
    kept.until((2, 1, true)).await;

    assert_eq!(kept.found("ana").await.unwrap()["userType"], "Gold");
    assert_eq!(kept.found("cy").await.unwrap()["userType"], "Gold");
    assert_eq!(kept.found("bo").await, None);
    let url = kept.workload.server.report_addr().unwrap();
    let url = format!("http://{url}/audit?id={id}");
    let (_, audit) = answer(kept.workload.client.get(url).bearer_auth(REPORT_TOKEN)).await;
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["client"], &entry["credential"]),
        (&json!("entra"), &json!("replay"))
    );
}

#[tokio::test]
async fn what_nobody_read_is_read_unless_the_person_changed_since() {
    let kept = Kept::start(&json!({})).await;
    let more = json!({METADATA: {"costCentre": "4711"}, "title": "Mate"});
    for name in ["ana", "bo"] {
        let (status, person) = kept.create(name, more.clone()).await;
        assert_eq!((status, person.get(METADATA)), (201, None));
    }
    let bo = kept.found("bo").await.unwrap();
    let id = bo["id"].as_str().unwrap();
    let title = json!({"title": "Cook"});
    let patched = kept.patch(id, "token-of-script", &title);
    assert_eq!(patched.await, 200);

    let rules = json!({"extensions": [{"urn": METADATA, "open": true}]});
    kept.correct(&rules, |_| {}).await;
    kept.until((1, 0, true)).await;

    let ana = kept.found("ana").await.unwrap();
    assert_eq!(ana[METADATA], json!({"costCentre": "4711"}));
    let bo = kept.found("bo").await.unwrap();
    assert_eq!((&bo["title"], bo.get(METADATA)), (&json!("Cook"), None));
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    let kept = Kept::start(&user_types(&["Premium"])).await;
    let (refused, _) = kept.create("ana", json!({"userType": "Gold"})).await;
    assert_eq!(refused, 400);
    let Kept { key, workload } = kept;
    workload.server.shutdown().await;

    let workload = Workload::start_again(workload.folder, &user_types(&["Gold"]), |tenant| {
        Kept::keep(&key, tenant);
    })
    .await;
    let kept = Kept { key, workload };
    kept.until((1, 0, true)).await;

    assert_eq!(kept.found("ana").await.unwrap()["userType"], "Gold");
}

#[tokio::test]
async fn the_brake_is_obeyed() {
    let kept = Kept::start(&user_types(&["Premium"])).await;
    let (_, ana) = kept.create("ana", json!({})).await;
    let id = ana["id"].as_str().unwrap();
    let leaving = json!({"userType": "Gold", "active": false});
    let patched = kept.patch(id, crate::workload_server::TOKEN, &leaving);
    assert_eq!(patched.await, 400);

    kept.correct(&user_types(&["Gold"]), |tenant| {
        tenant.policy.brake = Some(BrakeConfig {
            deactivations: 0,
            deletions: 0,
            membership_removals: 0,
            per_minutes: 60,
            open_until: None,
        });
    })
    .await;
    kept.until((0, 0, false)).await;

    assert_eq!(kept.found("ana").await.unwrap()["active"], true);
}
