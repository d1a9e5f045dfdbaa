//! The authorization request and its answer: code flow (OpenID Connect Core 1.0, section 3.1) with PKCE by S256 (RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

/// Characters of a parameter at most; Entra's codes have some 1,500.
const LONGEST: usize = 8 * 1024;

/// What the browser is sent to the provider with.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'r> {
    /// Who asks.
    pub client_id: &'r str,
    /// Where the answer goes.
    pub redirect_uri: &'r str,
    /// Comes back in the answer.
    pub state: &'r str,
    /// Comes back in the ID token.
    pub nonce: &'r str,
    /// Whose challenge is sent; the code is worth nothing without it.
    pub verifier: &'r str,
    /// By what name the person may be known there.
    pub login_hint: Option<&'r str>,
    /// Of which domain the person is; a parameter of Entra.
    pub domain_hint: Option<&'r str>,
    /// Whether who is signed in there has to sign in again.
    pub again: bool,
    /// Whether a refresh token is wanted (OpenID Connect Core 1.0, section 11).
    pub refresh: bool,
    /// The Microsoft Graph whose permission `User.Read` is wanted, by its base URL.
    pub graph: Option<&'r Url>,
}

impl AuthorizationRequest<'_> {
    /// The address for the browser.
    pub fn url(&self, endpoint: &Url) -> Url {
        let mut url = endpoint.clone();
        let mut scope = "openid profile email".to_owned();
        if self.refresh {
            scope.push_str(" offline_access");
        }
        if let Some(graph) = self.graph {
            let base = graph.as_str().trim_end_matches('/');
            scope = format!("{scope} {base}/User.Read");
        }
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &scope)
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", &challenge(self.verifier))
            .append_pair("code_challenge_method", "S256");
        if let Some(name) = self.login_hint {
            url.query_pairs_mut().append_pair("login_hint", name);
        }
        if let Some(domain) = self.domain_hint {
            url.query_pairs_mut().append_pair("domain_hint", domain);
        }
        if self.again {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        url
    }
}

/// RFC 7636, section 4.2.
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What the provider sends the browser back with.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// The `state` of the request.
    pub state: String,
    /// Whose answer it is.
    pub iss: Option<String>,
    /// The code, or why there is none.
    pub outcome: Result<String, ProviderError>,
}

/// An error of a provider (RFC 6749, sections 4.1.2.1 and 5.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider says {error}{}", code.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
pub struct ProviderError {
    /// `error`, as far as it is a word.
    pub error: String,
    /// The number with which Entra begins its `error_description`, such as `AADSTS50105`; the rest may name people.
    pub code: Option<String>,
}

impl ProviderError {
    /// Whether it says that the person has to sign in again (RFC 6749, section 5.2; OpenID Connect Core 1.0, section 3.1.2.6).
    pub fn ends_session(&self) -> bool {
        matches!(
            self.error.as_str(),
            "invalid_grant" | "interaction_required" | "login_required" | "consent_required"
        )
    }

