//! Interrupts the reconcile of every kind at every call, and lets two processes work at once: the end is always the same.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use usher::api::ObjectKey;
use usher::clock::{ManualClock, SeededRandom};
use usher::config::Token;
use usher::plan::ChildKind;
use usher::plan::objects::WorkloadSettings;
use usher::reconcile::{self, Context, Settings};

use crate::model_platform::{Fault, Model};

pub(crate) const TENANT: &str = "
kind: ScimTenant
apiVersion: usher.dev/v1alpha1
metadata: {name: contoso}
spec:
  host: contoso.id.example.com
  entitlements: [EnterpriseToolkit]
  exposure: {ingress: {className: nginx}}
  store: {sqlite: {size: 1Gi}}
  schema:
    extensions: [{urn: 'urn:ietf:params:scim:schemas:extension:2.0:Metadata', open: true}]
";
pub(crate) const CONNECTOR: &str = "
kind: AzureConnector
apiVersion: usher.dev/v1alpha1
metadata: {name: entra}
spec:
  scimTenantRef: {name: contoso}
  entraTenantId: 11111111-2222-3333-4444-555555555555
";
pub(crate) const MAPPING: &str = "
kind: UserMapping
apiVersion: usher.dev/v1alpha1
metadata: {name: people}
spec:
  connectorRef: {name: entra}
  users:
    attributes:
      - {target: userName, source: userPrincipalName}
      - {target: 'urn:ietf:params:scim:schemas:extension:2.0:Metadata:costCentre', source: extensionAttribute1}
";

/// `mapping` with a line that disables everybody, and other keys than before.
pub(crate) fn disabling(mapping: &str) -> String {
    let line = "{target: active, constant: 'False'}\n      - {target: 'urn:ietf";
    mapping
        .replace("{target: 'urn:ietf", line)
        .replace("costCentre", "shoeSize")
}

/// A process: nothing of it survives an interruption.
pub(crate) fn process(model: &Arc<Model>, clock: &ManualClock, seed: u64) -> Context {
    let mut settings = Settings::new(WorkloadSettings {
        image: "usher:test".to_owned(),
        ..WorkloadSettings::default()
    });
    settings.time_limit = Duration::from_hours(1);
    let platform = Arc::clone(model);
    Context::new(
        platform,
        Arc::new(clock.clone()),
        Arc::new(SeededRandom::new(seed)),
        settings,
    )
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap())
}

/// Looks at every object once. Failures are expected: some runs are interrupted.
async fn round(context: &Context) {
    let key = |name: &str| ObjectKey::new("ns", name);
    reconcile::azure_connector(context, &key("entra"))
        .await
        .ok();
    reconcile::scim_tenant(context, &key("contoso")).await.ok();
    reconcile::user_mapping(context, &key("people")).await.ok();
    reconcile::azure_connector(context, &key("second"))
        .await
        .ok();
}

/// Looks at everything until nothing is written any more.
pub(crate) async fn settle(model: &Arc<Model>, clock: &ManualClock, seed: u64) {
    let context = process(model, clock, seed);
    for _ in 0..12 {
        let before = model.writes();
        round(&context).await;
        model.pass_time();
        clock.advance(Duration::from_secs(1));
        if model.writes() == before {
            return;
        }
    }
    panic!("still writing after 12 rounds: {}", model.snapshot());
}

pub(crate) fn begin() -> Arc<Model> {
    let model = Arc::new(Model::default());
    model.put(TENANT);
    model.put(CONNECTOR);
    model.put(MAPPING);
    model
}

/// What is done to a settled world; nothing, for the first creation.
type Deed = fn(&Model);

