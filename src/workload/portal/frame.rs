//! What every page has around it: the bar with five places, and who is looking.

use std::sync::LazyLock;

use crate::config;

/// Tokens that the sign-in pages have as well, then what is the portal's own.
pub(super) const STYLE: &str = concat!(
    include_str!("../sign_in/templates/tokens.css"),
    include_str!("templates/style.css")
);

/// Its name, which changes with it, so that browsers may keep it.
pub(super) static STYLE_NAME: LazyLock<String> =
    LazyLock::new(|| format!("style-{}.css", &config::digest(STYLE)[..12]));

/// What betters pages that work without it.
pub(super) const SCRIPT: &str = include_str!("templates/portal.js");

/// Its name, as that of the style sheet.
pub(super) static SCRIPT_NAME: LazyLock<String> =
    LazyLock::new(|| format!("portal-{}.js", &config::digest(SCRIPT)[..12]));

/// One of the places of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    People,
    Groups,
    Connectors,
    Requests,
}

impl Place {
    const ALL: [Self; 5] = [
        Self::Overview,
        Self::People,
        Self::Groups,
        Self::Connectors,
        Self::Requests,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::People => "People",
            Self::Groups => "Groups",
            Self::Connectors => "Connectors",
            Self::Requests => "Requests",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "/portal",
            Self::People => "/portal/people",
            Self::Groups => "/portal/groups",
            Self::Connectors => "/portal/connectors",
            Self::Requests => "/portal/requests",
        }
    }
}

/// A place as the bar shows it.
pub(super) struct ShownPlace {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) is_here: bool,
}

/// What every page has around it.
pub(super) struct Frame {
    /// The name of the `ScimTenant`.
    pub(super) name: String,
    /// What paths of this directory begin with.
    pub(super) prefix: String,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    /// What the person is called who looks.
    pub(super) who: String,
    /// The role of that person; the bar is empty without one.
    pub(super) role: Option<&'static str>,
    /// What each form of this session has, and no form of another site.
    pub(super) csrf: String,
    /// The place that the page belongs to.
    pub(super) here: Option<Place>,
}

impl Frame {
    /// The places that the role has.
    pub(super) fn places(&self) -> Vec<ShownPlace> {
        if self.role.is_none() {
            return Vec::new();
        }
        let shown = Place::ALL.into_iter().map(|it| ShownPlace {
            name: it.name(),
            path: it.path(),
            is_here: self.here == Some(it),
        });
        shown.collect()
    }
}
