//! The request by which an application signs somebody in here (OpenID Connect Core 1.0, section 3.1.2.1): code flow with PKCE by S256.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::form_urlencoded;

/// Characters of `state` and of `nonce` at most.
const LONGEST_VALUE: usize = 512;

/// Characters of a whole request at most: it goes around in the address of the page where people sign in.
const LONGEST_REQUEST: usize = 1600;

/// Our own parameter: a session whose digest begins otherwise is good. It comes with the person back from signing in, in the place of
/// `prompt=login`, and no clock is compared.
const OTHER_THAN: &str = "other_than";

/// Characters of a digest by which a session is told from another.
const TOLD_BY: usize = 16;

/// What is asked for. Scopes that are not known here are passed over (section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To know who it is.
    OpenId,
    /// Names.
    Profile,
    /// The e-mail address.
    Email,
    /// Refresh tokens.
    OfflineAccess,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [
        Self::OpenId,
        Self::Profile,
        Self::Email,
        Self::OfflineAccess,
    ];

    /// The word in `scope`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// The scopes that `text` names.
    pub fn parse(text: &str) -> BTreeSet<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let all = Self::ALL.into_iter();
        all.filter(|it| words.contains(&it.as_str())).collect()
    }

    /// The scopes as one text.
    pub fn text(scopes: &BTreeSet<Self>) -> String {
        let words: Vec<&str> = scopes.iter().map(|it| it.as_str()).collect();
        words.join(" ")
    }
}

/// Whether the person may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// When nobody is signed in.
    WhenNeeded,
    /// Never.
    None,
    /// Always.
    Login,
}

/// Why a request is answered with an error, at the redirect URI (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A parameter is there more than once.
    #[error("the parameter {0} is there more than once")]
    Repeated(&'static str),
    /// Another flow than the one by code.
    #[error("response_type must be code")]
    ResponseType,
    /// The answer cannot be brought that way.
    #[error("response_mode must be query")]
    ResponseMode,
    /// A request as JWT.
    #[error("the parameter request is not supported; send the parameters themselves")]
    RequestObject,
    /// A request at an address.
    #[error("the parameter request_uri is not supported; send the parameters themselves")]
    RequestUri,
    /// Not OpenID Connect.
    #[error("scope must have openid")]
    Scope,
    /// RFC 9700, section 2.1.1: every client uses PKCE.
    #[error("code_challenge is missing; use PKCE")]
    NoChallenge,
    /// RFC 7636, section 4.2: `plain` protects from nobody who sees the request.
    #[error("code_challenge_method must be S256")]
    ChallengeMethod,
    /// No SHA-256 in Base64.
    #[error("code_challenge must be the SHA-256 of the verifier in Base64 for URLs: 43 characters")]
    Challenge,
    /// A word that is not known, or `none` with another one.
    #[error("prompt must be none or login")]
    Prompt,
    /// No number.
    #[error("max_age must be a number of seconds")]
    MaxAge,
    /// A value that is too long.
    #[error("the parameter {0} has more than {LONGEST_VALUE} characters")]
    TooLong(&'static str),
    /// A request that is too long.
    #[error("the request has more than {LONGEST_REQUEST} characters")]
    RequestTooLong,
}

impl RequestError {
    /// The word in `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ResponseType => "unsupported_response_type",
            Self::RequestObject => "request_not_supported",
            Self::RequestUri => "request_uri_not_supported",
            Self::Scope => "invalid_scope",
            Self::Repeated(_)
            | Self::ResponseMode
            | Self::NoChallenge
            | Self::ChallengeMethod
            | Self::Challenge
            | Self::Prompt
            | Self::MaxAge
            | Self::TooLong(_)
            | Self::RequestTooLong => "invalid_request",
        }
    }
}

/// The parameters of a request, in order.
#[derive(Clone, Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of a query, or of a form.
    pub fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter; RFC 6749, section 3.1: it must not be there more than once, and one without a value counts as absent.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, RequestError> {
        let mut found = self.0.iter().filter(|it| it.0 == name);
        let value = found.next().map(|it| it.1.as_str());
        match found.next() {
            Some(_) => Err(RequestError::Repeated(name)),
            None => Ok(value.filter(|it| !it.is_empty())),
        }
    }

    /// All of them as a query.
    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }

    /// The query with which the same request is made again, once the person has signed in with another session than the one with this
    /// digest, or with any.
    pub fn again(&self, session: Option<&str>) -> String {
        let kept = self.0.iter();
        let kept = kept.filter(|(name, _)| name != "prompt" && name != OTHER_THAN);
        let other_than = session.and_then(|it| it.get(..TOLD_BY)).unwrap_or("none");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair(OTHER_THAN, other_than)
            .finish()
    }
}

/// A request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationRequest {
    /// What is asked for.
    pub scopes: BTreeSet<Scope>,
    /// Stands in the ID token.
    pub nonce: Option<String>,
    /// The challenge of the verifier.
    pub challenge: String,
    /// Whether the person may be asked.
    pub prompt: Prompt,
    /// Seconds since the person signed in at most.
    pub max_age: Option<i64>,
    /// The beginning of the digest of a session that is not good; the person was sent to sign in.
    pub other_than: Option<String>,
}