    /// The error that `error` and `error_description` speak of.
    pub fn new(error: &str, description: &str) -> Self {
        let is_word = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
        let word: String = error.chars().take_while(is_word).take(64).collect();
        let digits = description.strip_prefix("AADSTS").unwrap_or_default();
        let digits: String = digits
            .chars()
            .take_while(char::is_ascii_digit)
            .take(9)
            .collect();
        Self {
            error: if word.is_empty() {
                "unknown_error".to_owned()
            } else {
                word
            },
            code: (!digits.is_empty()).then(|| format!("AADSTS{digits}")),
        }
    }
}

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// RFC 6749, section 3.1: parameters must not be included more than once.
    #[error("the parameter {0} is there more than once")]
    Twice(&'static str),
    /// Longer than any provider makes it.
    #[error("the parameter {0} is too long")]
    TooLong(&'static str),
    /// Whose answer it is, nobody can say.
    #[error("the parameter state is missing")]
    NoState,
    /// Neither is there.
    #[error("the parameters code and error are missing")]
    NoOutcome,
    /// RFC 9207, section 2.4: an answer of another provider must not be used.
    #[error("the answer is that of another issuer (iss)")]
    Issuer,
}

impl AuthorizationResponse {
    /// Reads the query of the redirect URI.
    ///
    /// # Errors
    /// When it has no state, neither code nor error, or something twice.
    pub fn parse(query: &str) -> Result<Self, ResponseError> {
        let (mut state, mut code, mut error, mut description, mut iss) =
            (None, None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, place) = match name.as_ref() {
                "state" => ("state", &mut state),
                "code" => ("code", &mut code),
                "error" => ("error", &mut error),
                "error_description" => ("error_description", &mut description),
                "iss" => ("iss", &mut iss),
                _ => continue,
            };
            if value.len() > LONGEST {
                return Err(ResponseError::TooLong(name));
            }
            if place.replace(value.into_owned()).is_some() {
                return Err(ResponseError::Twice(name));
            }
        }
        let description = description.unwrap_or_default();
        let outcome = match (error, code) {
            (Some(error), _) => Err(ProviderError::new(&error, &description)),
            (None, Some(code)) if !code.is_empty() => Ok(code),
            (None, _) => return Err(ResponseError::NoOutcome),
        };
        let state = state.filter(|it: &String| !it.is_empty());
        Ok(Self {
            state: state.ok_or(ResponseError::NoState)?,
            iss,
            outcome,
        })
    }

    /// Whether it is an answer of `issuer`, which says so if it `always` does.
    ///
    /// # Errors
    /// When it is that of another one, or says nothing where it should.
    pub fn check_issuer(&self, issuer: &str, always: bool) -> Result<(), ResponseError> {
        match &self.iss {
            Some(iss) if iss != issuer => Err(ResponseError::Issuer),
            None if always => Err(ResponseError::Issuer),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_request_asks_for_a_code_and_sends_no_secret() {
        let request = AuthorizationRequest {
            client_id: "app",
            redirect_uri: "https://contoso.example/sign-in/entra/callback",
            state: "S",
            nonce: "N",
            verifier: "V",
            login_hint: None,
            domain_hint: None,
            again: false,
            refresh: false,
            graph: None,
        };

        let url = request.url(&"https://entra.example/authorize?p=1".parse().unwrap());

        assert_eq!(
            url.as_str(),
            "https://entra.example/authorize?p=1&response_type=code&client_id=app\
             &redirect_uri=https%3A%2F%2Fcontoso.example%2Fsign-in%2Fentra%2Fcallback&scope=openid+profile+email&state=S&nonce=N\
             &code_challenge=3lpveBFuymLX_FzhWdI65riJs2Whc5rSzzb5JaFA0Mw&code_challenge_method=S256"
        );
        let graph = "https://graph.example".parse().unwrap();
        let again = AuthorizationRequest {
            login_hint: Some("lena@contoso.example"),
            domain_hint: Some("contoso.example"),
            again: true,
            refresh: true,
            graph: Some(&graph),
            ..request
        };
        let url = again.url(&"https://entra.example/authorize".parse().unwrap());
        assert!(url.as_str().contains(
            "&scope=openid+profile+email+offline_access+https%3A%2F%2Fgraph.example%2FUser.Read&"
        ));
        assert!(
            url.as_str().ends_with(
                "&login_hint=lena%40contoso.example&domain_hint=contoso.example&prompt=login"
            ),
            "{url}"
        );
    }

    fn parse(query: &str) -> Result<AuthorizationResponse, ResponseError> {
        AuthorizationResponse::parse(query)
    }

    #[test]
    fn an_answer_has_a_state_and_a_code_or_an_error() {
        let good = parse("code=C%2F1&state=S&session_state=x").ok().unwrap();
        assert_eq!((good.state.as_str(), good.iss), ("S", None));
        assert_eq!(good.outcome, Ok("C/1".to_owned()));
        let refused = parse("error=access_denied&error_description=AADSTS50105%3A+lena&state=S");
        let refused = refused.ok().unwrap().outcome.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the provider says access_denied (AADSTS50105)"
        );
        for (query, error) in [
            ("code=C", ResponseError::NoState),
            ("code=C&state=", ResponseError::NoState),
            ("state=S", ResponseError::NoOutcome),
            ("state=S&code=", ResponseError::NoOutcome),
            ("", ResponseError::NoOutcome),
            ("code=C&state=S&state=S", ResponseError::Twice("state")),
            ("code=C&code=D&state=S", ResponseError::Twice("code")),
            ("code=C&state=S&iss=a&iss=b", ResponseError::Twice("iss")),
        ] {
            assert_eq!(parse(query).err(), Some(error), "{query}");
        }
        let long = format!("state=S&code={}", "x".repeat(LONGEST + 1));
        assert_eq!(parse(&long).err(), Some(ResponseError::TooLong("code")));
    }

    #[test]
    fn an_error_of_a_provider_is_a_word_and_a_number() {
        let check = |error, description, expected: (&str, Option<&str>)| {
            let found = ProviderError::new(error, description);
            assert_eq!((found.error.as_str(), found.code.as_deref()), expected);
        };
        check("login_required", "", ("login_required", None));
        check("<b>", "AADSTS", ("unknown_error", None));
        check(
            "a\nb",
            "AADSTS7000215: Invalid",
            ("a", Some("AADSTS7000215")),
        );
        check(
            &"e".repeat(99),
            "AADSTS1234567890",
            (&"e".repeat(64), Some("AADSTS123456789")),
        );
    }

    #[test]
    fn an_answer_of_another_issuer_is_refused() {
        let check = |query, always, expected| {
            let response = parse(query).ok().unwrap();
            assert_eq!(response.check_issuer("https://a", always), expected);
        };
        check("code=C&state=S", false, Ok(()));
        check("code=C&state=S&iss=https://a", true, Ok(()));
        check("code=C&state=S", true, Err(ResponseError::Issuer));
        check(
            "code=C&state=S&iss=https://b",
            false,
            Err(ResponseError::Issuer),
        );
        check(
            "error=e&state=S&iss=https://a/",
            false,
            Err(ResponseError::Issuer),
        );
    }
}