const DEEDS: &[(&str, Option<Deed>)] = &[
    ("create", None),
    (
        "change the tenant",
        Some(|model| {
            model.put(
                &TENANT
                    .replace("schema:", "schema:\n    userTypes: [Premium]")
                    .replace(
                        "ingress: {className: nginx}",
                        "gateway: {parentRefs: [{name: public}]}",
                    ),
            );
        }),
    ),
    (
        "change the connector",
        Some(|model| {
            model.put(
                &CONNECTOR.replace("spec:", "spec:\n  scim: {credential: {secretName: pasted}}"),
            );
        }),
    ),
    (
        "change the mapping",
        Some(|model| model.put(&MAPPING.replace("costCentre", "shoeSize"))),
    ),
    (
        "change the mapping for the worse",
        Some(|model| {
            model.provision(vec![
                json!({"userName": "ana", "active": true}),
                json!({"userName": "bo", "active": true}),
            ]);
            model.put(&TENANT.replace(
                "schema:",
                "deprovisioning: {brake: {deactivations: 1}}\n  schema:",
            ));
            model.put(&disabling(MAPPING));
        }),
    ),
    (
        "change the mapping, and lose the one in force",
        Some(|model| {
            model.put(&MAPPING.replace("costCentre", "shoeSize"));
            model.remove_child(ChildKind::Secret, "people-mapping");
        }),
    ),
    (
        "take the entitlement away",
        Some(|model| {
            model.put(&TENANT.replace("[EnterpriseToolkit]", "[]"));
        }),
    ),
    (
        "delete the credential",
        Some(|model| model.remove_child(ChildKind::Secret, "entra-scim")),
    ),
    (
        "edit the credential",
        Some(|model| {
            model.edit_child(ChildKind::Secret, "entra-scim", |it| {
                it["data"]["password"] = json!("aHVudGVyMg==");
            });
        }),
    ),
    (
        "delete the configuration",
        Some(|model| model.remove_child(ChildKind::Secret, "contoso-config")),
    ),
    (
        "delete the mapping",
        Some(|model| model.remove("UserMapping", "people")),
    ),
    (
        "delete the connector",
        Some(|model| model.remove("AzureConnector", "entra")),
    ),
    (
        "recreate the connector at once",
        Some(|model| {
            model.remove("AzureConnector", "entra");
            model.put(CONNECTOR);
        }),
    ),
    (
        "delete the tenant",
        Some(|model| model.remove("ScimTenant", "contoso")),
    ),
    (
        "recreate the tenant at once",
        Some(|model| {
            model.remove("ScimTenant", "contoso");
            model.put(TENANT);
        }),
    ),
    (
        "everything at once",
        Some(|model| {
            model.put(
                &CONNECTOR.replace("spec:", "spec:\n  scim: {credential: {secretName: pasted}}"),
            );
            model.remove_child(ChildKind::Secret, "contoso-config");
            model.put(&MAPPING.replace("costCentre", "shoeSize"));
        }),
    ),
];

/// The world after `deed`, not yet reconciled.
async fn after(deed: Option<Deed>) -> Arc<Model> {
    let model = begin();
    if let Some(deed) = deed {
        settle(&model, &clock(), 1).await;
        deed(&model);
    }
    model
}

/// I4 and I5: the password in the Secret is accepted, and every other one ends by itself.
fn check_credentials(model: &Model, case: &str) {
    let Some(config) = model.config("contoso") else {
        return;
    };
    for client in &config.scim_tenants[0].clients {
        let secret = model
            .secret_now(&format!("{}-scim", client.name))
            .or_else(|| model.secret_now("pasted"))
            .unwrap_or_else(|| panic!("{case}: {} has no Secret", client.name));
        let password = String::from_utf8(secret.data.unwrap()["password"].0.clone()).unwrap();
        let token = Token::presented(&password);
        for credential in &client.credentials {
            assert_eq!(
                credential.expires_at.is_none(),
                credential.digest.matches(&token),
                "{case}: a password without an end is not the one in the Secret"
            );
        }
        assert!(
            client
                .credentials
                .iter()
                .any(|it| it.digest.matches(&token)),
            "{case}: the password in the Secret is not accepted"
        );
    }
}

#[tokio::test]
async fn a_run_that_is_interrupted_at_any_call_ends_like_an_undisturbed_one() {
    let mut points = 0;
    for (name, deed) in DEEDS {
        let done = after(*deed).await;
        let undisturbed = Arc::new(done.fork());
        settle(&undisturbed, &clock(), 2).await;
        let expected = undisturbed.snapshot();
        check_credentials(&undisturbed, name);

        for call in 0.. {
            let mut reached = false;
            for fault in [Fault::Before(call), Fault::After(call)] {
                let case = format!("{name}, {fault:?}");
                let clock = clock();
                let model = Arc::new(done.fork());
                model.interrupt(fault);
                let context = process(&model, &clock, 3);
                round(&context).await;
                model.pass_time();
                round(&context).await;
                reached |= model.restart();
                model.pass_time();
                settle(&model, &clock, 4).await;

                check_credentials(&model, &case);
                assert_same(&expected, &model.snapshot(), &case);
                points += 1;
            }
            if !reached {
                break;
            }
        }
    }
    eprintln!("{points} interruptions");
}

