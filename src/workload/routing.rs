//! Which `ScimTenant` a request is for, by host and path, and which endpoint of it.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, Uri, header};

use super::credentials::Clients;
use super::directory::Directory;
use super::opened::Opened;
use super::scim::Walks;
use crate::config::{ScimTenantConfig, TokenDigest};
use crate::scim::schema::ResourceType;

/// Bytes of a path at most: a URN and a host's prefix fit many times.
const MAX_PATH: usize = 4096;

/// All that is served with one configuration.
pub(crate) struct Table {
    pub(crate) report_token: TokenDigest,
    pub(crate) scim_tenants: Vec<Arc<ScimTenant>>,
}

/// One directory with its address and its clients.
pub(crate) struct ScimTenant {
    pub(crate) config: ScimTenantConfig,
    pub(crate) scim_url: String,
    host: String,
    /// Path of its public URL without a trailing slash.
    pub(crate) prefix: String,
    pub(crate) directory: Directory,
    pub(crate) clients: Clients,
    pub(crate) opened: Arc<Opened>,
    pub(crate) walks: Walks,
}

impl ScimTenant {
    pub(crate) fn new(config: ScimTenantConfig, directory: Directory, opened: Arc<Opened>) -> Self {
        Self {
            scim_url: config.scim_url(),
            host: host_key(config.url.host_str().unwrap_or_default()),
            prefix: config.url.path().trim_end_matches('/').to_owned(),
            clients: Clients::new(config.clients.clone()),
            directory,
            opened,
            walks: Walks::default(),
            config,
        }
    }

    /// The public URL without a trailing slash; the issuer of its tokens.
    pub(crate) fn base(&self) -> &str {
        self.config.url.as_str().trim_end_matches('/')
    }
}

impl Table {
    /// The directory that serves `path` on `host`, and what follows its prefix.
    pub(crate) fn find<'p>(
        &self,
        host: &str,
        path: &'p str,
    ) -> Option<(&Arc<ScimTenant>, &'p str)> {
        let any_host = self.scim_tenants.len() == 1;
        self.scim_tenants
            .iter()
            .filter(|it| any_host || it.host == host)
            .filter_map(|it| {
                let rest = path.strip_prefix(it.prefix.as_str())?;
                rest.starts_with('/').then_some((it, rest))
            })
            .max_by_key(|(it, _)| it.prefix.len())
    }
}

/// The host that a request is for: of an absolute URI, else of the header; without port, in lower case.
pub(crate) fn host(uri: &Uri, headers: &HeaderMap) -> String {
    let named = || {
        headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
    };
    let host = uri
        .authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(named);
    host_key(host.unwrap_or_default())
}

/// The names of this machine's loopback count as one.
fn host_key(authority: &str) -> String {
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        Some(_) | None => authority,
    };
    match host {
        "127.0.0.1" | "[::1]" => "localhost".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

/// The name of the endpoint that takes a query in its body (RFC 7644, section 3.4.3).
const SEARCH: &str = ".search";

/// An endpoint of SCIM (RFC 7644, section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Resources(ResourceType),
    Resource(ResourceType, String),
    /// `/.search`: of one type, or of all.
    Search(Option<ResourceType>),
    Bulk,
    Me,
    Schemas,
    Schema(String),
    ResourceTypes,
    ResourceType(String),
    ServiceProviderConfig,
}