impl AuthenticationRequest {
    /// Reads a request whose client and redirect URI are known.
    pub fn read(parameters: &Parameters) -> Result<Self, RequestError> {
        if parameters.again(None).len() > LONGEST_REQUEST {
            return Err(RequestError::RequestTooLong);
        }
        if parameters.one("request")?.is_some() {
            return Err(RequestError::RequestObject);
        }
        if parameters.one("request_uri")?.is_some() {
            return Err(RequestError::RequestUri);
        }
        if parameters.one("response_type")? != Some("code") {
            return Err(RequestError::ResponseType);
        }
        if parameters.one("response_mode")?.unwrap_or("query") != "query" {
            return Err(RequestError::ResponseMode);
        }
        let scopes = Scope::parse(parameters.one("scope")?.unwrap_or_default());
        if !scopes.contains(&Scope::OpenId) {
            return Err(RequestError::Scope);
        }
        let nonce = parameters.one("nonce")?;
        let state = parameters.one("state")?;
        for (name, value) in [("nonce", nonce), ("state", state)] {
            if value.is_some_and(|it| it.len() > LONGEST_VALUE) {
                return Err(RequestError::TooLong(name));
            }
        }
        Ok(Self {
            scopes,
            nonce: nonce.map(str::to_owned),
            challenge: challenge(parameters)?,
            prompt: prompt(parameters)?,
            max_age: max_age(parameters)?,
            other_than: parameters.one(OTHER_THAN)?.map(str::to_owned),
        })
    }

    /// Whether the person need not sign in again who has the session with the digest `session` for so many seconds.
    pub fn is_content_with(&self, session: &str, age: i64) -> bool {
        match &self.other_than {
            Some(former) => !session.starts_with(former.as_str()),
            None => {
                self.prompt != Prompt::Login && self.max_age.is_none_or(|seconds| age <= seconds)
            }
        }
    }
}

fn challenge(parameters: &Parameters) -> Result<String, RequestError> {
    let challenge = parameters.one("code_challenge")?;
    let challenge = challenge.ok_or(RequestError::NoChallenge)?;
    // RFC 7636, section 4.3: without a method it would be `plain`.
    if parameters.one("code_challenge_method")? != Some("S256") {
        return Err(RequestError::ChallengeMethod);
    }
    let digest = URL_SAFE_NO_PAD.decode(challenge);
    if !digest.is_ok_and(|it| it.len() == 32) {
        return Err(RequestError::Challenge);
    }
    Ok(challenge.to_owned())
}