#[tokio::test]
async fn two_processes_at_once_end_like_one() {
    for (name, deed) in DEEDS {
        let done = after(*deed).await;
        let undisturbed = Arc::new(done.fork());
        settle(&undisturbed, &clock(), 2).await;
        let expected = undisturbed.snapshot();

        for head_start in 0..25 {
            let clock = clock();
            let model = Arc::new(done.fork());
            let (first, second) = (process(&model, &clock, 5), process(&model, &clock, 6));
            let late = async {
                for _ in 0..head_start {
                    tokio::task::yield_now().await;
                }
                round(&second).await;
            };
            tokio::join!(round(&first), late);
            model.pass_time();
            tokio::join!(round(&first), round(&second));
            model.pass_time();
            settle(&model, &clock, 7).await;

            let case = format!("{name}, the second {head_start} calls later");
            check_credentials(&model, &case);
            assert_same(&expected, &model.snapshot(), &case);
        }
    }
}

fn assert_same(expected: &str, found: &str, case: &str) {
    if expected != found {
        let differing = expected
            .lines()
            .zip(found.lines())
            .enumerate()
            .find(|(_, (one, other))| one != other);
        panic!("{case} ends differently: {differing:#?}\n{found}");
    }
}

#[tokio::test]
async fn a_replaced_password_ends_after_a_day() {
    let (model, clock) = (begin(), clock());
    settle(&model, &clock, 1).await;
    model.remove_child(ChildKind::Secret, "entra-scim");
    settle(&model, &clock, 2).await;
    let accepted = || {
        model.config("contoso").unwrap().scim_tenants[0].clients[0]
            .credentials
            .len()
    };
    assert_eq!(accepted(), 2);

    clock.advance(Duration::from_hours(25));
    settle(&model, &clock, 3).await;

    assert_eq!(accepted(), 1);
    assert!(
        model
            .announced()
            .iter()
            .any(|it| it.contains("was deleted, so it was made again"))
    );
}

#[tokio::test]
async fn a_panic_is_told_in_the_status_and_others_go_on() {
    let (model, clock) = (begin(), clock());
    model.put(
        &CONNECTOR
            .replace("entra}", "second}")
            .replace("11111111", "22222222"),
    );
    settle(&model, &clock, 1).await;
    model.poison("second");
    model.remove_child(ChildKind::Deployment, "contoso");
    let context = process(&model, &clock, 2);

    let key = ObjectKey::new("ns", "second");
    let poisoned = reconcile::azure_connector(&context, &key).await;
    let other = reconcile::azure_connector(&context, &ObjectKey::new("ns", "entra")).await;

    assert!(poisoned.unwrap_err().to_string().contains("panicked"));
    assert!(other.is_ok());
    assert!(model.snapshot().contains("Panicked"));
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_left_alone_and_named() {
    let (model, clock) = (begin(), clock());
    model.edit_child(ChildKind::Secret, "entra-scim", |it| {
        it["data"] = json!({"mine": "eA=="});
    });

    settle(&model, &clock, 1).await;

    let secret = model.secret_now("entra-scim").unwrap();
    assert!(secret.data.unwrap().contains_key("mine"));
    let snapshot = model.snapshot();
    assert!(snapshot.contains("NameTaken") && snapshot.contains("spec.scim.credential.secretName"));
    assert!(!model.names().is_empty());
}

#[tokio::test]
async fn what_is_likely_a_mistake_in_a_mapping_is_announced_once() {
    let (model, clock) = (begin(), clock());
    settle(&model, &clock, 1).await;
    let mistaken = MAPPING.replace(
        "source: userPrincipalName}",
        "source: userPrincipalName}\n      - {target: title, source: shoeSize}",
    );
    let announced = || {
        let all = model.announced();
        let of_it = |it: &&String| it.contains("LikelyMistake") && it.contains("shoeSize");
        all.iter().filter(of_it).count()
    };
    assert_eq!(announced(), 0);

    model.put(&mistaken);
    settle(&model, &clock, 2).await;
    settle(&model, &clock, 3).await;

    assert_eq!(announced(), 1);
    let warning = "spec.users.attributes[1].source: Microsoft lists no attribute shoeSize";
    assert!(model.snapshot().contains(warning), "{}", model.snapshot());
}
