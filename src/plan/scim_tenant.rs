//! The plan of a `ScimTenant`: its children, in the order in which they need each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::scim_tenant::{DeletionPolicy, ScimTenantSpec};
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::report::StoreFault;
use crate::config::{
    Report, ScimClientConfig, ScimTenantConfig, SealingKey, Token, VERSION, WorkloadConfig, digest,
};

use super::applications::{self, ApplicationsObserved};
use super::child::{Child, ChildKey, ChildKind, Owner};
use super::claim;
use super::objects::secret::{Found, Present};
use super::objects::{
    self, Names, WorkloadSettings, address, deployment, disruption, exposure, network_policy,
    volume,
};
use super::observed::{ReferencedSecret, Site, WorkloadState};
use super::scim_client::{self, ClientsObserved};
use super::signing_keys;
use super::step::Step;
use super::verdict::{Rejection, Verdict};
use super::workload_config::{ConnectorObserved, Sources, scim_tenant_config, scim_tenant_name};
use crate::api::conditions::Reason;

/// What the plan of a `ScimTenant` is made from.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Settings of every workload.
    pub settings: WorkloadSettings,
    /// Where the workload runs.
    pub site: Site,
    /// Every `ScimTenant`.
    pub scim_tenants: Vec<Arc<ScimTenant>>,
    /// The connectors that refer to this one.
    pub connectors: Vec<ConnectorObserved>,
    /// What there is of the clients that it declares.
    pub clients: ClientsObserved,
    /// What there is of the applications that it declares.
    pub applications: ApplicationsObserved,
    /// The key that would seal what is kept of second factors, where there is none yet and one is needed.
    pub fresh_sealing_key: Option<SealingKey>,
    /// Every connector in the namespace.
    pub namespace_connectors: Vec<Arc<AzureConnector>>,
    /// Names of connectors in the namespace that cannot be understood.
    pub unreadable: Vec<String>,
    /// Every mapping in the namespace.
    pub mappings: Vec<Arc<UserMapping>>,
    /// Whether there are lines in force that nobody has any more, so that the keys they name stay.
    pub mappings_are_lost: bool,
    /// What is under the name of the configuration Secret.
    pub config: Option<Secret>,
    /// What is under the name of the Secret with the URL of a database.
    pub database: ReferencedSecret,
    /// Ingresses, `HTTPRoutes` and `PodDisruptionBudgets` that exist, each with its uid.
    pub optional: Vec<(ChildKey, String)>,
    /// Random, for the case that a credential of the report endpoint is needed.
    pub fresh_token: Token,
    /// The present.
    pub now: Timestamp,
}

/// What to do, and how to see whether it took effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; the first that fails ends the run.
    pub steps: Vec<Step>,
    /// Digest of the document that the workload should have loaded.
    pub config_digest: String,
    /// The credential of the report endpoint.
    pub report_token: Token,
    /// Names of the declared clients whose present password that document accepts.
    pub clients: Vec<String>,
    /// What is missing for its applications; all else goes on.
    pub missing: Option<Rejection>,
}

/// Decides what to change for `tenant`.
pub fn scim_tenant(tenant: &ScimTenant, observed: &Observed) -> Result<Plan, Rejection> {
    claim::scim_tenant(tenant, &observed.scim_tenants)?;
    let owner = Owner::of(tenant);
    let spec = &tenant.spec;
    check_store(spec, observed)?;
    let (config, served) = configuration(tenant, &owner, observed)?;
    let pods = deployment::deployment(&owner, spec, &observed.settings, served.sign_in.as_ref())?;

    let mut steps = vec![Step::Apply(Child::ServiceAccount(Box::new(
        objects::service_account(&owner),
    )))];
    steps.extend(signing_keys::steps(
        tenant,
        &observed.applications,
        observed.now,
    )?);
    let fresh = observed.fresh_sealing_key.as_ref();
    steps.extend(fresh.map(|it| {
        let secret = objects::sealing_key::secret(&owner, it, spec.deletion_policy);
        Step::Create(Box::new(secret))
    }));
    steps.extend(config.steps);
    steps.extend([
        Step::Apply(Child::Service(Box::new(address::public(&owner, spec)))),
        Step::Apply(Child::Service(Box::new(address::report(&owner, spec)))),
        Step::Apply(Child::NetworkPolicy(Box::new(
            network_policy::network_policy(&owner, spec, &observed.settings, &served.calls_out()),
        ))),
        Step::Apply(Child::Deployment(Box::new(pods))),
    ]);
    // The pods wait for it; a volume that cannot grow must not hold up what stands above.
    let claim = spec.store.sqlite.as_ref();
    let claim =
        claim.map(|it| Child::PersistentVolumeClaim(Box::new(volume::claim(&owner, spec, it))));
    steps.extend(claim.map(Step::Apply));
    steps.extend(optional(tenant, &owner, observed));
    Ok(Plan { steps, ..config })
}

