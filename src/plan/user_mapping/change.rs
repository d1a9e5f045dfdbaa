//! What becomes of a change of a mapping: it comes into force, or what is in force stays until somebody confirms.

use jiff::{SignedDuration, Timestamp};

use crate::api::user_mapping::{MappingInForce, MappingPreview, PreviewNames, UserMappingSpec};
use crate::api::{ScimTenant, UserMapping};

use super::super::child::{Child, ChildKey, ChildKind, Owner};
use super::super::mapping::difference::{Counted, Difference};
use super::super::policy::brake_allows;
use super::super::status;
use super::super::step::Step;
use super::super::verdict::Rejection;
use super::in_force::{self, InForce, Kept, digest, digest_of};

/// How long the names of a preview stay in the status once the mapping is in force.
const NAMES_STAY: SignedDuration = SignedDuration::from_hours(1);

/// What a change of a mapping is judged by.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    mapping: &'a UserMapping,
    tenant: &'a ScimTenant,
    kept: Kept,
    now: Timestamp,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// What is declared is in force.
    InForce,
    /// What was in force stays: the declared one has to be confirmed.
    Held {
        /// What it would do, and what to write.
        message: String,
    },
    /// What was in force stays until the directory can be looked at.
    Waiting,
}

/// What to do, and what is in force afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangePlan {
    /// In order; the first that fails ends the run.
    pub steps: Vec<Step>,
    /// What becomes of the change.
    pub decision: Decision,
    /// What is in force; nothing where its lines are lost.
    pub in_force: Option<InForce>,
}

impl<'a> Change<'a> {
    /// The change to `mapping` from what is `kept`.
    pub const fn new(
        mapping: &'a UserMapping,
        tenant: &'a ScimTenant,
        kept: Kept,
        now: Timestamp,
    ) -> Self {
        Self {
            mapping,
            tenant,
            kept,
            now,
        }
    }

    fn in_force(&self) -> Option<&InForce> {
        self.kept.in_force_of(self.mapping)
    }

    /// What is in force by the status and nobody has any more, unless what is declared was confirmed.
    pub fn lost(&self) -> Option<&MappingInForce> {
        let lost = self.kept.lost_of(self.mapping);
        lost.filter(|_| !self.is_confirmed())
    }

    fn is_in_force(&self) -> bool {
        self.in_force()
            .is_some_and(|it| it.spec == in_force::content(&self.mapping.spec))
    }

    /// What the mapping is compared with: what it would take the place of, or what it took the place of.
    fn former(&self) -> &UserMappingSpec {
        let former = self.in_force().and_then(|it| {
            if self.is_in_force() {
                it.former.as_ref()
            } else {
                Some(&it.spec)
            }
        });
        former.unwrap_or(&self.mapping.spec)
    }

    /// Whether somebody has to know what it would do: the brake, or who asks for a preview.
    pub fn is_asked_for(&self) -> bool {
        let is_judged = self.in_force().is_some() && !self.is_in_force() && !self.is_confirmed();
        // With nothing to compare it with, nobody can know.
        self.lost().is_none() && (is_judged || self.mapping.spec.preview.is_some())
    }

    fn is_confirmed(&self) -> bool {
        self.mapping.spec.confirm.as_ref() == Some(&digest(&self.mapping.spec))
    }

    /// What has to be compared, unless nobody asks or it was compared before.
    pub fn to_compare(&self) -> Option<Difference> {
        let is_known = self.known().is_some();
        (self.is_asked_for() && !is_known).then(|| {
            Difference::between(
                &self.former().users,
                &self.mapping.spec.users,
                &self.tenant.spec,
            )
        })
    }

    /// The preview that was made of the same before.
    fn known(&self) -> Option<&MappingPreview> {
        let known = self.mapping.status.as_ref()?.preview.as_ref()?;
        (known.inputs == self.inputs()).then_some(known)
    }

    /// Digest of all that a preview comes from but the directory.
    fn inputs(&self) -> String {
        let names = self.names();
        let spec = &self.mapping.spec;
        let tenant = &self.tenant.spec;
        digest_of(&(
            in_force::content(self.former()),
            in_force::content(spec),
            &tenant.schema,
            tenant.sign_in.built_in.enabled,
            names,
        ))
    }

    /// How many names are shown: none, unless somebody asks for a preview.
    pub fn names(&self) -> usize {
        let asked = self.mapping.spec.preview;
        asked.map_or(0, |it| usize::from(it.names))
    }

    /// The preview: the one that was made before, or the one that comes from `counted`.
    pub fn preview(&self, counted: Option<Counted>) -> Option<MappingPreview> {
        if !self.is_asked_for() {
            return None;
        }
        let Some(counted) = counted else {
            let mut known = self.known()?.clone();
            if self.is_in_force() && self.now.duration_since(known.computed_at.0) >= NAMES_STAY {
                known.names = PreviewNames::default();
            }
            return Some(known);
        };
        Some(counted.preview(
            self.mapping.metadata.generation,
            digest(&self.mapping.spec),
            self.inputs(),
            status::time(self.now),
        ))
    }

