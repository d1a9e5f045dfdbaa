//! The applications that sign people in through a `ScimTenant`: what the document says of them.

use k8s_openapi::api::core::v1::Secret;

use url::Url;

use crate::api::ScimTenant;
use crate::api::scim_tenant::{
    Application, GrantType, ScimTenantSpec, SigningAlgorithm as Declared,
};
use crate::config::{
    ApplicationAuthentication, ApplicationConfig, ApplicationsConfig, ClaimConfig, PrivateKey,
    SigningAlgorithm, Token, TokenDigest,
};
use crate::scim::schema::{Rules, Schemas};

use super::child::Owner;
use super::oauth;
use super::observed::Site;
use super::verdict::Rejection;

/// Characters of a client secret at least, so that its digest gives nothing to guess from.
const SHORTEST_SECRET: usize = 32;

/// What was observed for the applications of a `ScimTenant`.
#[derive(Clone, Debug, Default)]
pub struct ApplicationsObserved {
    /// What is under the name of the Secret with the signing keys.
    pub signing_keys: Option<Secret>,
    /// A new key, for the case that one is needed; absent where nobody signs.
    pub fresh_key: Option<PrivateKey>,
    /// A new key for RS256, where [`super::signing_keys::lacks_rsa_key`] says so.
    pub fresh_rsa_key: Option<PrivateKey>,
    /// What there is of the client secrets, in the order of the spec; nothing where nobody looked.
    pub client_secrets: Vec<ClientSecretObserved>,
}

/// Where the public applications of `tenant` have people sent back to.
pub fn public_client_redirect_uris(tenant: &ScimTenant) -> Vec<String> {
    let applications = tenant.spec.sign_in.applications.iter();
    let public = applications.filter(|it| it.public);
    public.flat_map(|it| it.redirect_uris.clone()).collect()
}

/// What was observed of a client secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecretObserved {
    /// The application has none.
    NotNeeded,
    /// There is no such Secret.
    Absent,
    /// The Secret lacks the key.
    KeyMissing,
    /// It has fewer characters than a client secret must have.
    TooShort,
    /// It is there.
    Found(TokenDigest),
}

impl ClientSecretObserved {
    /// What there is under `key` in `secret`.
    pub fn of(secret: Option<&Secret>, key: &str) -> Self {
        let Some(secret) = secret else {
            return Self::Absent;
        };
        let value = secret.data.as_ref().and_then(|it| it.get(key));
        let text = value.and_then(|it| std::str::from_utf8(&it.0).ok());
        match text.map(str::trim) {
            None => Self::KeyMissing,
            Some(text) if text.len() < SHORTEST_SECRET => Self::TooShort,
            Some(text) => Self::Found(Token::presented(text).digest()),
        }
    }
}

/// What the document says of the applications of `tenant`; nothing when there are none. One whose client secret is missing is left out.
pub(super) fn applications(
    tenant: &ScimTenant,
    observed: &ApplicationsObserved,
    site: &Site,
    rules: &Rules,
) -> Result<Option<ApplicationsConfig>, Rejection> {
    let declared = &tenant.spec.sign_in.applications;
    check_claims(declared, rules)?;
    check_keys(declared)?;
    let secrets = observed.client_secrets.iter();
    let served = declared.iter().zip(secrets).filter_map(|(it, secret)| {
        let authentication = match secret {
            ClientSecretObserved::NotNeeded => match oauth::keys_of(it) {
                Some(keys) => ApplicationAuthentication::PrivateKey(keys),
                None if it.public => ApplicationAuthentication::Public,
                None => return None,
            },
            ClientSecretObserved::Found(digest) => {
                ApplicationAuthentication::Secret(digest.clone())
            }
            ClientSecretObserved::Absent
            | ClientSecretObserved::KeyMissing
            | ClientSecretObserved::TooShort => return None,
        };
        Some(application(it, authentication))
    });
    let commands = tenant.spec.portal.as_ref().map(|_| commands());
    let applications: Vec<_> = served.chain(commands).collect();
    Ok((!applications.is_empty()).then(|| ApplicationsConfig {
        signing_keys_file: site.client_secrets.signing_keys(&Owner::of(tenant)),
        applications,
    }))
}

/// The `client_id` of the commands of Usher.
pub const COMMANDS: &str = "usher-cli";

/// Whether `tenant` has applications: declared ones, or the commands of Usher, which ask for tokens where a portal is declared.
pub fn are_declared(tenant: &ScimTenantSpec) -> bool {
    !tenant.sign_in.applications.is_empty() || tenant.portal.is_some()
}

