//! What the planners decide, reject and say, without any platform.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod applications;
mod clients;
mod mapping;
mod oauth;
mod sign_in;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use usher::api::conditions::Reason;
use usher::api::scim_tenant::{PostgresStore, ScimTenantStatus};
use usher::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use usher::config::report::{
    ClientReport, Cycle, Evidence, HeldRemovals, RefusedRequest, ScimTenantReport, StoreFault,
};
use usher::config::{Report, ScimTenantName, StoreConfig, Token, WorkloadConfig};
use usher::plan::applications::ApplicationsObserved;
use usher::plan::objects::{self, WorkloadSettings};
use usher::plan::scim_client::ClientsObserved;
use usher::plan::status::{ConnectorFacts, TenantFacts};
use usher::plan::workload_config::ConnectorObserved;
use usher::plan::{
    self, Child, ClientSecretFiles, ReferencedSecret, Rejection, Remedy, Site, Step, Verdict,
    WorkloadState, azure_connector, scim_tenant, user_mapping,
};

fn object<K: DeserializeOwned>(yaml: &str) -> K {
    let mut value: Value = serde_yaml::from_str(yaml).unwrap();
    let meta = value["metadata"].as_object_mut().unwrap();
    let name = meta["name"].as_str().unwrap().to_owned();
    meta.insert("namespace".to_owned(), json!("identity"));
    meta.insert("uid".to_owned(), json!(format!("uid-of-{name}")));
    meta.insert("generation".to_owned(), json!(1));
    meta.entry("creationTimestamp")
        .or_insert_with(|| json!("2026-01-01T00:00:00Z"));
    serde_json::from_value(value).unwrap()
}

pub(crate) fn tenant(extra: &str) -> ScimTenant {
    object(&format!(
        "
apiVersion: usher.dev/v1alpha1
kind: ScimTenant
metadata: {{name: contoso}}
spec:
  host: contoso.id.example.com
  entitlements: [EnterpriseToolkit]
  store: {{sqlite: {{size: 1Gi}}}}
{extra}"
    ))
}

fn connector(name: &str, created: &str, extra: &str) -> AzureConnector {
    object(&format!(
        "
apiVersion: usher.dev/v1alpha1
kind: AzureConnector
metadata: {{name: {name}, creationTimestamp: {created}}}
spec:
  scimTenantRef: {{name: contoso}}
  entraTenantId: 11111111-2222-3333-4444-555555555555
{extra}"
    ))
}

fn people(lines: &str) -> UserMapping {
    object(&format!(
        "
apiVersion: usher.dev/v1alpha1
kind: UserMapping
metadata: {{name: people}}
spec:
  connectorRef: {{name: entra}}
  users:
    attributes:
{lines}"
    ))
}

const OLD: &str = "'2026-01-01T00:00:00Z'";
const NEW: &str = "'2026-01-02T00:00:00Z'";

fn now() -> Timestamp {
    "2026-02-01T00:00:00Z".parse().unwrap()
}

fn site() -> Site {
    Site {
        public_url: "https://contoso.id.example.com".parse().unwrap(),
        store: StoreConfig::Sqlite {
            path: "directory.db".into(),
        },
        client_secrets: ClientSecretFiles::Mounted,
    }
}

pub(crate) fn seen(tenant: &ScimTenant) -> scim_tenant::Observed {
    scim_tenant::Observed {
        settings: WorkloadSettings {
            image: "usher:1".to_owned(),
            operator_namespace: Some("usher-system".to_owned()),
            ..WorkloadSettings::default()
        },
        site: site(),
        scim_tenants: vec![Arc::new(tenant.clone())],
        connectors: Vec::new(),
        clients: ClientsObserved::default(),
        applications: ApplicationsObserved::default(),
        fresh_sealing_key: None,
        namespace_connectors: Vec::new(),
        unreadable: Vec::new(),
        mappings: Vec::new(),
        mappings_are_lost: false,
        config: None,
        database: ReferencedSecret::NotLookedAt,
        optional: Vec::new(),
        fresh_token: Token::from_random([1; 32]),
        now: now(),
    }
}

