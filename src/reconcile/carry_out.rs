//! Carries out a plan: one step after the other, until one fails.

use crate::plan::{Owner, Step};
use crate::platform::PlatformError;

use super::Context;

/// Performs `steps` for `owner` in order and stops at the first that fails; the next run observes and plans anew.
pub(super) async fn carry_out(
    ctx: &Context,
    owner: &Owner,
    steps: &[Step],
) -> Result<(), PlatformError> {
    for step in steps {
        match step {
            Step::Apply(child) => ctx.platform.apply(owner, child).await?,
            Step::Create(secret) => ctx.platform.create_secret(secret).await?,
            Step::Delete { child, uid } => ctx.platform.delete(child, uid).await?,
            Step::Announce(announcement) => ctx.platform.announce(owner, announcement).await,
        }
    }
    Ok(())
}
