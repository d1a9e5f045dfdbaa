//! Reconciles one `ScimTenant`.

use std::sync::Arc;

use crate::api::{ObjectKey, ScimTenant, UserMapping};
use crate::config::{PrivateKey, Report, SealingKey, Token};
use crate::plan::applications::{ApplicationsObserved, ClientSecretObserved, are_declared};
use crate::plan::objects::Names;
use crate::plan::objects::secret::{self, Found};
use crate::plan::scim_client::{self, ClientObserved, ClientsObserved};
use crate::plan::scim_tenant::{Observed, progress};
use crate::plan::signing_keys::lacks_rsa_key;
use crate::plan::status::TenantFacts;
use crate::plan::user_mapping::in_force;
use crate::plan::workload_config::ConnectorObserved;
use crate::plan::{
    self, ChildKey, ChildKind, Owner, ReferencedSecret, StatusOf, Verdict, WorkloadState,
};
use crate::platform::PlatformError;

use super::carry_out::carry_out;
use super::frame;
use super::record::record;
use super::{Context, Next, ReconcileError};

/// Makes the world match the `ScimTenant` called `key`, and says in its status how that went.
#[tracing::instrument(name = "reconcile.scim_tenant", skip_all, fields(object = %key))]
pub async fn scim_tenant(ctx: &Context, key: &ObjectKey) -> Result<Next, ReconcileError> {
    let Some(tenant) = ctx.platform.scim_tenant(key) else {
        return Ok(Next::OnChange);
    };
    let owner = Owner::of(tenant.as_ref());
    if tenant.metadata.deletion_timestamp.is_some() {
        // Owner references do the rest: nothing of it lies outside the cluster.
        ctx.status_log.forget(&owner.uid);
        return Ok(Next::OnChange);
    }

    let run = frame::run(ctx, || pursue(ctx, &tenant)).await;

    let status = plan::scim_tenant_status(
        &tenant,
        &ctx.platform.site(&tenant),
        &run.verdict,
        run.facts.as_ref(),
        ctx.clock.now(),
    );
    let before = tenant.status.clone();
    let before = before.map(|it| StatusOf::ScimTenant(owner.clone(), it));
    let status = StatusOf::ScimTenant(owner, status);
    let recorded = record(ctx, before.as_ref(), &status, &run.verdict).await?;
    run.next(ctx, &status, recorded)
}

/// Observe, plan, carry out, look whether it took effect.
async fn pursue(
    ctx: &Context,
    tenant: &ScimTenant,
) -> Result<(Verdict, TenantFacts), ReconcileError> {
    let observed = observe(ctx, tenant).await?;
    let owner = Owner::of(tenant);
    let verdict = if tenant.spec.suspend {
        Verdict::Suspended
    } else {
        match plan::scim_tenant(tenant, &observed) {
            Ok(plan) => {
                carry_out(ctx, &owner, &plan.steps).await?;
                let facts = look(ctx, tenant, Some(&plan.report_token)).await?;
                let workload = facts.workload.as_ref().unwrap_or(&WorkloadState::Absent);
                let verdict =
                    progress(tenant, &plan.config_digest, workload, facts.report.as_ref());
                let loaded = facts
                    .report
                    .as_ref()
                    .map(|it| it.config_digest == plan.config_digest);
                if loaded == Some(false) {
                    let key = ObjectKey::of(tenant);
                    ctx.platform.hasten(&key, &plan.config_digest).await?;
                }
                let pending = scim_client::pending(tenant, &plan.clients);
                let verdict = match (verdict, pending, plan.missing) {
                    (Verdict::Done { .. }, Some(pending), _) => pending,
                    (Verdict::Done { .. }, None, Some(missing)) => Verdict::Rejected(missing),
                    (verdict, ..) => verdict,
                };
                let facts = TenantFacts {
                    accepted: (loaded == Some(true)).then_some(plan.clients),
                    ..facts
                };
                return Ok((verdict, facts));
            }
            Err(rejection) => Verdict::Rejected(rejection),
        }
    };
    // What runs keeps running, and is still worth a look.
    let token = match secret::inspect(&owner, observed.config.as_ref()) {
        Found::Ours(present) => present.report_token,
        Found::Absent | Found::Predecessor { .. } | Found::Foreign => None,
    };
    let facts = look(ctx, tenant, token.as_ref()).await?;
    Ok((verdict, facts))
}