fn yaml(value: &impl serde::Serialize) -> String {
    serde_yaml::to_string(value).unwrap()
}

fn summary(steps: &[Step]) -> String {
    let lines = steps.iter().map(|step| match step {
        Step::Apply(child) => format!("apply {}", child.key()),
        Step::Create(secret) => {
            format!("create Secret {}", secret.metadata.name.as_deref().unwrap())
        }
        Step::Delete { child, .. } => format!("delete {child}"),
        Step::Announce(it) => format!("announce {:?} {}", it.type_, it.note),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn pods(extra: &str) -> Deployment {
    let tenant = tenant(extra);
    let plan = scim_tenant(&tenant, &seen(&tenant)).unwrap();
    let found = plan.steps.into_iter().find_map(|step| match step {
        Step::Apply(Child::Deployment(it)) => Some(*it),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_new_tenant_gets_its_children_in_the_order_of_need() {
    let tenant = tenant("  exposure: {ingress: {className: nginx, tlsSecretName: contoso-tls}}");

    let plan = scim_tenant(&tenant, &seen(&tenant)).unwrap();

    insta::assert_snapshot!(summary(&plan.steps), @r"
    apply ServiceAccount contoso
    create Secret contoso-config
    apply Service contoso
    apply Service contoso-report
    apply NetworkPolicy contoso
    apply Deployment contoso
    apply PersistentVolumeClaim contoso-data
    apply Ingress contoso
    ");
}

#[test]
fn a_way_in_that_is_turned_off_goes() {
    let tenant = tenant("  exposure: {gateway: {parentRefs: [{name: public}]}}");
    let mut observed = seen(&tenant);
    let ingress = plan::ChildKey::new(plan::ChildKind::Ingress, "identity", "contoso");
    observed.optional = vec![(ingress, "uid-1".to_owned())];

    let plan = scim_tenant(&tenant, &observed).unwrap();

    let steps = summary(&plan.steps);
    assert!(
        steps.ends_with("apply HTTPRoute contoso\ndelete Ingress contoso"),
        "{steps}"
    );
}

#[test]
fn the_pods_fit_the_restricted_standard() {
    let pod = pods("").spec.unwrap().template.spec.unwrap();

    insta::assert_snapshot!("pod", yaml(&pod));
}

#[test]
fn settings_of_the_pods_reach_them() {
    let deployment = pods(
        "
  tls: {secretName: own-tls}
  podTemplate:
    nodeSelector: {disk: fast}
    tolerations: [{key: dedicated, operator: Exists}]
    resources: {requests: {cpu: '1'}}
    affinity: {podAntiAffinity: {}}",
    );

    let pod = deployment.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.node_selector.unwrap()["disk"], "fast");
    assert_eq!(
        pod.tolerations.unwrap()[0].key.as_deref(),
        Some("dedicated")
    );
    let affinity = pod.affinity.unwrap();
    assert!(affinity.pod_anti_affinity.is_some());
    assert!(
        affinity.pod_affinity.is_some(),
        "a pod and its successor share a node"
    );
    let container = &pod.containers[0];
    assert_eq!(
        container
            .resources
            .as_ref()
            .unwrap()
            .requests
            .as_ref()
            .unwrap()["cpu"]
            .0,
        "1"
    );
    let arguments = container.args.as_ref().unwrap().join(" ");
    assert!(arguments.contains("--listen 0.0.0.0:8443"), "{arguments}");
    assert!(
        arguments.contains("--tls-cert /etc/usher-tls/tls.crt"),
        "{arguments}"
    );
}

#[test]
fn the_claim_stays_with_retain_and_goes_with_delete() {
    for (policy, owned) in [("Retain", false), ("Delete", true)] {
        let tenant = tenant(&format!("  deletionPolicy: {policy}"));
        let plan = scim_tenant(&tenant, &seen(&tenant)).unwrap();
        let claim = plan.steps.iter().find_map(|step| match step {
            Step::Apply(Child::PersistentVolumeClaim(it)) => Some(it),
            _ => None,
        });
        let references = claim.unwrap().metadata.owner_references.as_ref();
        assert_eq!(references.is_some(), owned, "{policy}");
    }
}

#[test]
fn the_older_of_two_tenants_keeps_a_host() {
    let mut younger = tenant("");
    younger.metadata.name = Some("copy".to_owned());
    younger.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap());
    let older = tenant("");
    let mut observed = seen(&older);
    observed.scim_tenants.push(Arc::new(younger.clone()));

    assert!(scim_tenant(&older, &observed).is_ok());
    let rejection = scim_tenant(&younger, &observed).unwrap_err();
    insta::assert_snapshot!(rejection, @"host contoso.id.example.com is already claimed by the older ScimTenant contoso, which keeps working; change one of them or delete it");
}

#[test]
fn rules_and_affinity_that_cannot_work_are_named() {
    let cases = [
        ("  schema: {required: [shoeSize]}", "spec.schema"),
        (
            "  podTemplate: {affinity: {nodeAffinity: 3}}",
            "spec.podTemplate.affinity",
        ),
    ];
    for (extra, field) in cases {
        let tenant = tenant(extra);
        let rejection = scim_tenant(&tenant, &seen(&tenant)).unwrap_err();
        assert_eq!(rejection.reason(), Reason::Invalid, "{extra}");
        assert!(rejection.to_string().starts_with(field), "{rejection}");
    }
}

fn observed_connector(
    others: &[AzureConnector],
    tenant: Option<ScimTenant>,
) -> azure_connector::Observed {
    azure_connector::Observed {
        scim_tenant: tenant.map(|it| (Arc::new(it), site())),
        namespace_connectors: others.iter().cloned().map(Arc::new).collect(),
        secret: None,
        renamed: Vec::new(),
        client: None,
        client_secret: ReferencedSecret::NotLookedAt,
        fresh_token: Token::from_random([2; 32]),
        now: now(),
    }
}

/// The Secret that a plan creates, as it is read back at version 7.
fn created(steps: &[Step]) -> Secret {
    let mut secret = steps
        .iter()
        .find_map(|step| match step {
            Step::Create(secret) => Some(secret.as_ref().clone()),
            Step::Apply(_) | Step::Delete { .. } | Step::Announce(_) => None,
        })
        .unwrap();
    secret.metadata.uid = Some("uid-of-secret".to_owned());
    secret.metadata.resource_version = Some("7".to_owned());
    secret
}

/// The Secret that a plan applies.
fn applied(steps: &[Step]) -> Secret {
    let found = steps.iter().find_map(|step| match step {
        Step::Apply(Child::Secret(secret)) => Some(secret.as_ref().clone()),
        Step::Apply(_) | Step::Create(_) | Step::Delete { .. } | Step::Announce(_) => None,
    });
    found.unwrap()
}

/// It is refused where the Secret was changed or deleted since it was read.
fn assert_pinned(secret: &Secret) {
    assert_eq!(secret.metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(secret.metadata.uid.as_deref(), Some("uid-of-secret"));
}

#[test]
fn a_sound_password_is_kept_only_in_the_secret_that_was_read() {
    let entra = connector("entra", OLD, "");
    let mut observed = observed_connector(std::slice::from_ref(&entra), Some(tenant("")));
    observed.secret = Some(created(&azure_connector(&entra, &observed).unwrap().steps));

    assert_pinned(&applied(&azure_connector(&entra, &observed).unwrap().steps));
}

#[test]
fn an_edited_password_is_replaced_only_in_the_version_that_was_read() {
    let entra = connector("entra", OLD, "");
    let mut observed = observed_connector(std::slice::from_ref(&entra), Some(tenant("")));
    let mut secret = created(&azure_connector(&entra, &observed).unwrap().steps);
    let typed = ByteString(b"typed by somebody".to_vec());
    secret
        .data
        .as_mut()
        .unwrap()
        .insert("password".to_owned(), typed.clone());
    observed.secret = Some(secret);

    let healed = applied(&azure_connector(&entra, &observed).unwrap().steps);

    assert_pinned(&healed);
    assert_ne!(healed.data.unwrap()["password"], typed);
}

/// A `ScimTenant` whose document knows the connector `entra`, and what is observed of it.
fn configured() -> (ScimTenant, scim_tenant::Observed) {
    let (tenant, entra) = (tenant(""), connector("entra", OLD, ""));
    let around = observed_connector(std::slice::from_ref(&entra), Some(tenant.clone()));
    let secret = created(&azure_connector(&entra, &around).unwrap().steps);
    let mut observed = seen(&tenant);
    observed.namespace_connectors = vec![Arc::new(entra.clone())];
    observed.connectors = vec![ConnectorObserved {
        connector: Arc::new(entra),
        secret: Some(secret),
    }];
    observed.config = Some(created(&scim_tenant(&tenant, &observed).unwrap().steps));
    (tenant, observed)
}

#[test]
fn a_document_is_continued_only_in_the_version_that_was_read() {
    let (tenant, observed) = configured();

    let config = applied(&scim_tenant(&tenant, &observed).unwrap().steps);

    assert_pinned(&config);
}

#[test]
fn a_connector_that_cannot_be_read_keeps_its_credentials_and_a_deleted_one_does_not() {
    let (tenant, mut observed) = configured();
    observed.connectors.clear();
    observed.namespace_connectors.clear();
    let clients = |observed: &scim_tenant::Observed| {
        let config = applied(&scim_tenant(&tenant, observed).unwrap().steps);
        let document = String::from_utf8(config.data.unwrap()["config.json"].0.clone()).unwrap();
        WorkloadConfig::parse(&document).unwrap().scim_tenants[0]
            .clients
            .iter()
            .map(|it| (it.name.clone(), it.credentials.len()))
            .collect::<Vec<_>>()
    };

    assert_eq!(clients(&observed), []);
    observed.unreadable = vec!["entra".to_owned()];
    assert_eq!(clients(&observed), [("entra".to_owned(), 1)]);
}

#[test]
fn a_connector_is_rejected_with_what_to_do() {
    let (old, new) = (connector("entra", OLD, ""), connector("second", NEW, ""));
    let both = [old.clone(), new.clone()];
    let check = |connector: &AzureConnector, observed: &azure_connector::Observed| {
        azure_connector(connector, observed).map_or_else(
            |it| format!("{:?}: {it}", it.reason()),
            |plan| summary(&plan.steps),
        )
    };

    insta::assert_snapshot!(check(&old, &observed_connector(&both, Some(tenant("")))), @r"
    create Secret entra-scim
    announce Normal made Secret entra-scim with the values to paste into Entra
    ");
    insta::assert_snapshot!(check(&new, &observed_connector(&both, Some(tenant("")))), @"Conflict: Entra tenant 11111111-2222-3333-4444-555555555555 in ScimTenant contoso is already claimed by the older AzureConnector entra, which keeps working; change one of them or delete it");
    insta::assert_snapshot!(check(&old, &observed_connector(&both, None)), @"ReferenceNotFound: ScimTenant contoso, named in spec.scimTenantRef, does not exist in this namespace; create it");
    let mut poor = tenant("");
    poor.spec.entitlements.clear();
    insta::assert_snapshot!(check(&old, &observed_connector(&both, Some(poor))), @"EntitlementMissing: ScimTenant contoso lacks the entitlement EnterpriseToolkit, so requests of this connector are refused; add it to spec.entitlements of the ScimTenant");
}

#[test]
fn a_mapping_without_its_connector_waits_and_a_second_one_is_refused() {
    let mapping = people("      - {target: userName, source: userPrincipalName}");
    let mut observed = user_mapping::Observed {
        connector: None,
        scim_tenant: None,
        mappings: vec![Arc::new(mapping.clone())],
    };
    let missing = user_mapping(&mapping, &observed).unwrap_err();
    assert_eq!(missing.reason(), Reason::ReferenceNotFound);
    assert!(!missing.needs_edit());

    let mut second = mapping.clone();
    second.metadata.name = Some("second".to_owned());
    second.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap());
    observed.mappings.push(Arc::new(second.clone()));
    let refused = user_mapping(&second, &observed).unwrap_err();
    assert_eq!(refused.reason(), Reason::Conflict);
}

fn conditions(verdict: &Verdict) -> String {
    let lines = verdict.findings().into_iter().map(|it| {
        format!(
            "{}={} {}: {}",
            it.type_,
            it.status.as_str(),
            it.reason.as_str(),
            it.message
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_verdict_becomes_conditions_by_kstatus() {
    let done = Verdict::Done {
        message: "serves contoso".to_owned(),
    };
    insta::assert_snapshot!(conditions(&done), @"Ready=True Reconciled: serves contoso");
    let waiting = Verdict::Waiting {
        reason: Reason::WorkloadStarting,
        message: "the pods are starting".to_owned(),
    };
    insta::assert_snapshot!(conditions(&waiting), @r"
    Ready=False WorkloadStarting: the pods are starting
    Reconciling=True WorkloadStarting: the pods are starting
    ");
    insta::assert_snapshot!(conditions(&Verdict::Suspended), @"Ready=Unknown Suspended: spec.suspend is true: nothing is changed or healed; set it to false to go on");
    let rejected = Verdict::Rejected(Rejection::Invalid {
        field: "spec.host".to_owned(),
        problem: "is taken".to_owned(),
    });
    insta::assert_snapshot!(conditions(&rejected), @r"
    Ready=False Invalid: spec.host: is taken
    Stalled=True Invalid: spec.host: is taken
    ");
    for (remedy, expected) in [
        (Remedy::Retry, "Ready=Unknown"),
        (Remedy::Person, "Ready=False"),
    ] {
        let failed = Verdict::Failed {
            reason: Reason::PlatformFailed,
            message: "no".to_owned(),
            remedy,
        };
        assert!(conditions(&failed).starts_with(expected));
    }
}

#[test]
fn the_progress_of_a_tenant_follows_its_pods_and_their_report() {
    let tenant = tenant("");
    let report = |digest: &str, error: Option<&str>| Report {
        config_digest: digest.to_owned(),
        config_error: error.map(str::to_owned),
        scim_tenants: Vec::new(),
    };
    let rolling = WorkloadState::Rolling {
        message: "no node takes the pod".to_owned(),
        serving: true,
    };
    let available = WorkloadState::Available;
    let progress = |state: &WorkloadState, report: Option<&Report>| {
        let verdict = scim_tenant::progress(&tenant, "new", state, report);
        verdict.findings()[0].reason
    };

    assert_eq!(
        progress(&WorkloadState::Absent, None),
        Reason::WorkloadStarting
    );
    assert_eq!(progress(&rolling, None), Reason::WorkloadStarting);
    assert_eq!(progress(&available, None), Reason::ReportUnavailable);
    assert_eq!(
        progress(&available, Some(&report("old", None))),
        Reason::ConfigurationPending
    );
    assert_eq!(
        progress(&available, Some(&report("old", Some("bad")))),
        Reason::ConfigurationPending
    );
    assert_eq!(
        progress(&available, Some(&report("new", None))),
        Reason::Reconciled
    );
}

#[test]
fn a_full_volume_is_told_with_what_to_do_and_the_people_are_kept_in_count() {
    let tenant = tenant("");
    let facts = TenantFacts {
        workload: Some(WorkloadState::Available),
        accepted: None,
        report: Some(Report {
            config_digest: "new".to_owned(),
            scim_tenants: vec![ScimTenantReport {
                name: ScimTenantName("identity/contoso".to_owned()),
                users: 50,
                active_users: 49,
                groups: 6,
                store_fault: Some(StoreFault::Full),
                held: None,
                replay: None,
                missing_break_glass: Vec::new(),
                email_trouble: None,
                store_unavailable: None,
                clients: Vec::new(),
            }],
            ..Report::default()
        }),
    };

    let verdict = scim_tenant::progress(
        &tenant,
        "new",
        &WorkloadState::Available,
        facts.report.as_ref(),
    );
    let status = plan::scim_tenant_status(&tenant, &site(), &verdict, Some(&facts), now());

    assert_eq!(status.users, Some(50));
    for condition in ["Ready", "Serving"] {
        let found = status.conditions.iter().find(|it| it.type_ == condition);
        let found = found.expect("the condition");
        assert_eq!(
            (found.status.as_str(), found.reason.as_str()),
            ("False", "StoreReadOnly"),
            "{condition}"
        );
        assert!(
            found.message.contains("enlarge spec.store.sqlite.size"),
            "{}",
            found.message
        );
    }
}

#[test]
fn what_the_brake_holds_is_told_with_the_edit_that_lets_it_go() {
    let tenant = tenant("");
    let done = Verdict::Done {
        message: "serves".to_owned(),
    };
    let facts = |held| TenantFacts {
        accepted: None,
        workload: Some(WorkloadState::Available),
        report: Some(Report {
            scim_tenants: vec![ScimTenantReport {
                name: ScimTenantName("identity/contoso".to_owned()),
                users: 50,
                active_users: 49,
                groups: 6,
                store_fault: None,
                held,
                replay: None,
                missing_break_glass: vec!["admin@contoso.example".to_owned()],
                email_trouble: None,
                store_unavailable: None,
                clients: Vec::new(),
            }],
            ..Report::default()
        }),
    };
    let held = HeldRemovals {
        since: "2026-01-31T10:00:00Z".parse().unwrap(),
        deactivations: 700,
        deletions: 0,
        membership_removals: 9000,
        examples: vec!["a".to_owned()],
    };

    let status =
        |held| plan::scim_tenant_status(&tenant, &site(), &done, Some(&facts(held)), now());

    let told = |status: &ScimTenantStatus| {
        let found = status
            .conditions
            .iter()
            .find(|it| it.type_ == "Deprovisioning");
        let found = found.expect("the condition");
        (
            found.status.clone(),
            found.reason.clone(),
            found.message.clone(),
        )
    };
    let (status, reason, message) = {
        let status = status(Some(held));
        assert_eq!(status.held.as_ref().map(|it| it.deactivations), Some(700));
        assert_eq!(status.missing_break_glass, ["admin@contoso.example"]);
        told(&status)
    };
    assert_eq!((&*status, &*reason), ("False", "RemovalsHeld"));
    assert_eq!(
        message,
        "the brake holds deactivations (more than 500 in 1h), removals of members (more than 5000 in 1h); see status.held. If they are meant, set spec.deprovisioning.brake.openUntil to a time behind Entra's next cycle, such as an hour from now; if not, correct the scope or the group in Entra, then set openUntil to the present"
    );
    let free = plan::scim_tenant_status(&tenant, &site(), &done, Some(&facts(None)), now());
    assert_eq!((free.held.is_none(), &*told(&free).0), (true, "True"));
}

#[test]
fn a_tenant_that_cannot_be_asked_keeps_its_counts() {
    let mut tenant = tenant("");
    let done = Verdict::Done {
        message: "serves".to_owned(),
    };
    let facts = TenantFacts {
        workload: Some(WorkloadState::Available),
        accepted: None,
        report: Some(Report {
            scim_tenants: vec![ScimTenantReport {
                name: ScimTenantName("identity/contoso".to_owned()),
                users: 50,
                active_users: 49,
                groups: 6,
                store_fault: None,
                held: None,
                replay: None,
                missing_break_glass: Vec::new(),
                email_trouble: None,
                store_unavailable: None,
                clients: Vec::new(),
            }],
            ..Report::default()
        }),
    };
    let first = plan::scim_tenant_status(&tenant, &site(), &done, Some(&facts), now());
    assert_eq!(
        (first.users, first.active_users, first.groups),
        (Some(50), Some(49), Some(6))
    );

    tenant.status = Some(first.clone());
    let again = plan::scim_tenant_status(&tenant, &site(), &done, Some(&facts), now());
    assert_eq!(again, first, "the same facts give the same status");
    let blind = plan::scim_tenant_status(&tenant, &site(), &done, None, now());
    assert_eq!(blind.users, Some(50));
}

#[test]
fn the_status_of_a_connector_holds_values_checklist_and_evidence() {
    let mut connector = connector("entra", OLD, "");
    let done = Verdict::Done {
        message: "ready".to_owned(),
    };
    let mut facts = ConnectorFacts {
        site: Some(site()),
        entitled: Some(true),
        ..ConnectorFacts::default()
    };
    let fresh = plan::azure_connector_status(&connector, &done, Some(&facts), now());
    insta::assert_snapshot!("fresh_connector", yaml(&fresh));

    connector.status = Some(fresh);
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    facts.report = Some(ClientReport {
        name: "entra".to_owned(),
        evidence: Evidence {
            first_request: at("2026-01-31T10:00:00.5Z"),
            first_user: at("2026-01-31T10:01:00Z"),
            first_group: None,
            first_sign_in: None,
        },
        credentials: Vec::new(),
        last_cycle: Some(Cycle {
            started_at: at("2026-01-31T11:00:00Z").unwrap(),
            last_request_at: at("2026-01-31T11:01:00Z").unwrap(),
            ended: true,
            requests: 412,
            created: 17,
            updated: 3,
            deactivated: 1,
            deleted: 0,
            failed: 1,
            repairs: [("StringBoolean".to_owned(), 2)].into(),
        }),
        last_error: Some(RefusedRequest {
            time: at("2026-01-31T11:00:30Z").unwrap(),
            summary: "PATCH Users/…: 400 invalidValue: userType must be Premium or Standard, got \"premium\"".to_owned(),
        }),
    });
    let used = plan::azure_connector_status(&connector, &done, Some(&facts), now());
    insta::assert_snapshot!(
        "used_connector",
        yaml(&(&used.checklist, &used.last_sync, &used.last_error))
    );

    connector.status = Some(used.clone());
    facts.report = None;
    let blind = plan::azure_connector_status(&connector, &done, Some(&facts), now());
    assert_eq!(blind, used, "what was seen stays seen");
}

fn with_postgres(replicas: i32) -> ScimTenant {
    let mut tenant = tenant("");
    tenant.spec.replicas = replicas;
    tenant.spec.store =
        serde_json::from_value(json!({"postgres": {"urlSecretRef": {"name": "database"}}}))
            .unwrap();
    tenant
}

#[test]
fn several_pods_of_a_postgresql_store_keep_apart_and_hold_no_volume() {
    let tenant = with_postgres(3);
    let mut observed = seen(&tenant);
    observed.database = ReferencedSecret::Found(vec!["url".to_owned()]);

    let plan = scim_tenant(&tenant, &observed).unwrap();

    let children = |plan: &scim_tenant::Plan| -> Vec<Child> {
        let applied = plan.steps.iter().filter_map(|it| match it {
            Step::Apply(child) => Some(child.clone()),
            Step::Create(_) | Step::Delete { .. } | Step::Announce(_) => None,
        });
        applied.collect()
    };
    let json = |kind: plan::ChildKind| -> Value {
        let found = children(&plan).into_iter().find(|it| it.kind() == kind);
        found.map_or(Value::Null, |it| it.to_json().unwrap())
    };
    let deployment = json(plan::ChildKind::Deployment);
    assert_eq!(deployment["spec"]["replicas"], 3);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(rolling["maxUnavailable"], 0);
    let pod = &deployment["spec"]["template"]["spec"];
    let names: Vec<_> = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["config", "database", "tmp"]);
    assert_eq!(pod["affinity"]["podAffinity"], Value::Null);
    let apart =
        &pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(
        apart[0]["podAffinityTerm"]["topologyKey"],
        "kubernetes.io/hostname"
    );
    assert_eq!(
        json(plan::ChildKind::PodDisruptionBudget)["spec"]["maxUnavailable"],
        1
    );
    assert_eq!(json(plan::ChildKind::PersistentVolumeClaim), Value::Null);
    assert_eq!(
        json(plan::ChildKind::NetworkPolicy)["spec"]["egress"],
        json!([{}])
    );

    // One pod needs no budget, which would hold its node.
    let tenant = with_postgres(1);
    let budget = plan::ChildKey::new(plan::ChildKind::PodDisruptionBudget, "identity", "contoso");
    observed.optional = vec![(budget.clone(), "uid-1".to_owned())];
    let plan = scim_tenant(&tenant, &observed).unwrap();
    let gone = Step::Delete {
        child: budget,
        uid: "uid-1".to_owned(),
    };
    assert!(plan.steps.contains(&gone));
}

#[test]
fn the_older_of_two_tenants_keeps_a_schema_of_a_database() {
    fn database(tenant: &mut ScimTenant) -> &mut PostgresStore {
        tenant.spec.store.postgres.as_mut().unwrap()
    }
    let check = |change: fn(&mut ScimTenant), is_free: bool| {
        let older = with_postgres(1);
        let schema = objects::database::schema(
            &ObjectKey::of(&older),
            older.spec.store.postgres.as_ref().unwrap(),
        );
        let mut younger = with_postgres(1);
        younger.metadata.name = Some("copy".to_owned());
        younger.metadata.creation_timestamp =
            Some(serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap());
        younger.spec.host = "copy.id.example.com".to_owned();
        database(&mut younger).schema = Some(schema.clone());
        change(&mut younger);
        let mut observed = seen(&older);
        observed.scim_tenants.push(Arc::new(younger.clone()));

        assert!(scim_tenant(&older, &observed).is_ok());
        let refused = format!(
            "schema {schema} in the database of Secret database is already claimed by the older ScimTenant contoso, which keeps working; change one of them or delete it"
        );
        let expected = if is_free { Ok(()) } else { Err(refused) };
        let planned = scim_tenant(&younger, &observed).map(|_| ());
        assert_eq!(planned.map_err(|it| it.to_string()), expected);
    };
    check(|_| {}, false);
    check(|it| database(it).schema = Some("another".to_owned()), true);
    check(|it| database(it).schema = None, true);
    check(|it| database(it).url_secret_ref.name.push('2'), true);
    check(|it| database(it).url_secret_ref.key.push('2'), true);
    check(
        |it| it.metadata.namespace = Some("another".to_owned()),
        true,
    );
}

#[test]
fn a_missing_secret_or_key_of_the_database_is_named() {
    let tenant = with_postgres(1);
    let mut observed = seen(&tenant);
    for (database, expected) in [
        (
            ReferencedSecret::Absent,
            "Secret database, named in spec.store.postgres.urlSecretRef.name, does not exist in this namespace; create it",
        ),
        (
            ReferencedSecret::Found(vec!["uri".to_owned()]),
            "Secret database has no key url, named in spec.store.postgres.urlSecretRef.key; add it",
        ),
    ] {
        observed.database = database;
        let rejection = scim_tenant(&tenant, &observed).unwrap_err();
        assert_eq!(rejection.to_string(), expected);
        assert!(!rejection.needs_edit());
    }
}

#[test]
fn a_database_that_is_away_is_in_the_status_with_what_to_do() {
    let mut tenant = with_postgres(2);
    let before = ScimTenantStatus {
        users: Some(50),
        ..ScimTenantStatus::default()
    };
    tenant.status = Some(before);
    let workload = WorkloadState::Rolling {
        message: "the pods are starting".to_owned(),
        serving: false,
    };
    let facts = TenantFacts {
        workload: Some(workload.clone()),
        accepted: None,
        report: Some(Report {
            scim_tenants: vec![ScimTenantReport {
                name: ScimTenantName("identity/contoso".to_owned()),
                users: 0,
                active_users: 0,
                groups: 0,
                store_fault: None,
                store_unavailable: Some("the database cannot be reached".to_owned()),
                held: None,
                replay: None,
                missing_break_glass: Vec::new(),
                email_trouble: None,
                clients: Vec::new(),
            }],
            ..Report::default()
        }),
    };

    let verdict = scim_tenant::progress(&tenant, "new", &workload, facts.report.as_ref());
    let status = plan::scim_tenant_status(&tenant, &site(), &verdict, Some(&facts), now());

    assert_eq!(status.users, Some(50));
    for condition in ["Ready", "Serving"] {
        let found = status
            .conditions
            .iter()
            .find(|it| it.type_ == condition)
            .unwrap();
        assert_eq!(
            (found.status.as_str(), found.reason.as_str()),
            ("False", "StoreUnavailable")
        );
        assert!(
            found.message.contains("key url of Secret database"),
            "{}",
            found.message
        );
    }
}
