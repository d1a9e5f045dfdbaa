//! Attributes that one client owns: what others write of them changes nothing.

use crate::config::AttributeOwnerConfig;
use crate::scim::resource::Resource;
use crate::scim::schema::{AttributePath, Resolved, ResourceSchema};

/// The owners of attributes of people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ownership(Vec<(AttributePath, String)>);

impl Ownership {
    /// What is declared, of the attributes that there are.
    pub(crate) fn of(declared: &[AttributeOwnerConfig], people: &ResourceSchema) -> Self {
        let mut owned = Vec::new();
        for owner in declared {
            for name in &owner.attributes {
                if let Some(Resolved::Attribute { path, .. }) = people.resolve(name) {
                    owned.push((path, owner.client.clone()));
                }
            }
        }
        Self(owned)
    }

    /// What becomes of `current` when `client` wants `wanted`: what others own stays. Says how many attributes that are.
    pub(super) fn keep(
        &self,
        client: &str,
        current: &Resource,
        mut wanted: Resource,
    ) -> (Resource, usize) {
        let others = self.0.iter().filter(|(_, owner)| owner != client);
        let kept = others.filter(|(path, _)| wanted.take_over(path, current));
        let kept = kept.count();
        (wanted, kept)
    }
}
