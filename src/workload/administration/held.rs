//! What the brake holds, and how it is let pass.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Administration, Administrator, Capability, NotDone, called};
use crate::config::BrakeConfig;
use crate::scim::schema::ResourceType;
use crate::store::{Related, ResourceId};

/// How long the brake is open by the command that is shown: behind Entra's next cycle.
const RELEASED: SignedDuration = SignedDuration::from_hours(1);

/// What the brake holds at present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    /// Whether a brake is declared at all.
    pub(crate) is_declared: bool,
    /// Since when something is held; nothing is when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// People who would have been deactivated.
    pub(crate) deactivations: u64,
    /// People and groups that would have been deleted.
    pub(crate) deletions: u64,
    /// Memberships that would have been removed.
    pub(crate) membership_removals: u64,
    /// Some of the people and groups that it is about.
    pub(crate) examples: Vec<HeldExample>,
    /// How much may happen in which time, such as `500 deactivations in 60 minutes`.
    pub(crate) limits: Vec<String>,
    /// The command by which all of it is let pass, or what to declare.
    pub(crate) how: String,
}

/// Somebody of whom something is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldExample {
    /// The identifier in the directory.
    pub(crate) id: String,
    /// Whether it is a group.
    pub(crate) is_group: bool,
    /// What it is called; the identifier where it is gone.
    pub(crate) name: String,
}

impl Held {
    /// Whether something is held.
    pub(crate) fn is_something(&self) -> bool {
        self.since.is_some()
    }

    /// What is held, such as `3 deactivations and 1 deletion`.
    pub(crate) fn what(&self) -> String {
        let all = [
            (self.deactivations, "deactivation"),
            (self.deletions, "deletion"),
            (self.membership_removals, "removal of a member"),
        ];
        let told = all.into_iter().filter(|it| it.0 > 0);
        let told = told.map(|(count, what)| match (count, what) {
            (1, what) => format!("1 {what}"),
            (count, "removal of a member") => format!("{count} removals of members"),
            (count, what) => format!("{count} {what}s"),
        });
        told.collect::<Vec<_>>().join(" and ")
    }
}

impl Administration<'_> {
    /// What the brake holds.
    pub(crate) async fn held(&self, who: &Administrator) -> Result<Held, NotDone> {
        who.must(Capability::SeeHeld)?;
        self.held_now().await
    }

    pub(super) async fn held_now(&self) -> Result<Held, NotDone> {
        let Some(brake) = &self.scim_tenant.config.policy.brake else {
            return Ok(Held {
                how: "Nothing is held: no brake is declared. Set spec.deprovisioning.brake of the ScimTenant."
                    .to_owned(),
                ..Held::default()
            });
        };
        let held = self.directory().held().await?;
        let mut examples = Vec::new();
        for id in &held.examples {
            examples.push(self.held_example(id).await?);
        }
        Ok(Held {
            is_declared: true,
            since: held.since,
            deactivations: held.deactivations,
            deletions: held.deletions,
            membership_removals: held.membership_removals,
            examples,
            limits: limits(brake),
            how: self.release(),
        })
    }

    /// The command that lets everything pass for an hour.
    fn release(&self) -> String {
        let name = &self.scim_tenant.config.name.0;
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        let until = self.now.checked_add(RELEASED).unwrap_or(self.now);
        let until = until.strftime("%Y-%m-%dT%H:%M:%SZ");
        let patch =
            json!({"spec": {"deprovisioning": {"brake": {"openUntil": until.to_string()}}}});
        format!(
            "kubectl --namespace {namespace} patch scimtenant {name} --type merge --patch '{patch}'"
        )
    }

    async fn held_example(&self, id: &ResourceId) -> Result<HeldExample, NotDone> {
        for kind in [ResourceType::User, ResourceType::Group] {
            if let Some(found) = self.store().find(kind, id, Related::Skip).await? {
                let resource = &found.resource;
                return Ok(HeldExample {
                    id: id.to_string(),
                    is_group: kind == ResourceType::Group,
                    name: called(resource).to_owned(),
                });
            }
        }
        Ok(HeldExample {
            id: id.to_string(),
            is_group: false,
            name: id.to_string(),
        })
    }
}

fn limits(brake: &BrakeConfig) -> Vec<String> {
    let minutes = brake.per_minutes;
    [
        (brake.deactivations, "deactivations"),
        (brake.deletions, "deletions"),
        (brake.membership_removals, "removals of members"),
    ]
    .map(|(count, what)| format!("{count} {what} in {minutes} minutes"))
    .to_vec()
}
