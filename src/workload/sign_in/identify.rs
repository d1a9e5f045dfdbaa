//! Identifier first: who somebody is decides where the person is led, to Entra or to the box for a password. A name that nobody has is
//! asked for a password like any other, unless it is of a domain whose people are led to Entra.
//!
//! Of several connectors it is the one that the account came by, else the one with the domain; where neither says it, the person chooses.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use url::Host;

use super::pages::{self, Choice, Identify, PasswordBox};
use super::refused::Refused;
use super::{Visit, begin, passkey, redirect};
use crate::config::ProviderConfig;
use crate::store::audit::AuditQuery;
use crate::store::{ResourceId, StoreError, Stored};
use crate::workload::directory::sign_in_method::SignInMethod;

/// Characters of a user name that is looked up.
const LONGEST: usize = 256;

/// What is said to who has typed something else.
pub(super) const NO_NAME: &str = "This is no user name: one has 256 characters at most.";

/// Entries of the audit by which is found who provisioned a person.
const ENTRIES: usize = 20;

/// Where somebody is led.
enum Way<'w> {
    /// To the box for a password.
    Password,
    /// To the provider of a connector.
    Provider(&'w ProviderConfig),
    /// To the choice: which of several providers it is, is not known.
    Choice,
}

impl Visit<'_> {
    /// The name by which somebody wants to sign in.
    pub(super) fn user_name(&self, field: &str) -> Option<&str> {
        let name = self.form.get(field)?.trim();
        (!name.is_empty() && name.chars().count() <= LONGEST && !name.contains('\0'))
            .then_some(name)
    }

    /// Where the person is led who is this one, or who is nobody, and has typed this name.
    async fn way(&self, person: Option<&Stored>, user_name: &str) -> Result<Way<'_>, StoreError> {
        let method = person.map(|it| SignInMethod::of(&it.resource, self.config));
        let connector = match self.config.providers.as_slice() {
            [] | [_] => None,
            // Nobody has the empty id: looked up like any other, so that it takes as long.
            _ => {
                let nobody = ResourceId::new("");
                self.connector_of(person.map_or(&nobody, |it| &it.id))
                    .await?
            }
        };
        let by_domain = domain(user_name).and_then(|it| self.config.provider_of(&it));
        Ok(match (method, self.config.providers.as_slice()) {
            (Some(SignInMethod::BuiltIn), _) | (_, []) => Way::Password,
            (None, _) => by_domain.map_or(Way::Password, Way::Provider),
            (Some(SignInMethod::Entra), [only]) => Way::Provider(only),
            (Some(SignInMethod::Entra), _) => {
                connector.or(by_domain).map_or(Way::Choice, Way::Provider)
            }
        })
    }

    /// The domain that an application says the person to be of.
    pub(super) fn domain_hint(&self) -> Option<String> {
        ascii(self.form.get("domain_hint")?)
    }

    /// The provider of that domain, where nobody is named.
    pub(super) fn named_by_domain(&self) -> Option<&ProviderConfig> {
        let is_alone = self.user_name("login_hint").is_none();
        let domain = self.domain_hint().filter(|_| is_alone)?;
        self.config.provider_of(&domain)
    }

    /// The connector that wrote a person last, if people sign in through it.
    async fn connector_of(&self, id: &ResourceId) -> Result<Option<&ProviderConfig>, StoreError> {
        let query = AuditQuery {
            id: Some(id.clone()),
            count: ENTRIES,
            ..AuditQuery::default()
        };
        let entries = self.scim_tenant.opened.store.audit(&query).await?;
        let mut clients = entries.iter().map(|it| &it.entry.requester.client);
        Ok(clients.find_map(|it| self.config.provider(it)))
    }
}

/// The provider of who is named in the request, where there are several and no other way in.
pub(super) async fn hinted<'v>(
    visit: &'v Visit<'_>,
) -> Result<Option<&'v ProviderConfig>, Refused> {
    let Some(user_name) = visit.user_name("login_hint") else {
        return Ok(None);
    };
    match looked_up(visit, user_name).await? {
        Way::Provider(provider) => Ok(Some(provider)),
        Way::Password | Way::Choice => Ok(None),
    }
}