impl Endpoint {
    /// The endpoint at `rest`, a path behind the prefix of a directory. Repeated slashes count as one.
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        if rest.len() > MAX_PATH {
            return None;
        }
        let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
        if (segments.next(), segments.next()) != (Some("scim"), Some("v2")) {
            return None;
        }
        let (name, id) = (segments.next()?, segments.next());
        if segments.next().is_some() {
            return None;
        }
        let id = id.map(decoded);
        let kind = match name {
            "Users" => ResourceType::User,
            "Groups" => ResourceType::Group,
            SEARCH => return id.is_none().then_some(Self::Search(None)),
            "Bulk" => return id.is_none().then_some(Self::Bulk),
            "Me" => return id.is_none().then_some(Self::Me),
            "Schemas" => return Some(id.map_or(Self::Schemas, Self::Schema)),
            "ResourceTypes" => return Some(id.map_or(Self::ResourceTypes, Self::ResourceType)),
            "ServiceProviderConfig" => return id.is_none().then_some(Self::ServiceProviderConfig),
            _ => return None,
        };
        Some(match id {
            Some(id) if id == SEARCH => Self::Search(Some(kind)),
            // No resource has such an identifier, and not every database can ask for it.
            Some(id) if id.contains('\0') => return None,
            Some(id) => Self::Resource(kind, id),
            None => Self::Resources(kind),
        })
    }

    /// Its name in logs and metrics.
    pub(crate) fn route(&self) -> &'static str {
        match self {
            Self::Resources(ResourceType::User) => "/Users",
            Self::Resources(ResourceType::Group) => "/Groups",
            Self::Resource(ResourceType::User, _) => "/Users/{id}",
            Self::Resource(ResourceType::Group, _) => "/Groups/{id}",
            Self::Search(None) => "/.search",
            Self::Search(Some(ResourceType::User)) => "/Users/.search",
            Self::Search(Some(ResourceType::Group)) => "/Groups/.search",
            Self::Bulk => "/Bulk",
            Self::Me => "/Me",
            Self::Schemas => "/Schemas",
            Self::Schema(_) => "/Schemas/{urn}",
            Self::ResourceTypes => "/ResourceTypes",
            Self::ResourceType(_) => "/ResourceTypes/{name}",
            Self::ServiceProviderConfig => "/ServiceProviderConfig",
        }
    }

    /// Its name for an administrator, without identifiers.
    pub(crate) fn target(&self) -> &'static str {
        match self {
            Self::Resource(ResourceType::User, _) => "Users/…",
            Self::Resource(ResourceType::Group, _) => "Groups/…",
            Self::Schema(_) => "Schemas/…",
            Self::ResourceType(_) => "ResourceTypes/…",
            other @ (Self::Resources(_)
            | Self::Search(_)
            | Self::Bulk
            | Self::Me
            | Self::Schemas
            | Self::ResourceTypes
            | Self::ServiceProviderConfig) => other.route().trim_start_matches('/'),
        }
    }

    /// The identifier in its path.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Resource(_, id) => Some(id),
            _ => None,
        }
    }

    /// The resource type that it is about.
    pub(crate) fn kind(&self) -> Option<ResourceType> {
        match self {
            Self::Resources(kind) | Self::Resource(kind, _) => Some(*kind),
            Self::Search(kind) => *kind,
            Self::Bulk
            | Self::Me
            | Self::Schemas
            | Self::Schema(_)
            | Self::ResourceTypes
            | Self::ResourceType(_)
            | Self::ServiceProviderConfig => None,
        }
    }

    /// The methods that it understands, for `Allow`.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::Resources(_) => "GET, HEAD, POST",
            Self::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Search(_) | Self::Bulk => "POST",
            Self::Me => "GET, HEAD, POST, PUT, PATCH, DELETE",
            Self::Schemas
            | Self::Schema(_)
            | Self::ResourceTypes
            | Self::ResourceType(_)
            | Self::ServiceProviderConfig => "GET, HEAD",
        }
    }

    /// Whether a request with `method` changes something.
    pub(crate) fn writes(&self, method: &Method) -> bool {
        !matches!(self, Self::Search(_)) && !matches!(*method, Method::GET | Method::HEAD)
    }

    /// Whether it understands `method`.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|it| it == method.as_str())
    }
}

/// A segment of a path without its percent signs; what is no UTF-8 is replaced.
fn decoded(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|it| u8::try_from(it).ok())
        };
        rest = match (first, tail) {
            (b'%', [high, low, behind @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default());
                behind
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_found_with_repeated_slashes_and_nothing_else_is() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(
                Endpoint::parse(path).map(|it| it.route()),
                expected,
                "{path}"
            );
        };
        check("/scim/v2/Users", Some("/Users"));
        check("/scim/v2//Users/", Some("/Users"));
        check("/scim/v2/Groups/1", Some("/Groups/{id}"));
        check("/scim/v2/Schemas/urn%3Ax", Some("/Schemas/{urn}"));
        check(
            "/scim/v2/ServiceProviderConfig",
            Some("/ServiceProviderConfig"),
        );
        check("/scim/v2/ServiceProviderConfig/1", None);
        check("/scim/v2/Groups/.search", Some("/Groups/.search"));
        check("/scim/v2/.search", Some("/.search"));
        check("/scim/v2/.search/1", None);
        check("/scim/v2/Me", Some("/Me"));
        check("/scim/v2/Users/a%00b", None);
        check("/scim/v2/Users/1/2", None);
        check("/scim/v2", None);
        check("/", None);
        check("/Users", None);
        check(&format!("/scim/v2/Users/{}", "x".repeat(5000)), None);
    }

    #[test]
    fn an_identifier_is_decoded() {
        let id = |path: &str| match Endpoint::parse(path) {
            Some(Endpoint::Schema(id)) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id("/scim/v2/Schemas/urn%3Aa%2Bb"), "urn:a+b");
        assert_eq!(id("/scim/v2/Schemas/a%zz%4"), "a%zz%4");
        assert_eq!(id("/scim/v2/Schemas/%ff"), "\u{fffd}");
    }

    #[test]
    fn a_host_is_compared_without_port_and_casing() {
        assert_eq!(host_key("Contoso.Example:8080"), "contoso.example");
        assert_eq!(host_key("[::1]:80"), "localhost");
        assert_eq!(host_key("127.0.0.1"), "localhost");
    }
}
