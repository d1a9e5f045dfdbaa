//! The Secret with the configuration of a workload, and the credential of its report endpoint.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::config::{ProviderConfig, ScimClientConfig, ScimTenantConfig, Token, WorkloadConfig};

use super::super::child::{OWNER_UID, Owner, Ownership, Seen};
use super::{Names, owned};

/// Key of the document, and its file name in the pods.
pub const CONFIG_KEY: &str = "config.json";
/// Key of the credential of the report endpoint, which only the operator reads.
pub const REPORT_TOKEN_KEY: &str = "report-token";
/// Annotation with the uid of the connector that each client entry was made for, as JSON: a new connector of an old name must not inherit.
pub const CLIENTS: &str = "usher.dev/clients";

/// What is found where the configuration should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Our Secret.
    Ours(Box<Present>),
    /// A Secret that was made for an earlier object of the same name.
    Predecessor {
        /// Its `metadata.uid`.
        uid: String,
    },
    /// Somebody else's.
    Foreign,
}

/// Our Secret as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Present {
    /// The state in which it is.
    pub seen: Seen,
    /// The credential of the report endpoint, unless somebody changed it.
    pub report_token: Option<Token>,
    /// The document, unless somebody made it unreadable.
    pub document: Option<String>,
    /// The client entries of the document, each with the uid of its connector.
    pub clients: Vec<(String, ScimClientConfig)>,
    /// The identity providers of the document.
    pub providers: Vec<ProviderConfig>,
    /// URN and name of each attribute of open extensions in the document.
    pub keys: Vec<(String, String)>,
}

/// Looks at what is under the name of the configuration of `owner`.
pub fn inspect(owner: &Owner, secret: Option<&Secret>) -> Found {
    let Some(secret) = secret else {
        return Found::Absent;
    };
    match owner.ownership(&secret.metadata) {
        Ownership::Foreign => Found::Foreign,
        Ownership::Predecessor | Ownership::Orphan => Found::Predecessor {
            uid: secret.metadata.uid.clone().unwrap_or_default(),
        },
        Ownership::Ours => Found::Ours(Box::new(present(secret))),
    }
}

fn present(secret: &Secret) -> Present {
    let text = |key: &str| {
        let value = secret.data.as_ref()?.get(key)?;
        String::from_utf8(value.0.clone()).ok()
    };
    let document = text(CONFIG_KEY);
    let config = document
        .as_deref()
        .and_then(|it| WorkloadConfig::parse(it).ok());
    let uids: BTreeMap<String, String> = secret
        .metadata
        .annotations
        .as_ref()
        .and_then(|it| it.get(CLIENTS))
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    // A document in which the digest does not fit was edited: then both are made anew.
    let report_token = text(REPORT_TOKEN_KEY)
        .map(|it| Token::presented(&it))
        .filter(|it| {
            config
                .as_ref()
                .is_some_and(|config| config.report_token.matches(it))
        });
    let scim_tenants = config.map(|it| it.scim_tenants).unwrap_or_default();
    let sign_ins = scim_tenants.iter().filter_map(|it| it.sign_in.as_ref());
    let keys = scim_tenants.iter().flat_map(open_keys).collect();
    let providers = sign_ins.flat_map(|it| it.providers.clone()).collect();
    let clients = scim_tenants
        .into_iter()
        .flat_map(|it| it.clients)
        .filter_map(|client| Some((uids.get(&client.name)?.clone(), client)))
        .collect();
    Present {
        seen: Seen::of(&secret.metadata),
        report_token,
        document,
        clients,
        providers,
        keys,
    }
}

fn open_keys(config: &ScimTenantConfig) -> Vec<(String, String)> {
    let open = config.schema.extensions.iter().filter(|it| it.open);
    let keys = open.flat_map(|extension| {
        let attributes = extension.attributes.iter();
        attributes.map(|it| (extension.urn.clone(), it.name.clone()))
    });
    keys.collect()
}

/// The Secret with `document`; `uids` are those of the connectors by name.
pub fn config(
    owner: &Owner,
    document: &str,
    report_token: &Token,
    uids: &BTreeMap<String, String>,
) -> Secret {
    let mut metadata = owned(owner, &Names::of(owner).config);
    let clients = serde_json::to_string(uids).expect("a map of strings is JSON");
    metadata.annotations = Some(
        [
            (OWNER_UID.to_owned(), owner.uid.clone()),
            (CLIENTS.to_owned(), clients),
        ]
        .into(),
    );
    let data = [
        (CONFIG_KEY, document),
        (REPORT_TOKEN_KEY, report_token.reveal()),
    ];
    Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some(
            data.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())))
                .into(),
        ),
        ..Secret::default()
    }
}
