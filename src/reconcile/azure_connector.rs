//! Reconciles one `AzureConnector`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;

use crate::api::{AzureConnector, ObjectKey, ScimTenant};
use crate::config::{ScimClientConfig, Token, digest};
use crate::plan::applications::public_client_redirect_uris;
use crate::plan::azure_connector::{Loaded, Observed, progress};
use crate::plan::credential;
use crate::plan::objects::Names;
use crate::plan::objects::secret::{self, Found, Present};
use crate::plan::status::ConnectorFacts;
use crate::plan::workload_config::{is_entitled, scim_tenant_name};
use crate::plan::{self, ChildKind, Owner, ReferencedSecret, StatusOf, Verdict};
use crate::platform::PlatformError;

use super::carry_out::carry_out;
use super::frame;
use super::record::record;
use super::scim_tenant::{referenced, report};
use super::{Context, Next, ReconcileError};

/// Makes the world match the `AzureConnector` called `key`, and says in its status how that went.
#[tracing::instrument(name = "reconcile.azure_connector", skip_all, fields(object = %key))]
pub async fn azure_connector(ctx: &Context, key: &ObjectKey) -> Result<Next, ReconcileError> {
    let Some(connector) = ctx.platform.azure_connector(key) else {
        return Ok(Next::OnChange);
    };
    let owner = Owner::of(connector.as_ref());
    if connector.metadata.deletion_timestamp.is_some() {
        // The Secret goes by its owner reference, and the ScimTenant stops accepting the password.
        ctx.status_log.forget(&owner.uid);
        return Ok(Next::OnChange);
    }

    let run = frame::run(ctx, || pursue(ctx, &connector)).await;

    let status = plan::azure_connector_status(
        &connector,
        &run.verdict,
        run.facts.as_ref(),
        ctx.clock.now(),
    );
    let before = connector.status.clone();
    let before = before.map(|it| StatusOf::AzureConnector(owner.clone(), Box::new(it)));
    let status = StatusOf::AzureConnector(owner, Box::new(status));
    let recorded = record(ctx, before.as_ref(), &status, &run.verdict).await?;
    run.next(ctx, &status, recorded)
}

/// Observe, plan, carry out, look whether it took effect.
async fn pursue(
    ctx: &Context,
    connector: &AzureConnector,
) -> Result<(Verdict, ConnectorFacts), ReconcileError> {
    let owner = Owner::of(connector);
    let tenant_key = owner.object.sibling(&connector.spec.scim_tenant_ref);
    let tenant = ctx.platform.scim_tenant(&tenant_key);
    let tenant = tenant.filter(|it| it.metadata.deletion_timestamp.is_none());
    let served = served(ctx, &owner, tenant.as_ref()).await?;
    let observed = observe(ctx, &owner, connector, tenant.as_ref(), &served).await?;

    let (verdict, cause) = if connector.spec.suspend {
        (Verdict::Suspended, found_cause(&owner, &observed))
    } else {
        match plan::azure_connector(connector, &observed) {
            Ok(plan) => {
                carry_out(ctx, &owner, &plan.steps).await?;
                let verdict = match plan.no_sign_in {
                    Some(rejection) => Verdict::Rejected(rejection),
                    None => progress(
                        connector,
                        &plan.credential,
                        served.client.as_ref(),
                        served.loaded,
                    ),
                };
                (verdict, Some(plan.cause))
            }
            Err(rejection) => (Verdict::Rejected(rejection), found_cause(&owner, &observed)),
        }
    };
    let facts = ConnectorFacts {
        site: tenant.as_ref().map(|it| ctx.platform.site(it)),
        entitled: tenant.as_ref().map(|it| is_entitled(it)),
        client: served.client,
        cause,
        public_client_redirect_uris: tenant
            .as_ref()
            .map(|it| public_client_redirect_uris(it))
            .unwrap_or_default(),
        token_issuer: ctx.platform.token_issuer(),
        report: served.report,
    };
    Ok((verdict, facts))
}

fn found_cause(owner: &Owner, observed: &Observed) -> Option<credential::Cause> {
    match credential::inspect(owner, &owner.object.name, observed.secret.as_ref()) {
        credential::Finding::Sound(found) => Some(found.cause),
        credential::Finding::Absent
        | credential::Finding::Damaged { .. }
        | credential::Finding::Predecessor { .. }
        | credential::Finding::Foreign => None,
    }
}

