//! The SCIM clients that a `ScimTenant` declares.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use usher::api::ScimTenant;
use usher::config::rights::{Access, Resources};
use usher::config::{Rights, Token, WorkloadConfig};
use usher::plan::scim_client::{self, ClientObserved};
use usher::plan::workload_config::ConnectorObserved;
use usher::plan::{Child, Step, azure_connector, scim_tenant};
use usher::scim::dialect::Dialect;

use super::{OLD, configured, connector, created, observed_connector, seen, summary, tenant};

const CLIENTS: &str = "
  clients:
    - {name: okta, rights: {access: ReadOnly, resources: Users}}
    - {name: script, secretName: for-the-script}";

/// What is observed of a `ScimTenant` whose clients have the given Secrets.
pub(super) fn seen_with(tenant: &ScimTenant, secrets: &[Option<Secret>]) -> scim_tenant::Observed {
    let mut observed = seen(tenant);
    let clients = secrets
        .iter()
        .zip(10..)
        .map(|(secret, random)| ClientObserved {
            secret: secret.clone(),
            fresh_token: Token::from_random([random; 32]),
        });
    observed.clients.declared = clients.collect();
    observed.clients.secrets = secrets.iter().flatten().cloned().collect();
    observed
}

/// The Secrets that a plan makes for clients, by their names.
fn made(steps: &[Step]) -> Vec<Secret> {
    let made = steps.iter().filter_map(|step| match step {
        Step::Create(secret) | Step::Apply(Child::Secret(secret)) => Some(secret.as_ref().clone()),
        Step::Apply(_) | Step::Delete { .. } | Step::Announce(_) => None,
    });
    made.filter(|it| !it.metadata.name.as_ref().unwrap().ends_with("-config"))
        .collect()
}

pub(super) fn document(steps: &[Step]) -> WorkloadConfig {
    let config = steps.iter().find_map(|step| match step {
        Step::Create(secret) | Step::Apply(Child::Secret(secret)) => {
            secret.data.as_ref()?.get("config.json")
        }
        Step::Apply(_) | Step::Delete { .. } | Step::Announce(_) => None,
    });
    WorkloadConfig::parse(std::str::from_utf8(&config.unwrap().0).unwrap()).unwrap()
}

/// A `ScimTenant` with two clients whose Secrets and document are there.
fn with_clients() -> (ScimTenant, scim_tenant::Observed) {
    let tenant = tenant(CLIENTS);
    let first = scim_tenant(&tenant, &seen_with(&tenant, &[None, None])).unwrap();
    let secrets: Vec<_> = made(&first.steps).into_iter().map(Some).collect();
    let mut observed = seen_with(&tenant, &secrets);
    observed.config = Some(created(&scim_tenant(&tenant, &observed).unwrap().steps));
    (tenant, observed)
}

#[test]
fn each_client_gets_a_secret_and_is_served_once_it_is_there() {
    let tenant = tenant(CLIENTS);
    let observed = seen_with(&tenant, &[None, None]);

    let first = scim_tenant(&tenant, &observed).unwrap();

    let secrets = made(&first.steps);
    let values = |secret: &Secret, key: &str| {
        String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
    };
    let names: Vec<_> = secrets
        .iter()
        .map(|it| (it.metadata.name.clone().unwrap(), values(it, "username")))
        .collect();
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(
        names,
        [
            pair("contoso-okta-scim", "okta"),
            pair("for-the-script", "script")
        ]
    );
    assert_eq!(
        values(&secrets[0], "url"),
        "https://contoso.id.example.com/scim/v2"
    );
    assert_ne!(
        values(&secrets[0], "password"),
        values(&secrets[1], "password")
    );
    assert_eq!(document(&first.steps).scim_tenants[0].clients, []);
    assert_eq!(first.clients, Vec::<String>::new());
    assert!(scim_client::pending(&tenant, &first.clients).is_some());

    let (tenant, observed) = with_clients();
    let second = scim_tenant(&tenant, &observed).unwrap();
    let clients = document(&second.steps).scim_tenants[0].clients.clone();
    assert_eq!(clients[0].name, "okta");
    assert_eq!(clients[0].dialect, Dialect::Strict);
    assert_eq!(clients[0].rights.access, Access::ReadOnly);
    assert_eq!(clients[0].rights.resources, Resources::Users);
    assert_eq!(clients[1].rights, Rights::default());
    assert_eq!(second.clients, ["okta", "script"]);
    assert_eq!(scim_client::pending(&tenant, &second.clients), None);
}

