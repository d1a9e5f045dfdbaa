//! The mapping in force: kept in a Secret of the `UserMapping`, so that a change that waits to be confirmed leaves it as it is.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};

use crate::api::UserMapping;
use crate::api::user_mapping::{MappingInForce, UserMappingSpec};
use crate::config;

use super::super::child::{OWNER_UID, Owner, Ownership, Seen};
use super::super::objects::owned;

/// Key of the document.
pub const MAPPING_KEY: &str = "mapping.json";

/// Characters of a digest: enough to tell the changes of one mapping apart, few enough to be typed.
const DIGEST: usize = 12;

/// A mapping that is in force, and the one that it took the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The generation of the spec in which it came into force.
    pub generation: Option<i64>,
    /// Its lines and filters.
    pub spec: UserMappingSpec,
    /// What was in force before it; nothing of the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<UserMappingSpec>,
}

/// What is found where the mapping in force should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Absent,
    /// Our Secret; without a document if somebody made it unreadable.
    Ours {
        /// The state in which it is.
        seen: Seen,
        /// The mapping.
        in_force: Option<Box<InForce>>,
    },
    /// A Secret that was made for an earlier object of the same name.
    Predecessor {
        /// Its `metadata.uid`.
        uid: String,
    },
    /// Somebody else's.
    Foreign,
}

impl InForce {
    /// What `mapping` declares, as the first that is in force.
    pub fn first(mapping: &UserMapping) -> Self {
        Self {
            generation: mapping.metadata.generation,
            spec: content(&mapping.spec),
            former: None,
        }
    }

    /// What `mapping` declares, in the place of this one.
    #[must_use]
    pub fn replaced_by(&self, mapping: &UserMapping) -> Self {
        Self {
            former: Some(self.spec.clone()),
            ..Self::first(mapping)
        }
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        let groups = self.spec.groups.as_ref();
        self.spec.users.attributes.len() + groups.map_or(0, |it| it.attributes.len())
    }

    /// As the status has it.
    pub fn told(&self) -> MappingInForce {
        MappingInForce {
            generation: self.generation,
            digest: digest(&self.spec),
        }
    }
}

impl Kept {
    /// The mapping in force of `mapping`, if there is one. One of another connector says nothing of the people of this one.
    pub fn in_force_of(&self, mapping: &UserMapping) -> Option<&InForce> {
        let found = match self {
            Self::Ours { in_force, .. } => in_force.as_deref(),
            Self::Absent | Self::Predecessor { .. } | Self::Foreign => None,
        };
        found.filter(|it| it.spec.connector_ref == mapping.spec.connector_ref)
    }

    /// The mapping in force by the status of `mapping`, if nobody has its lines any more: its Secret is gone or unreadable, and what
    /// `mapping` declares is another.
    pub fn lost_of<'m>(&self, mapping: &'m UserMapping) -> Option<&'m MappingInForce> {
        let is_kept = match self {
            Self::Ours { in_force, .. } => in_force.is_some(),
            Self::Absent | Self::Predecessor { .. } | Self::Foreign => false,
        };
        let told = mapping.status.as_ref()?.in_force.as_ref()?;
        (!is_kept && told.digest != digest(&mapping.spec)).then_some(told)
    }
}

/// Name of the Secret of `owner`.
pub fn secret_name(owner: &Owner) -> String {
    format!("{}-mapping", owner.object.name)
}

/// What of a spec comes into force.
pub fn content(spec: &UserMappingSpec) -> UserMappingSpec {
    UserMappingSpec {
        preview: None,
        confirm: None,
        ..spec.clone()
    }
}

/// Digest of what of `spec` comes into force.
pub fn digest(spec: &UserMappingSpec) -> String {
    digest_of(&content(spec))
}

/// A short digest of a value.
pub(super) fn digest_of(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    config::digest(&text).chars().take(DIGEST).collect()
}

/// Looks at what is under the name of the mapping in force of `owner`.
pub fn inspect(owner: &Owner, secret: Option<&Secret>) -> Kept {
    let Some(secret) = secret else {
        return Kept::Absent;
    };
    match owner.ownership(&secret.metadata) {
        Ownership::Foreign => Kept::Foreign,
        Ownership::Predecessor | Ownership::Orphan => Kept::Predecessor {
            uid: secret.metadata.uid.clone().unwrap_or_default(),
        },
        Ownership::Ours => {
            let document = secret.data.as_ref().and_then(|it| it.get(MAPPING_KEY));
            Kept::Ours {
                seen: Seen::of(&secret.metadata),
                in_force: document.and_then(|it| serde_json::from_slice(&it.0).ok()),
            }
        }
    }
}

/// The Secret with `in_force`.
pub fn secret(owner: &Owner, in_force: &InForce) -> Secret {
    let document = serde_json::to_vec(in_force).expect("a mapping has only string keys");
    let mut metadata = owned(owner, &secret_name(owner));
    metadata.annotations = Some([(OWNER_UID.to_owned(), owner.uid.clone())].into());
    Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some([(MAPPING_KEY.to_owned(), ByteString(document))].into()),
        ..Secret::default()
    }
}
