//! The three kinds as a value.

/// One of the kinds, in the order in which their objects refer to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `ScimTenant`.
    ScimTenant,
    /// `AzureConnector`.
    AzureConnector,
    /// `UserMapping`.
    UserMapping,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ScimTenant, Self::AzureConnector, Self::UserMapping];

    /// The word in `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScimTenant => "ScimTenant",
            Self::AzureConnector => "AzureConnector",
            Self::UserMapping => "UserMapping",
        }
    }

    /// The kind that `word` stands for.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}