#[test]
fn a_deleted_secret_of_a_client_is_made_again_and_the_old_password_goes_on_for_a_day() {
    let (tenant, mut observed) = with_clients();
    let old = document(&scim_tenant(&tenant, &observed).unwrap().steps);
    observed.clients.declared[0].secret = None;
    observed.clients.secrets.remove(0);
    observed.clients.declared[0].fresh_token = Token::from_random([99; 32]);

    let healing = scim_tenant(&tenant, &observed).unwrap();
    assert_eq!(
        document(&healing.steps).scim_tenants[0].clients,
        old.scim_tenants[0].clients
    );
    observed.clients.declared[0].secret = Some(made(&healing.steps)[0].clone());
    let healed = document(&scim_tenant(&tenant, &observed).unwrap().steps);

    let credentials = &healed.scim_tenants[0].clients[0].credentials;
    assert_eq!(credentials.len(), 2);
    assert_eq!(credentials[0].expires_at, None);
    assert_eq!(
        credentials[1].digest,
        old.scim_tenants[0].clients[0].credentials[0].digest
    );
    assert_eq!(
        credentials[1].expires_at,
        Some("2026-02-02T00:00:00Z".parse().unwrap())
    );
}

#[test]
fn a_client_that_is_gone_loses_its_secret_and_is_refused() {
    let (mut tenant, mut observed) = with_clients();
    tenant.spec.clients.remove(0);
    observed.clients.declared.remove(0);

    let plan = scim_tenant(&tenant, &observed).unwrap();

    assert!(
        summary(&plan.steps).contains("delete Secret contoso-okta-scim"),
        "{}",
        summary(&plan.steps)
    );
    let clients = &document(&plan.steps).scim_tenants[0].clients;
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].name, "script");
}

#[test]
fn a_renamed_secret_of_a_client_keeps_its_password() {
    let (mut tenant, mut observed) = with_clients();
    tenant.spec.clients[0].secret_name = Some("elsewhere".to_owned());
    observed.clients.declared[0].secret = None;

    let plan = scim_tenant(&tenant, &observed).unwrap();

    let moved = made(&plan.steps)
        .into_iter()
        .find(|it| it.metadata.name.as_deref() == Some("elsewhere"))
        .unwrap();
    assert_eq!(
        moved.data.unwrap()["password"],
        observed.clients.secrets[0].data.as_ref().unwrap()["password"]
    );
    assert!(summary(&plan.steps).contains("delete Secret contoso-okta-scim"));
}

#[test]
fn clients_that_swap_their_secrets_get_new_passwords_and_none_is_deleted() {
    let (mut tenant, mut observed) = with_clients();
    tenant.spec.clients[0].secret_name = Some("for-the-script".to_owned());
    tenant.spec.clients[1].secret_name = Some("contoso-okta-scim".to_owned());
    observed.clients.declared.swap(0, 1);
    observed.clients.declared[0].fresh_token = Token::from_random([98; 32]);
    observed.clients.declared[1].fresh_token = Token::from_random([99; 32]);

    let plan = scim_tenant(&tenant, &observed).unwrap();

    assert!(!summary(&plan.steps).contains("delete Secret"));
    for (before, after) in observed.clients.secrets.iter().zip(made(&plan.steps)) {
        assert_ne!(
            before.data.as_ref().unwrap()["password"],
            after.data.unwrap()["password"]
        );
    }
}

#[test]
fn a_name_belongs_to_the_connector_or_the_client_that_had_it_first() {
    let clash = "
  clients: [{name: entra}]";
    let check = |tenant: &ScimTenant, observed: &scim_tenant::Observed| {
        scim_tenant(tenant, observed).map_or_else(
            |it| format!("{:?}: {it}", it.reason()),
            |it| format!("{:?}", document(&it.steps).scim_tenants[0].clients),
        )
    };
    // The connector was served before the client was declared.
    let (_, mut observed) = configured();
    let claiming = tenant(clash);
    observed.clients = seen_with(&claiming, &[None]).clients;
    insta::assert_snapshot!(check(&claiming, &observed), @"Conflict: the SCIM client name entra is already claimed by the older AzureConnector entra, which keeps working; change one of them or delete it");

    // The client was there before the connector.
    let (entra, mut observed) = (connector("entra", OLD, ""), seen_with(&claiming, &[None]));
    observed.connectors = vec![ConnectorObserved {
        connector: Arc::new(entra.clone()),
        secret: None,
    }];
    insta::assert_snapshot!(check(&claiming, &observed), @"[]");
    let around = observed_connector(std::slice::from_ref(&entra), Some(claiming));
    let refused = azure_connector(&entra, &around).unwrap_err();
    insta::assert_snapshot!(refused.to_string(), @"the SCIM client name entra is already claimed by the older ScimTenant contoso, which keeps working; change one of them or delete it");
}

#[test]
fn a_client_cannot_take_the_secret_of_the_configuration() {
    let tenant = tenant(
        "
  clients: [{name: okta, secretName: contoso-config}]",
    );

    let refused = scim_tenant(&tenant, &seen_with(&tenant, &[None])).unwrap_err();

    insta::assert_snapshot!(refused.to_string(), @"spec.clients[0].secretName: Secret contoso-config is the configuration of this ScimTenant; choose another name");
}
