//! The second factor of people with a password, and the key that seals what is kept of it.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How people are asked for a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecondFactorConfig {
    /// Whether who has none sets one up when signing in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The file with a [`SealingKey`], which is read whenever it is needed.
    pub sealing_key_file: PathBuf,
}

/// A secret of 256 bits as Base64, which seals what the store keeps. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey(String);

impl SealingKey {
    /// The key made of 32 random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// The key that a file holds; nothing when somebody broke the text.
    pub fn parse(text: &str) -> Option<Self> {
        let key = Self(text.trim().to_owned());
        key.bytes().is_some().then_some(key)
    }

    /// The text, for the one place that writes it into a Secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The secret itself.
    pub fn bytes(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.0).ok()?.try_into().ok()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_hides_itself() {
        let key = SealingKey::from_random([7; 32]);
        let written = format!("{}\n", key.reveal());

        assert_eq!(SealingKey::parse(&written), Some(key.clone()));
        assert_eq!(key.bytes(), Some([7; 32]));
        assert_eq!(format!("{key:?}"), "SealingKey(…)");
        for broken in ["", "AAAA", "not Base64"] {
            assert_eq!(SealingKey::parse(broken), None);
        }
    }
}