async fn observe(ctx: &Context, tenant: &ScimTenant) -> Result<Observed, PlatformError> {
    let owner = Owner::of(tenant);
    let namespace = &owner.object.namespace;
    let namespace_connectors = ctx.platform.azure_connectors(namespace);
    let mut connectors = Vec::new();
    for connector in &namespace_connectors {
        if connector.spec.scim_tenant_ref.name == owner.object.name {
            let name = plan::credential::secret_name(connector);
            connectors.push(ConnectorObserved {
                connector: Arc::clone(connector),
                secret: ctx
                    .platform
                    .secret(&ObjectKey::new(namespace, &name))
                    .await?,
            });
        }
    }
    let config = ObjectKey::new(namespace, &Names::of(&owner).config);
    let (mappings, mappings_are_lost) = mappings_in_force(ctx, namespace).await?;
    Ok(Observed {
        settings: ctx.settings.workload.clone(),
        site: ctx.platform.site(tenant),
        scim_tenants: ctx.platform.scim_tenants(),
        connectors,
        clients: clients(ctx, tenant).await?,
        applications: applications(ctx, tenant).await?,
        fresh_sealing_key: fresh_sealing_key(ctx, tenant).await?,
        namespace_connectors,
        unreadable: ctx.platform.unreadable_connectors(namespace),
        mappings,
        mappings_are_lost,
        config: ctx.platform.secret(&config).await?,
        database: database(ctx, tenant).await?,
        optional: optional(ctx, &owner).await?,
        fresh_token: ctx.fresh_token(),
        now: ctx.clock.now(),
    })
}

/// The mappings of `namespace`, each with the lines and filters that are in force, and whether those of one are lost, which has none then;
/// of one that was never looked at, those that it declares.
async fn mappings_in_force(
    ctx: &Context,
    namespace: &str,
) -> Result<(Vec<Arc<UserMapping>>, bool), PlatformError> {
    let mut are_lost = false;
    let mut mappings = ctx.platform.user_mappings(namespace);
    for mapping in &mut mappings {
        let owner = Owner::of(mapping.as_ref());
        let place = ObjectKey::new(namespace, &in_force::secret_name(&owner));
        let kept = in_force::inspect(&owner, ctx.platform.secret(&place).await?.as_ref());
        if let Some(in_force) = kept.in_force_of(mapping)
            && in_force.spec != mapping.spec
        {
            Arc::make_mut(mapping).spec = in_force.spec.clone();
        } else if kept.lost_of(mapping).is_some() {
            are_lost = true;
            let spec = &mut Arc::make_mut(mapping).spec;
            spec.users.attributes.clear();
            spec.groups = None;
        }
    }
    Ok((mappings, are_lost))
}

async fn database(ctx: &Context, tenant: &ScimTenant) -> Result<ReferencedSecret, PlatformError> {
    let Some(postgres) = &tenant.spec.store.postgres else {
        return Ok(ReferencedSecret::NotLookedAt);
    };
    let namespace = tenant.metadata.namespace.as_deref().unwrap_or_default();
    let key = ObjectKey::new(namespace, &postgres.url_secret_ref.name);
    referenced(ctx, &key).await
}

/// What is under the name of a Secret that somebody else makes.
pub(super) async fn referenced(
    ctx: &Context,
    key: &ObjectKey,
) -> Result<ReferencedSecret, PlatformError> {
    Ok(match ctx.platform.secret(key).await? {
        None => ReferencedSecret::Absent,
        Some(secret) => {
            let keys = secret.data.into_iter().flatten().map(|it| it.0);
            ReferencedSecret::Found(keys.collect())
        }
    })
}

/// The Secrets of the clients that are declared, and of those that were.
async fn clients(ctx: &Context, tenant: &ScimTenant) -> Result<ClientsObserved, PlatformError> {
    let owner = Owner::of(tenant);
    let key = |name: &str| ObjectKey::new(&owner.object.namespace, name);
    let mut found = ClientsObserved::default();
    for client in &tenant.spec.clients {
        let name = plan::credential::client_secret_name(&owner.object.name, client);
        found.declared.push(ClientObserved {
            secret: ctx.platform.secret(&key(&name)).await?,
            fresh_token: ctx.fresh_token(),
        });
    }
    for meta in ctx.platform.owned(&owner, ChildKind::Secret).await? {
        let names = Names::of(&owner);
        let is_own =
            |it: &String| [&names.config, &names.signing_keys, &names.sealing_key].contains(&it);
        if meta.name.as_ref().is_some_and(is_own) {
            continue;
        }
        let secret = ctx
            .platform
            .secret(&key(&meta.name.unwrap_or_default()))
            .await?;
        found.secrets.extend(secret.filter(|it| {
            // The list may be old: only what still carries our reference may be deleted.
            owner.ownership(&it.metadata) == plan::Ownership::Ours
                && plan::credential::client_of(&it.metadata).is_some()
        }));
    }
    Ok(found)
}

