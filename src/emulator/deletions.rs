//! Disables and deletions that a cycle is about to do, for Entra's "Prevent accidental deletion".

use super::log::{Action, Entry, Outcome};
use super::run::{Named, Run};
use super::tenant::ObjectId;
use super::users::Standing;

/// Whoever of `users` and `groups` would be disabled or deleted.
pub(super) fn leaving<'a>(
    run: &Run<'a>,
    users: &[ObjectId],
    groups: &[ObjectId],
) -> Vec<Named<'a>> {
    let users = users.iter().filter_map(|id| {
        let link = run.job().users.get(id).cloned()?;
        let user = run.tenant.users().get(id);
        let is_blocked = user.is_some_and(|it| !it.account_enabled);
        let leaves = match run.standing(*id) {
            Standing::InScope => is_blocked && link.active,
            Standing::OutOfScope => {
                link.managed && !run.provisioner.settings.skip_out_of_scope_deletions
            }
            Standing::SoftDeleted => link.managed && link.active,
            Standing::Gone => link.managed,
        };
        leaves.then(|| run.named_user(*id))
    });
    let groups = groups.iter().filter_map(|id| {
        let is_linked = run.job().groups.contains_key(id);
        (is_linked && !run.is_group_in_scope(*id)).then(|| run.named_group(*id))
    });
    users.chain(groups).collect()
}

/// Counts and logs deletions that wait for an administrator.
pub(super) fn stage(run: &Run<'_>, leaving: &[Named<'_>]) {
    for of in leaving {
        run.summary().staged += 1;
        run.record(&Entry {
            action: Action::StagedDelete,
            of: *of,
            target: None,
            changes: &[],
            outcome: Outcome::Skipped(
                "TooManyDeletes",
                "more disables and deletions than the threshold allows",
            ),
        });
    }
}