/// Whether there is a store to be had.
fn check_store(spec: &ScimTenantSpec, observed: &Observed) -> Result<(), Rejection> {
    let postgres = match (&spec.store.sqlite, &spec.store.postgres) {
        (Some(_), None) => return Ok(()),
        (None, Some(postgres)) => postgres,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Rejection::Invalid {
                field: "spec.store".to_owned(),
                problem: "needs either sqlite: {size: 1Gi} or postgres: {urlSecretRef: {name: my-database}}"
                    .to_owned(),
            });
        }
    };
    let reference = &postgres.url_secret_ref;
    observed.database.check(
        &reference.name,
        &reference.key,
        [
            "spec.store.postgres.urlSecretRef.name",
            "spec.store.postgres.urlSecretRef.key",
        ],
    )
}

/// The steps for the configuration Secret, and for those of the clients that the document speaks of; and what it says of `tenant`.
fn configuration(
    tenant: &ScimTenant,
    owner: &Owner,
    observed: &Observed,
) -> Result<(Plan, ScimTenantConfig), Rejection> {
    let name = Names::of(owner).config;
    let child = ChildKey::new(ChildKind::Secret, &owner.object.namespace, &name);
    let found = objects::secret::inspect(owner, observed.config.as_ref());
    let present = match &found {
        Found::Foreign => {
            return Err(Rejection::NameTaken {
                child,
                field: "metadata.name",
            });
        }
        Found::Ours(present) => present.as_ref().clone(),
        Found::Absent | Found::Predecessor { .. } => Present::default(),
    };
    let report_token = present
        .report_token
        .unwrap_or_else(|| observed.fresh_token.clone());
    let served = scim_tenant_config(
        tenant,
        &Sources {
            site: &observed.site,
            connectors: &observed.connectors,
            clients: &observed.clients,
            applications: &observed.applications,
            namespace_connectors: &observed.namespace_connectors,
            unreadable: &observed.unreadable,
            mappings: &observed.mappings,
            keys_before: keys_that_stay(observed, &present.keys),
            before: &present.clients,
            providers_before: &present.providers,
            now: observed.now,
        },
    )?;
    let document = WorkloadConfig {
        version: VERSION,
        report_token: report_token.digest(),
        scim_tenants: vec![served.clone()],
    };
    let document = document.to_json();
    let uids = uids(owner, tenant, observed, &present.clients);
    let mut secret = objects::secret::config(owner, &document, &report_token, &uids);
    let mut steps = match found {
        Found::Absent | Found::Foreign => vec![Step::Create(Box::new(secret))],
        Found::Predecessor { uid } => {
            vec![Step::Delete { child, uid }, Step::Create(Box::new(secret))]
        }
        Found::Ours(present) => {
            // The document continues the one that was read: should another process have written meanwhile, this one looks again.
            present.seen.pin(&mut secret.metadata);
            vec![Step::Apply(Child::Secret(Box::new(secret)))]
        }
    };
    steps.extend(scim_client::steps(tenant, observed, &present.clients)?);
    let plan = Plan {
        steps,
        config_digest: digest(&document),
        report_token,
        clients: scim_client::known(tenant, &observed.clients),
        missing: applications::missing(tenant, &observed.applications, served.sign_in.is_some()),
    };
    Ok((plan, served))
}

/// Those of the keys `before` that stay because the lines that name them are in force and lost.
fn keys_that_stay<'k>(
    observed: &Observed,
    before: &'k [(String, String)],
) -> &'k [(String, String)] {
    if observed.mappings_are_lost {
        before
    } else {
        &[]
    }
}

/// The uid of the object behind each client, by its name; of connectors that cannot be understood, the one before.
fn uids(
    owner: &Owner,
    tenant: &ScimTenant,
    observed: &Observed,
    before: &[(String, ScimClientConfig)],
) -> BTreeMap<String, String> {
    let kept = before
        .iter()
        .filter(|(_, client)| observed.unreadable.contains(&client.name))
        .map(|(uid, client)| (client.name.clone(), uid.clone()));
    let owners = observed
        .connectors
        .iter()
        .map(|it| Owner::of(it.connector.as_ref()));
    let own = tenant.spec.clients.iter();
    kept.chain(owners.map(|it| (it.object.name, it.uid)))
        .chain(own.map(|it| (it.name.clone(), owner.uid.clone())))
        .collect()
}

