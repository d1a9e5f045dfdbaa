//! Reconciles one `UserMapping`.

use crate::api::{ObjectKey, UserMapping};
use crate::plan::mapping::Checked;
use crate::plan::user_mapping::{Observed, progress};
use crate::plan::{self, Owner, StatusOf, Verdict};

use super::frame;
use super::record::record;
use super::{Context, Next, ReconcileError};

/// Checks the `UserMapping` called `key` and says in its status what came of it.
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

    let run = frame::run(ctx, async || Ok(pursue(ctx, &mapping))).await;

    let status = plan::user_mapping_status(
        &mapping,
        &run.verdict,
        run.facts.as_ref().and_then(Option::as_ref),
        ctx.clock.now(),
    );
    let before = mapping.status.clone();
    let before = before.map(|it| StatusOf::UserMapping(owner.clone(), it));
    let status = StatusOf::UserMapping(owner, status);
    let recorded = record(ctx, before.as_ref(), &status, &run.verdict).await?;
    run.next(ctx, &status, recorded)
}

/// Observe and check; there is nothing to carry out.
fn pursue(ctx: &Context, mapping: &UserMapping) -> (Verdict, Option<Checked>) {
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
    match plan::user_mapping(mapping, &observed) {
        Ok(checked) => (progress(mapping, &checked), Some(checked)),
        Err(rejection) => (Verdict::Rejected(rejection), None),
    }
}