fn prompt(parameters: &Parameters) -> Result<Prompt, RequestError> {
    let mut prompt = Prompt::WhenNeeded;
    let words: Vec<&str> = match parameters.one("prompt")? {
        Some(text) => text.split(' ').collect(),
        None => return Ok(prompt),
    };
    for word in &words {
        prompt = match *word {
            "none" if words.len() == 1 => Prompt::None,
            // Who it is may be another one afterwards.
            "login" | "select_account" => Prompt::Login,
            // The administrator has consented.
            "consent" => prompt,
            _ => return Err(RequestError::Prompt),
        };
    }
    Ok(prompt)
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, RequestError> {
    let text = parameters.one("max_age")?;
    let number = text.map(|it| it.parse::<u32>().map(i64::from)).transpose();
    number.map_err(|_| RequestError::MaxAge)
}

/// Whether `verifier` is the one of `challenge` (RFC 7636, section 4.6).
pub fn is_verifier_of(verifier: &str, challenge: &str) -> bool {
    // RFC 7636, section 4.1: 43 characters at least, so that nobody guesses it.
    (43..=128).contains(&verifier.len()) && super::authorization::challenge(verifier) == challenge
}

/// Whether `wanted` is a redirect URI that `declared` allows: the same, character by character (RFC 9700, section 2.1), but for the port of a
/// loopback address, which an app learns when it starts (RFC 8252, section 7.3).
pub fn is_redirect_uri(wanted: &str, declared: &str) -> bool {
    if wanted == declared {
        return true;
    }
    ["http://127.0.0.1", "http://[::1]"].iter().any(|host| {
        let path = declared.strip_prefix(host);
        let rest = wanted
            .strip_prefix(host)
            .and_then(|it| it.strip_prefix(':'));
        let (Some(path), Some(rest)) = (path, rest) else {
            return false;
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (port, rest) = rest.split_at(end);
        let is_port = port.bytes().all(|it| it.is_ascii_digit()) && port.parse::<u16>().is_ok();
        is_port && rest == path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "response_type=code&scope=openid+email&client_id=crm&redirect_uri=https%3A%2F%2Fcrm.example%2Fcb&state=s&nonce=n&\
        code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn read(query: &str) -> Result<AuthenticationRequest, RequestError> {
        AuthenticationRequest::read(&Parameters::parse(query))
    }

    #[test]
    fn a_request_is_read() {
        let request = read(GOOD).unwrap();

        assert_eq!(Scope::text(&request.scopes), "openid email");
        assert_eq!(request.nonce.as_deref(), Some("n"));
        assert_eq!(request.prompt, Prompt::WhenNeeded);
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier_of(verifier, &request.challenge));
        assert!(!is_verifier_of("dBjftJeZ4CVP", &request.challenge));
        assert!(!is_verifier_of(&request.challenge, &request.challenge));
    }

    /// A20 and what else is wrong: one error each.
    #[test]
    fn a20_what_is_wrong_has_an_error_of_its_own() {
        let check = |from: &str, to: &str, expected: RequestError| {
            let query = GOOD.replace(from, to);
            assert_ne!(query, GOOD, "{from}");
            assert_eq!(read(&query), Err(expected), "{query}");
        };
        let long = format!("nonce={}", "x".repeat(LONGEST_VALUE + 1));
        check("=code&", "=token&", RequestError::ResponseType);
        check("=code&", "=code+id_token&", RequestError::ResponseType);
        check("response_type=code&", "", RequestError::ResponseType);
        check(
            "state=s",
            "response_mode=fragment",
            RequestError::ResponseMode,
        );
        check("state=s", "request=e30", RequestError::RequestObject);
        check("state=s", "request_uri=urn:x", RequestError::RequestUri);
        check("openid+email", "email", RequestError::Scope);
        check("=S256", "=plain", RequestError::ChallengeMethod);
        check(
            "&code_challenge_method=S256",
            "",
            RequestError::ChallengeMethod,
        );
        check("E9M", "E9Mx", RequestError::Challenge);
        check("code_challenge=E", "x=E", RequestError::NoChallenge);
        check("state=s", "prompt=none+login", RequestError::Prompt);
        check("state=s", "prompt=create", RequestError::Prompt);
        check("state=s", "max_age=-1", RequestError::MaxAge);
        check(
            "state=s",
            "state=s&state=s",
            RequestError::Repeated("state"),
        );
        check("nonce=n", &long, RequestError::TooLong("nonce"));
        let huge = format!("state=s&ui={}", "x".repeat(LONGEST_REQUEST));
        check("state=s", &huge, RequestError::RequestTooLong);
    }

    #[test]
    fn who_is_to_sign_in_again_is_asked_once() {
        let asked = |more: &str| read(&format!("{GOOD}&{more}")).unwrap();
        let former = "0123456789abcdef0123";
        let check = |request: &AuthenticationRequest, age, expected| {
            assert_eq!(
                request.is_content_with(former, age),
                expected,
                "{request:?}"
            );
        };
        check(&asked(""), 1000, true);
        check(&asked("prompt=consent"), 1000, true);
        check(&asked("prompt=login"), 0, false);
        check(&asked("prompt=select_account"), 0, false);
        check(&asked("max_age=10"), 10, true);
        check(&asked("max_age=10"), 11, false);

        let parameters = Parameters::parse(&format!("{GOOD}&prompt=login&max_age=0"));
        let again = read(&parameters.again(Some(former))).unwrap();
        check(&again, 0, false);
        assert!(again.is_content_with("fedcba98", 1));
        check(&read(&parameters.again(None)).unwrap(), 1, true);
    }

    #[test]
    fn a_redirect_uri_is_the_declared_one_but_for_the_port_of_this_machine() {
        let check = |declared: &str, wanted: &str, expected: bool| {
            assert_eq!(
                is_redirect_uri(wanted, declared),
                expected,
                "{wanted} for {declared}"
            );
        };
        check("https://crm.example/cb", "https://crm.example/cb", true);
        check("com.example.app:/cb", "com.example.app:/cb", true);
        check("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true);
        check("http://127.0.0.1/cb", "http://127.0.0.1/cb", true);
        check("http://[::1]/cb", "http://[::1]:8/cb", true);
        check("http://127.0.0.1", "http://127.0.0.1:8", true);
        // A9 and A20: none of these is it.
        for other in [
            "https://crm.example/cb/",
            "https://crm.example/cb?x",
            "https://crm.example/CB",
            "https://crm.example:443/cb",
            "https://crm.example/cb#",
            "https://crm.example/a/../cb",
            "https://crm.example.evil.example/cb",
            "https://evil.example/https://crm.example/cb",
            "https://crm.example@evil.example/cb",
            "http://crm.example/cb",
            "javascript:alert(1)",
            "",
        ] {
            check("https://crm.example/cb", other, false);
        }
        for other in [
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:70000/cb",
            "http://127.0.0.1:+8/cb",
            "http://127.0.0.1:8@evil.example/cb",
            "http://127.0.0.1:8/other",
            "http://127.0.0.1.evil.example:8/cb",
            "http://localhost:8/cb",
            "http://[::1]:8/cb",
            "https://127.0.0.1:8/cb",
        ] {
            check("http://127.0.0.1/cb", other, false);
        }
        check("com.example.app:/cb", "com.example.app2:/cb", false);
    }
}