/// The children that are wished only sometimes, and the end of those that are not.
fn optional(tenant: &ScimTenant, owner: &Owner, observed: &Observed) -> Vec<Step> {
    let spec = &tenant.spec;
    let way_in = spec.exposure.as_ref().and_then(|wish| {
        let ingress = wish
            .ingress
            .as_ref()
            .map(|it| Child::Ingress(Box::new(exposure::ingress(owner, spec, it))));
        let route = wish
            .gateway
            .as_ref()
            .map(|it| Child::HttpRoute(Box::new(exposure::http_route(owner, spec, it))));
        ingress.or(route)
    });
    let budget = disruption::budget(owner, spec);
    let budget = budget.map(|it| Child::PodDisruptionBudget(Box::new(it)));
    let wished: Vec<Child> = budget.into_iter().chain(way_in).collect();
    let kept: Vec<ChildKey> = wished.iter().map(Child::key).collect();
    let mut steps: Vec<Step> = wished.into_iter().map(Step::Apply).collect();
    let ended = observed
        .optional
        .iter()
        .filter(|(child, _)| !kept.contains(child));
    steps.extend(ended.map(|(child, uid)| Step::Delete {
        child: child.clone(),
        uid: uid.clone(),
    }));
    steps
}

/// What is wrong with the store of `tenant`, if its workload says so: the reason, and what to do.
pub fn store_problem(tenant: &ScimTenant, report: &Report) -> Option<(Reason, String)> {
    let name = scim_tenant_name(&ObjectKey::of(tenant));
    let report = report.scim_tenant(&name)?;
    if let Some(why) = &report.store_unavailable {
        let remedy = match &tenant.spec.store.postgres {
            Some(postgres) => format!(
                "see that the database runs and takes connections from the pods, and that key {} of Secret {} has its URL",
                postgres.url_secret_ref.key, postgres.url_secret_ref.name
            ),
            None => "see the log of the pod".to_owned(),
        };
        let message = format!("Entra is asked to come again: {why}; {remedy}");
        return Some((Reason::StoreUnavailable, message));
    }
    let fault = report.store_fault?;
    let data = Names::of(&Owner::of(tenant)).data;
    let problem = match (fault, &tenant.spec.store.postgres) {
        (StoreFault::Full, None) => format!(
            "the volume of PersistentVolumeClaim {data} is full; enlarge spec.store.sqlite.size or make room on it"
        ),
        (StoreFault::Damaged, None) => format!(
            "the database on PersistentVolumeClaim {data} is damaged; restore a backup: usher store restore --replace (docs/backup.md)"
        ),
        (StoreFault::Failed, None) => format!(
            "the volume of PersistentVolumeClaim {data} cannot be written; see the log of the pod"
        ),
        (StoreFault::Full, Some(_)) => {
            "the disk of the database is full; make room on it".to_owned()
        }
        (StoreFault::Damaged | StoreFault::Failed, Some(_)) => {
            "the database refuses to write; see the log of the pods".to_owned()
        }
    };
    let message =
        format!("people can be read and not changed, and Entra is asked to come again: {problem}");
    Some((Reason::StoreReadOnly, message))
}

/// How far the workload has followed, once everything is written.
pub fn progress(
    tenant: &ScimTenant,
    config_digest: &str,
    workload: &WorkloadState,
    report: Option<&Report>,
) -> Verdict {
    let host = &tenant.spec.host;
    let waiting = |reason, message: String| Verdict::Waiting { reason, message };
    let problem = report.and_then(|it| store_problem(tenant, it));
    match (workload, report) {
        (WorkloadState::Absent, _) => waiting(
            Reason::WorkloadStarting,
            "the Deployment was written and does not exist yet".to_owned(),
        ),
        (WorkloadState::Rolling { message, .. }, _) => match problem {
            Some((reason @ Reason::StoreUnavailable, message)) => waiting(reason, message),
            Some(_) | None => waiting(Reason::WorkloadStarting, message.clone()),
        },
        (WorkloadState::Available, None) => waiting(
            Reason::ReportUnavailable,
            "the pods run and their report cannot be read; see that the operator reaches port 9464 of the report Service".to_owned(),
        ),
        (WorkloadState::Available, Some(report)) if report.config_digest == config_digest => {
            if let Some((reason, message)) = problem {
                return waiting(reason, message);
            }
            Verdict::Done {
                message: match tenant.spec.deletion_policy {
                    DeletionPolicy::Retain => format!("serves {host}"),
                    DeletionPolicy::Delete => format!(
                        "serves {host}; when this ScimTenant is deleted its people go with it, for spec.deletionPolicy is Delete"
                    ),
                },
            }
        }
        (WorkloadState::Available, Some(report)) => waiting(
            Reason::ConfigurationPending,
            report.config_error.as_ref().map_or_else(
                || "the pods have not loaded the newest configuration yet".to_owned(),
                |error| if report.config_digest.is_empty() {
                    format!("the pods cannot serve: {error}")
                } else {
                    format!("the pods refuse the newest configuration and go on with the one before: {error}")
                },
            ),
        ),
    }
}