    /// What to do, with what is known of what it would do.
    ///
    /// # Errors
    /// When the place of the mapping in force is somebody else's.
    pub fn plan(&self, preview: Option<&MappingPreview>) -> Result<ChangePlan, Rejection> {
        if let Some(message) = self.lost().and_then(|it| self.loss(it)) {
            let decision = Decision::Held { message };
            return Ok(ChangePlan {
                steps: self.steps(None)?,
                decision,
                in_force: None,
            });
        }
        let declared = || match self.in_force() {
            None => InForce::first(self.mapping),
            Some(it) if self.is_in_force() => it.clone(),
            Some(it) => it.replaced_by(self.mapping),
        };
        let is_free = self.in_force().is_none() || self.is_in_force() || self.is_confirmed();
        let (decision, wanted) = match (is_free, preview) {
            (true, _) => (Decision::InForce, declared()),
            (false, None) => (Decision::Waiting, self.unchanged()),
            (false, Some(preview)) => match self.objection(preview) {
                None => (Decision::InForce, declared()),
                Some(message) => (Decision::Held { message }, self.unchanged()),
            },
        };
        Ok(ChangePlan {
            steps: self.steps(Some(&wanted))?,
            decision,
            in_force: Some(wanted),
        })
    }

    fn unchanged(&self) -> InForce {
        let kept = self.in_force().cloned();
        kept.unwrap_or_else(|| InForce::first(self.mapping))
    }

    /// Why `preview` has to be confirmed, if it has.
    fn objection(&self, preview: &MappingPreview) -> Option<String> {
        // Nobody knows how many more there are of whom nobody was looked at.
        let taken = if preview.incomplete {
            i64::MAX
        } else {
            preview.disabled + preview.rejected
        };
        if brake_allows(&self.tenant.spec.deprovisioning.brake, taken, self.now) {
            return None;
        }
        let brake = self.tenant.spec.deprovisioning.brake.deactivations;
        let tenant = self.tenant.metadata.name.as_deref().unwrap_or_default();
        let looked_at = if preview.incomplete {
            "were looked at before the time was over"
        } else {
            "are active"
        };
        let in_force = self.in_force().and_then(|it| it.generation);
        let stays = in_force.map_or_else(
            || "the mapping before it stays in force".to_owned(),
            |it| format!("the mapping of generation {it} stays in force"),
        );
        Some(format!(
            "would disable {} people and have {} refused, of {} who {}, and spec.deprovisioning.brake.deactivations of ScimTenant {tenant} is {brake}: {stays}; take the change back, or, if it is meant, write spec.confirm: {:?}",
            preview.disabled, preview.rejected, preview.people, looked_at, preview.digest
        ))
    }

    /// Why what is declared has to be confirmed after the lines of `lost` are gone, unless the brake is open.
    fn loss(&self, lost: &MappingInForce) -> Option<String> {
        if brake_allows(&self.tenant.spec.deprovisioning.brake, i64::MAX, self.now) {
            return None;
        }
        let secret = in_force::secret_name(&Owner::of(self.mapping));
        let before = lost.generation.map_or_else(
            || "the mapping before this one".to_owned(),
            |it| format!("the mapping of generation {it}"),
        );
        let confirm = digest(&self.mapping.spec);
        Some(format!(
            "Secret {secret} with {before}, which is in force, is gone, so that nobody can tell what this one would do to people: put the lines before it back, or, if it is meant, write spec.confirm: {confirm:?}"
        ))
    }

    fn steps(&self, wanted: Option<&InForce>) -> Result<Vec<Step>, Rejection> {
        let owner = Owner::of(self.mapping);
        let name = in_force::secret_name(&owner);
        let child = ChildKey::new(ChildKind::Secret, &owner.object.namespace, &name);
        if self.kept == Kept::Foreign {
            return Err(Rejection::NameTaken {
                child,
                field: "metadata.name",
            });
        }
        let Some(wanted) = wanted else {
            return Ok(Vec::new());
        };
        let mut secret = in_force::secret(&owner, wanted);
        Ok(match &self.kept {
            Kept::Foreign | Kept::Absent => vec![Step::Create(Box::new(secret))],
            Kept::Predecessor { uid } => vec![
                Step::Delete {
                    child,
                    uid: uid.clone(),
                },
                Step::Create(Box::new(secret)),
            ],
            Kept::Ours { seen, .. } => {
                // Should another process have decided meanwhile, this one looks again.
                seen.clone().pin(&mut secret.metadata);
                vec![Step::Apply(Child::Secret(Box::new(secret)))]
            }
        })
    }
}