/// The commands of Usher: a public client that people let in at a browser.
fn commands() -> ApplicationConfig {
    ApplicationConfig {
        client_id: COMMANDS.to_owned(),
        authentication: ApplicationAuthentication::Public,
        redirect_uris: Vec::new(),
        device_authorization: true,
        signing_algorithm: SigningAlgorithm::default(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        claims: Vec::new(),
    }
}

fn application(
    declared: &Application,
    authentication: ApplicationAuthentication,
) -> ApplicationConfig {
    let claims = declared.claims.iter().map(|it| ClaimConfig {
        claim: it.claim.clone(),
        attribute: it.attribute.clone(),
    });
    ApplicationConfig {
        client_id: declared.name.clone(),
        authentication,
        redirect_uris: declared.redirect_uris.clone(),
        signing_algorithm: match declared.id_token_signed_response_alg {
            Declared::ES256 => SigningAlgorithm::Es256,
            Declared::RS256 => SigningAlgorithm::Rs256,
        },
        device_authorization: declared.grant_types.contains(&GrantType::DeviceCode),
        post_logout_redirect_uris: declared.post_logout_redirect_uris.clone(),
        backchannel_logout_uri: declared
            .backchannel_logout_uri
            .as_deref()
            .and_then(|it| Url::parse(it).ok()),
        claims: claims.collect(),
    }
}

fn check_keys(declared: &[Application]) -> Result<(), Rejection> {
    for (index, application) in declared.iter().enumerate() {
        let jwks = application.jwks.as_deref();
        if let Some(problem) = jwks.and_then(oauth::problem_of_jwks) {
            return Err(Rejection::Invalid {
                field: format!("spec.signIn.applications[{index}].jwks"),
                problem: problem.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_claims(declared: &[Application], rules: &Rules) -> Result<(), Rejection> {
    if declared.iter().all(|it| it.claims.is_empty()) {
        return Ok(());
    }
    let Ok(schemas) = Schemas::new(rules) else {
        return Ok(()); // it has been said
    };
    for (index, application) in declared.iter().enumerate() {
        for (place, claim) in application.claims.iter().enumerate() {
            let attribute = &claim.attribute;
            if attribute != "groups" && schemas.user.resolve(attribute).is_none() {
                return Err(Rejection::Invalid {
                    field: format!("spec.signIn.applications[{index}].claims[{place}].attribute"),
                    problem: format!(
                        "people have no attribute {attribute}; write groups, an attribute of SCIM such as userType, or one of spec.schema.extensions with its URN"
                    ),
                });
            }
        }
    }
    Ok(())
}

/// What is missing for the applications of `tenant`, the first of it; `is_open` says whether people sign in there at all.
pub(super) fn missing(
    tenant: &ScimTenant,
    observed: &ApplicationsObserved,
    is_open: bool,
) -> Option<Rejection> {
    let declared = &tenant.spec.sign_in.applications;
    if !declared.is_empty() && !is_open {
        return Some(Rejection::Invalid {
            field: "spec.signIn.applications".to_owned(),
            problem: "nobody can sign in to them; add spec.oidc to an AzureConnector of this ScimTenant, or set spec.signIn.builtIn.enabled".to_owned(),
        });
    }
    if tenant.spec.portal.is_some() && !is_open {
        return Some(Rejection::Invalid {
            field: "spec.portal".to_owned(),
            problem: "nobody can sign in to it; add spec.oidc to an AzureConnector of this ScimTenant, or set spec.signIn.builtIn.enabled".to_owned(),
        });
    }
    let mut pairs = declared.iter().zip(&observed.client_secrets);
    pairs.find_map(|(application, secret)| {
        let reference = application.client_secret_ref.as_ref()?;
        let (secret_name, key) = (&reference.name, &reference.key);
        match secret {
            ClientSecretObserved::NotNeeded | ClientSecretObserved::Found(_) => None,
            ClientSecretObserved::Absent => Some(Rejection::ReferenceNotFound {
                kind: "Secret",
                name: secret_name.clone(),
                field: "spec.signIn.applications",
            }),
            ClientSecretObserved::KeyMissing => Some(Rejection::KeyNotFound {
                secret: secret_name.clone(),
                key: key.clone(),
                field: "spec.signIn.applications",
            }),
            ClientSecretObserved::TooShort => Some(Rejection::Invalid {
                field: "spec.signIn.applications".to_owned(),
                problem: format!(
                    "key {key} of Secret {secret_name} has fewer than {SHORTEST_SECRET} characters; make one by openssl rand -hex 32"
                ),
            }),
        }
    })
}