async fn observe(
    ctx: &Context,
    owner: &Owner,
    connector: &AzureConnector,
    tenant: Option<&Arc<ScimTenant>>,
    served: &Served,
) -> Result<Observed, PlatformError> {
    let namespace = &owner.object.namespace;
    let name = credential::secret_name(connector);
    let secret = ctx
        .platform
        .secret(&ObjectKey::new(namespace, &name))
        .await?;
    Ok(Observed {
        scim_tenant: tenant.map(|it| (Arc::clone(it), ctx.platform.site(it))),
        namespace_connectors: ctx.platform.azure_connectors(namespace),
        secret,
        renamed: renamed(ctx, owner, &name).await?,
        client: served.client.clone(),
        client_secret: match connector
            .spec
            .oidc
            .as_ref()
            .and_then(|it| it.client_secret_ref.as_ref())
        {
            None => ReferencedSecret::NotLookedAt,
            Some(reference) => {
                let key = ObjectKey::new(namespace, &reference.name);
                referenced(ctx, &key).await?
            }
        },
        fresh_token: ctx.fresh_token(),
        now: ctx.clock.now(),
    })
}

/// The Secrets of this connector under other names than `name`, as they are now.
async fn renamed(ctx: &Context, owner: &Owner, name: &str) -> Result<Vec<Secret>, PlatformError> {
    let mut found = Vec::new();
    for meta in ctx.platform.owned(owner, ChildKind::Secret).await? {
        let other = meta.name.unwrap_or_default();
        if other == name {
            continue;
        }
        let key = ObjectKey::new(&owner.object.namespace, &other);
        found.extend(ctx.platform.secret(&key).await?.filter(|it| {
            // The list may be old: only what still carries our reference may be deleted.
            owner.ownership(&it.metadata) == plan::Ownership::Ours
        }));
    }
    Ok(found)
}

/// What the workload of the `ScimTenant` serves for a connector.
struct Served {
    client: Option<ScimClientConfig>,
    loaded: Loaded,
    report: Option<crate::config::report::ClientReport>,
}

async fn served(
    ctx: &Context,
    owner: &Owner,
    tenant: Option<&Arc<ScimTenant>>,
) -> Result<Served, PlatformError> {
    let nothing = Served {
        client: None,
        loaded: Loaded::NotServing,
        report: None,
    };
    let Some(tenant) = tenant else {
        return Ok(nothing);
    };
    let tenant_owner = Owner::of(tenant.as_ref());
    let key = ObjectKey::new(
        &tenant_owner.object.namespace,
        &Names::of(&tenant_owner).config,
    );
    let secret = ctx.platform.secret(&key).await?;
    let present = match secret::inspect(&tenant_owner, secret.as_ref()) {
        Found::Ours(present) => *present,
        Found::Absent | Found::Predecessor { .. } | Found::Foreign => return Ok(nothing),
    };
    let client = present
        .clients
        .iter()
        .find(|(uid, it)| *uid == owner.uid && it.name == owner.object.name)
        .map(|(_, it)| it.clone());
    let (loaded, report) = loaded(ctx, owner, &tenant_owner, &present).await?;
    Ok(Served {
        client,
        loaded,
        report,
    })
}

async fn loaded(
    ctx: &Context,
    owner: &Owner,
    tenant: &Owner,
    present: &Present,
) -> Result<(Loaded, Option<crate::config::report::ClientReport>), PlatformError> {
    let (Some(token), Some(document)) = (present.report_token.as_ref(), &present.document) else {
        return Ok((Loaded::NotServing, None));
    };
    let Some(report) = report(ctx, &tenant.object, token as &Token).await? else {
        return Ok((Loaded::NotServing, None));
    };
    let client = report
        .scim_tenant(&scim_tenant_name(&tenant.object))
        .and_then(|it| it.client(&owner.object.name))
        .cloned();
    let loaded = if report.config_digest == digest(document) {
        Loaded::Yes
    } else {
        Loaded::No
    };
    Ok((loaded, client))
}
