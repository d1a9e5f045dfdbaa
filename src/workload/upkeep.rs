//! What is done for a directory beside requests: erasing, forgetting, and telling what the brake holds.

use jiff::Timestamp;

use super::replay;
use super::routing::ScimTenant;
use super::sessions::Sessions;
use crate::config::report::HeldRemovals;

/// Erases people, and forgets changes and sessions whose time is over; what cannot be done is tried again the next time.
pub(super) async fn tidy(scim_tenant: &ScimTenant, now: Timestamp) {
    let directory = &scim_tenant.directory;
    let name = &scim_tenant.config.name;
    match directory.erase_due().await {
        Ok(0) => {}
        Ok(erased) => tracing::info!(scim_tenant = %name, erased, "people were erased"),
        Err(error) => {
            let error = crate::telemetry::chain(&error);
            tracing::warn!(scim_tenant = %name, error, "people could not be erased");
        }
    }
    if let Err(error) = directory.forget_due().await {
        let error = crate::telemetry::chain(&error);
        tracing::debug!(scim_tenant = %name, error, "old entries could not be forgotten");
    }
    replay::forget(scim_tenant, now).await;
    let Some(config) = &scim_tenant.config.sign_in else {
        return;
    };
    let sessions = Sessions::new(&*scim_tenant.opened.store, config, now);
    if let Err(error) = sessions.forget_over().await {
        let error = crate::telemetry::chain(&error);
        tracing::debug!(scim_tenant = %name, error, "ended sessions could not be forgotten");
    }
}

/// What the brake holds, if it holds something.
pub(super) async fn held(scim_tenant: &ScimTenant) -> Option<HeldRemovals> {
    let held = scim_tenant.directory.held().await.ok()?;
    Some(HeldRemovals {
        since: held.since?,
        deactivations: held.deactivations,
        deletions: held.deletions,
        membership_removals: held.membership_removals,
        examples: held.examples.iter().map(ToString::to_string).collect(),
    })
}

/// Break-glass accounts that are declared and not there, as far as that is known.
pub(super) async fn missing_break_glass(scim_tenant: &ScimTenant) -> Vec<String> {
    match scim_tenant.directory.missing_break_glass().await {
        Ok(missing) => missing.to_vec(),
        Err(_) => Vec::new(),
    }
}