/// Where `user_name` is led. Whoever looks up many names is made to wait, whatever becomes of them: a name that is led to a provider
/// tells as much as one that is not, and nobody has to go there.
async fn looked_up<'v>(visit: &'v Visit<'_>, user_name: &str) -> Result<Way<'v>, Refused> {
    if let Some(seconds) = visit.shared.looked_up.count(visit.from(), visit.now) {
        return Err(Refused::Limited(seconds));
    }
    let person = visit.scim_tenant.directory.with_user_name(user_name);
    let person = person.await?;
    Ok(visit.way(person.as_ref(), user_name).await?)
}

/// The domain of a user name or an e-mail address. What has more than one `@` has none: nobody guesses which of them counts.
pub(super) fn domain(name: &str) -> Option<String> {
    let (local, domain) = name.split_once('@')?;
    let is_one = !local.is_empty() && !domain.contains('@');
    ascii(domain).filter(|_| is_one)
}

/// A domain as it is declared: in lower case, and other than ASCII as DNS has it.
fn ascii(domain: &str) -> Option<String> {
    match Host::parse(domain) {
        Ok(Host::Domain(it)) => Some(it),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

/// Asks for the user name, or leads on who has said it.
pub(super) async fn identify(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let return_to = visit.return_to()?;
    let return_to = return_to.as_deref();
    let Some(user_name) = visit.user_name("login_hint") else {
        let typed = visit.form.get("login_hint").unwrap_or_default();
        let wrong = (!typed.trim().is_empty()).then_some(NO_NAME);
        let status = wrong.map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
        let page = Identify {
            frame: pages::frame(visit),
            return_to,
            has_passkeys: passkey::are_there(visit),
            again: visit.wants_again(),
            wrong,
        };
        return Ok(pages::page(visit, status, &page));
    };
    match looked_up(visit, user_name).await? {
        Way::Password => Ok(password_box(visit, user_name, return_to, None)),
        Way::Choice => Ok(begin::choices(visit, return_to)),
        Way::Provider(provider) => {
            let url = pages::begin_url_for(visit, &provider.connector, return_to);
            if visit.head.method == Method::POST {
                return Ok(pages::onward(visit, &url));
            }
            Ok(redirect(&url))
        }
    }
}

/// The box for the password of `user_name`, with what was wrong before.
pub(super) fn password_box(
    visit: &Visit<'_>,
    user_name: &str,
    return_to: Option<&str>,
    wrong: Option<&Refused>,
) -> Response<Body> {
    let others = visit.config.providers.iter().map(|it| Choice {
        name: it.display_name.clone(),
        url: pages::begin_url(visit, &it.connector, return_to),
    });
    let page = PasswordBox {
        frame: pages::frame(visit),
        user_name,
        return_to,
        wrong: wrong.map(Refused::words),
        others: others.collect(),
        writes: visit.config.email.is_some(),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    pages::page(visit, status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A13: addresses that are written to be read in two ways.
    #[test]
    fn a13_a_name_has_one_domain_or_none() {
        let check = |name: &str, expected| assert_eq!(domain(name).as_deref(), expected, "{name}");
        check("lena@contoso.example", Some("contoso.example"));
        check("Lena@Contoso.EXAMPLE", Some("contoso.example"));
        check("lena@b\u{fc}cher.example", Some("xn--bcher-kva.example"));
        check("lena@cont\u{ad}oso.example", Some("contoso.example"));
        check("lena@cont\u{43e}so.example", Some("xn--contso-zqf.example"));
        for none in [
            "lena",
            "lena@",
            "@contoso.example",
            "lena@evil.example@contoso.example",
            "\"lena@evil.example\"@contoso.example",
            "lena@contoso.example@evil.example",
            "lena@contoso example",
            "lena@192.0.2.1",
            "lena@[2001:db8::1]",
            "lena@contoso.example/evil.example",
            "lena@contoso.example:25",
        ] {
            check(none, None);
        }
    }
}