/// The Secrets of the applications that are declared, and the one with the keys, which may have to go.
async fn applications(
    ctx: &Context,
    tenant: &ScimTenant,
) -> Result<ApplicationsObserved, PlatformError> {
    let declared = &tenant.spec.sign_in.applications;
    let owner = Owner::of(tenant);
    let key = |name: &str| ObjectKey::new(&owner.object.namespace, name);
    let mut client_secrets = Vec::with_capacity(declared.len());
    for application in declared {
        client_secrets.push(match &application.client_secret_ref {
            None => ClientSecretObserved::NotNeeded,
            Some(reference) => {
                let secret = ctx.platform.secret(&key(&reference.name)).await?;
                ClientSecretObserved::of(secret.as_ref(), &reference.key)
            }
        });
    }
    let name = Names::of(&owner).signing_keys;
    let signing_keys = ctx.platform.secret(&key(&name)).await?;
    let fresh_rsa_key = if lacks_rsa_key(tenant, signing_keys.as_ref(), ctx.clock.now()) {
        let random = Arc::clone(&ctx.random);
        let made = tokio::task::spawn_blocking(move || random.rsa_key()).await;
        // Without one all else goes on, and the next look tries again.
        made.ok().map(|it| PrivateKey::from_pkcs8(&it))
    } else {
        None
    };
    Ok(ApplicationsObserved {
        signing_keys,
        fresh_rsa_key,
        fresh_key: are_declared(&tenant.spec)
            .then(|| PrivateKey::from_pkcs8(&ctx.random.p256_key())),
        client_secrets,
    })
}

/// A key, if one is needed and there is none: it is made once, for what it sealed nothing else opens.
async fn fresh_sealing_key(
    ctx: &Context,
    tenant: &ScimTenant,
) -> Result<Option<SealingKey>, PlatformError> {
    if !tenant.spec.seals() {
        return Ok(None);
    }
    let owner = Owner::of(tenant);
    let key = ObjectKey::new(&owner.object.namespace, &Names::of(&owner).sealing_key);
    let found = ctx.platform.secret(&key).await?;
    let fresh = || SealingKey::from_random(ctx.random.secret());
    Ok(found.is_none().then(fresh))
}

async fn optional(ctx: &Context, owner: &Owner) -> Result<Vec<(ChildKey, String)>, PlatformError> {
    let mut found = Vec::new();
    for kind in [
        ChildKind::Ingress,
        ChildKind::HttpRoute,
        ChildKind::PodDisruptionBudget,
    ] {
        for meta in ctx.platform.owned(owner, kind).await? {
            let name = meta.name.unwrap_or_default();
            let child = ChildKey::new(kind, &owner.object.namespace, &name);
            found.push((child, meta.uid.unwrap_or_default()));
        }
    }
    Ok(found)
}

/// How the workload is; a report that cannot be read is a fact, not a failure.
async fn look(
    ctx: &Context,
    tenant: &ScimTenant,
    token: Option<&Token>,
) -> Result<TenantFacts, PlatformError> {
    let key = ObjectKey::of(tenant);
    let workload = ctx.platform.workload(&key).await?;
    Ok(TenantFacts {
        report: match (token, &workload) {
            (
                Some(token),
                WorkloadState::Available | WorkloadState::Rolling { serving: true, .. },
            ) => report(ctx, &key, token).await?,
            // Without its database no pod is ready; each can say why.
            (Some(token), WorkloadState::Rolling { .. })
                if tenant.spec.store.postgres.is_some() =>
            {
                report(ctx, &key, token).await?
            }
            (None, _)
            | (_, WorkloadState::Absent | WorkloadState::Rolling { serving: false, .. }) => None,
        },
        workload: Some(workload),
        accepted: None,
    })
}

/// What the workload reports, or nothing when it cannot be asked.
pub(super) async fn report(
    ctx: &Context,
    key: &ObjectKey,
    token: &Token,
) -> Result<Option<Report>, PlatformError> {
    match ctx.platform.report(key, token).await {
        Ok(report) => Ok(Some(report)),
        Err(PlatformError::ReportUnavailable { source, .. }) => {
            tracing::debug!(object = %key, error = %source, "the report cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
