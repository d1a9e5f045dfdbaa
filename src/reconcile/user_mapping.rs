//! Reconciles one `UserMapping`.

use std::time::Duration;

use crate::api::{ObjectKey, ScimTenant, UserMapping};
use crate::config::Token;
use crate::expression::Environment;
use crate::plan::mapping::difference::{Counted, Difference};
use crate::plan::objects::Names;
use crate::plan::objects::secret::{self, Found};
use crate::plan::status::MappingFacts;
use crate::plan::user_mapping::change::Change;
use crate::plan::user_mapping::in_force::InForce;
use crate::plan::user_mapping::{Observed, in_force, progress};
use crate::plan::{self, Owner, StatusOf, Verdict};
use crate::platform::PlatformError;

use super::carry_out::carry_out;
use super::frame;
use super::record::record;
use super::{Context, Next, ReconcileError};

/// How soon a directory that could not be looked at is looked at again.
const AGAIN: Duration = Duration::from_secs(5);

/// Checks the `UserMapping` called `key`, decides whether it comes into force, and says in its status what came of it.
#[tracing::instrument(name = "reconcile.user_mapping", skip_all, fields(object = %key))]
pub async fn user_mapping(ctx: &Context, key: &ObjectKey) -> Result<Next, ReconcileError> {
    let Some(mapping) = ctx.platform.user_mapping(key) else {
        return Ok(Next::OnChange);
    };
    let owner = Owner::of(mapping.as_ref());
    if mapping.metadata.deletion_timestamp.is_some() {
        ctx.status_log.forget(&owner.uid);
        return Ok(Next::OnChange);
    }

    let run = frame::run(ctx, || pursue(ctx, &mapping)).await;

    let status =
        plan::user_mapping_status(&mapping, &run.verdict, run.facts.as_ref(), ctx.clock.now());
    let before = mapping.status.clone();
    let before = before.map(|it| StatusOf::UserMapping(owner.clone(), it));
    let status = StatusOf::UserMapping(owner, status);
    let recorded = record(ctx, before.as_ref(), &status, &run.verdict).await?;
    let lacks_preview = run.facts.as_ref().is_some_and(|it| it.lacks_preview);
    let next = run.next(ctx, &status, recorded)?;
    Ok(match next {
        Next::After(after) if lacks_preview => Next::After(after.min(ctx.jittered(AGAIN))),
        next => next,
    })
}

/// Observe, check, compare, carry out.
async fn pursue(
    ctx: &Context,
    mapping: &UserMapping,
) -> Result<(Verdict, MappingFacts), ReconcileError> {
    let key = ObjectKey::of(mapping);
    let connector = ctx
        .platform
        .azure_connector(&key.sibling(&mapping.spec.connector_ref));
    let scim_tenant = connector.as_ref().and_then(|it| {
        ctx.platform
            .scim_tenant(&key.sibling(&it.spec.scim_tenant_ref))
    });
    let observed = Observed {
        connector,
        scim_tenant,
        mappings: ctx.platform.user_mappings(&key.namespace),
    };
    let checked = match plan::user_mapping(mapping, &observed) {
        Ok(checked) => checked,
        Err(rejection) => return Ok((Verdict::Rejected(rejection), MappingFacts::default())),
    };
    let Some(tenant) = &observed.scim_tenant else {
        return Ok((progress(mapping, &checked, None), MappingFacts::default()));
    };
    let owner = Owner::of(mapping);
    let place = ObjectKey::new(&key.namespace, &in_force::secret_name(&owner));
    let kept = in_force::inspect(&owner, ctx.platform.secret(&place).await?.as_ref());
    let change = Change::new(mapping, tenant, kept, ctx.clock.now());
    let counted = match change.to_compare() {
        Some(difference) => compared(ctx, tenant, &difference, change.names()).await?,
        None => None,
    };
    let preview = change.preview(counted);
    let plan = match change.plan(preview.as_ref()) {
        Ok(plan) => plan,
        Err(rejection) => return Ok((Verdict::Rejected(rejection), MappingFacts::default())),
    };
    carry_out(ctx, &owner, &plan.steps).await?;
    let verdict = progress(mapping, &checked, Some(&plan.decision));
    let facts = MappingFacts {
        checked: Some(checked),
        decision: Some(plan.decision),
        lines: plan.in_force.as_ref().map(InForce::lines),
        in_force: match &plan.in_force {
            Some(it) => Some(it.told()),
            None => change.lost().cloned(),
        },
        lacks_preview: preview.is_none() && change.is_asked_for(),
        preview,
    };
    Ok((verdict, facts))
}

/// What `difference` would do to the people of `tenant`; nothing when they cannot be read.
async fn compared(
    ctx: &Context,
    tenant: &ScimTenant,
    difference: &Difference,
    names: usize,
) -> Result<Option<Counted>, PlatformError> {
    let Some(token) = report_token(ctx, tenant).await? else {
        return Ok(None);
    };
    let key = ObjectKey::of(tenant);
    let began = ctx.clock.now();
    let environment = Environment::at(began, ctx.random.as_ref());
    let mut count = difference.count(names, &environment);
    let mut after = None;
    loop {
        let page = match ctx.platform.people(&key, &token, after).await {
            Ok(page) => page,
            Err(PlatformError::ReportUnavailable { source, .. }) => {
                tracing::debug!(object = %key, error = %source, "the people cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        count.add(&page.people);
        let took = Duration::try_from(ctx.clock.now().duration_since(began)).unwrap_or_default();
        match page.next {
            None => return Ok(Some(count.finish())),
            // Some time is left to carry out what comes of it.
            Some(_) if took > ctx.settings.time_limit / 2 => return Ok(Some(count.stop())),
            Some(next) => after = Some(next),
        }
    }
}

/// The credential of the report endpoint, if there is one yet.
async fn report_token(ctx: &Context, tenant: &ScimTenant) -> Result<Option<Token>, PlatformError> {
    let owner = Owner::of(tenant);
    let place = ObjectKey::new(&owner.object.namespace, &Names::of(&owner).config);
    let config = ctx.platform.secret(&place).await?;
    Ok(match secret::inspect(&owner, config.as_ref()) {
        Found::Ours(present) => present.report_token,
        Found::Absent | Found::Predecessor { .. } | Found::Foreign => None,
    })
}
