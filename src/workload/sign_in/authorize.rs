//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2): an application sends the browser here to learn who it is.

use axum::body::Body;
use axum::http::Response;
use jiff::SignedDuration;
use url::form_urlencoded;

use super::pages::with_return;
use super::refused::Refused;
use super::{Visit, redirect};
use crate::config::ApplicationConfig;
use crate::oidc::authentication_request::{
    AuthenticationRequest, Parameters, Prompt, RequestError, is_redirect_uri,
};
use crate::store::Stored;
use crate::store::grants::Grant;
use crate::store::sessions::{Session, SignedInBy};
use crate::workload::applications::{CodeTerms, Secrets, Terms};

/// RFC 6749, section 4.1.2: a code lives shortly.
const CODE_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Bytes of a form at most; an ID token fits.
const MAX_FORM: usize = 8 * 1024;

/// Why there is no code; the application learns it.
#[derive(Debug, thiserror::Error)]
enum NoCode {
    #[error("{0}")]
    Request(#[from] RequestError),
    #[error("the person would have to sign in, and prompt is none")]
    LoginRequired,
}

impl NoCode {
    fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::LoginRequired => "login_required",
        }
    }
}

/// Where the browser goes.
enum Way {
    /// Back, with a code.
    Back(String),
    /// To sign in, and then here again.
    SignIn(String),
}

/// Sends the browser to sign in, or back to the application with a code or an error.
pub(super) async fn authorize(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let parameters = Parameters::parse(visit.head.uri.query().unwrap_or_default());
    let (application, redirect_uri) = addressed(visit, &parameters)?;
    let request = AuthenticationRequest::read(&parameters).map_err(NoCode::Request);
    let outcome = match request {
        Ok(request) => way(visit, application, redirect_uri, (&parameters, &request)).await?,
        Err(error) => Err(error),
    };
    let base = visit.base();
    let mut answer = form_urlencoded::Serializer::new(String::new());
    match outcome {
        Ok(Way::SignIn(url)) => return Ok(redirect(&url)),
        Ok(Way::Back(code)) => {
            answer.append_pair("code", &code);
        }
        Err(error) => {
            let scim_tenant = visit.scim_tenant.config.name.0.as_str();
            let application = application.client_id.as_str();
            tracing::info!(scim_tenant, application, "no code was given: {error}");
            answer.append_pair("error", error.code());
            answer.append_pair("error_description", &error.to_string());
        }
    }
    if let Ok(Some(state)) = parameters.one("state") {
        answer.append_pair("state", state);
    }
    // RFC 9207: so that answers of several providers are not mixed up.
    answer.append_pair("iss", base);
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    Ok(redirect(&format!(
        "{redirect_uri}{separator}{}",
        answer.finish()
    )))
}

/// A form of an application becomes a query (OpenID Connect Core 1.0, section 3.1.2.1: both are supported): browsers present the session
/// to no form of another site.
pub(super) async fn as_query(visit: &Visit<'_>, body: Body) -> Result<Response<Body>, Refused> {
    let form = visit.shared.intake.read_form(body, MAX_FORM).await;
    let form = form.map_err(|_| Refused::Form)?;
    let query = Parameters::parse(&String::from_utf8_lossy(&form)).query();
    // RFC 3986, section 5.2.2: the same path.
    Ok(redirect(&format!("?{query}")))
}

/// The application, and where it wants the browser back; RFC 6749, section 4.1.2.1: without both the browser is sent nowhere.
fn addressed<'v, 'p>(
    visit: &'v Visit<'_>,
    parameters: &'p Parameters,
) -> Result<(&'v ApplicationConfig, &'p str), Refused> {
    let one = |name| parameters.one(name).ok().flatten();
    let application = one("client_id").and_then(|it| visit.config.application(it));
    let application = application.ok_or(Refused::Application)?;
    let declared = &application.redirect_uris;
    let wanted = one("redirect_uri");
    let wanted = wanted.filter(|it| {
        declared
            .iter()
            .any(|declared| is_redirect_uri(it, declared))
    });
    Ok((application, wanted.ok_or(Refused::RedirectUri)?))
}

async fn way(
    visit: &Visit<'_>,
    application: &ApplicationConfig,
    redirect_uri: &str,
    (parameters, request): (&Parameters, &AuthenticationRequest),
) -> Result<Result<Way, NoCode>, Refused> {
    let found = visit.signed_in().await?;
    if let Some((session, person)) = &found {
        let age = visit.now.duration_since(session.opened).as_secs();
        if request.is_content_with(&session.digest.0, age)
            && let Some(code) = code(
                visit,
                (session, person),
                application,
                (redirect_uri, request),
            )
            .await?
        {
            return Ok(Ok(Way::Back(code)));
        }
    }
    if request.prompt == Prompt::None {
        return Ok(Err(NoCode::LoginRequired));
    }
    let session = found.map(|it| it.0);
    let url = sign_in(visit, session.as_ref(), (parameters, request));
    Ok(Ok(Way::SignIn(url)))
}

/// Where the person signs in, and comes back here from. Who is signed in already has to do so again: at the same provider.
fn sign_in(
    visit: &Visit<'_>,
    session: Option<&Session>,
    (parameters, request): (&Parameters, &AuthenticationRequest),
) -> String {
    let base = visit.base();
    let digest = session.map(|it| it.digest.0.as_str());
    let back = format!("{base}/oauth2/authorize?{}", parameters.again(digest));
    let page = match session.map(|it| &it.by) {
        Some(SignedInBy::Connector { name, .. }) => format!("{base}/sign-in/{name}"),
        Some(SignedInBy::Password | SignedInBy::PasswordAndCode | SignedInBy::Passkey) | None => {
            format!("{base}/sign-in")
        }
    };
    let mut url = with_return(page, Some(&back));
    let mut add = |name: &str, value: &str| {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        url = format!("{url}&{name}={value}");
    };
    // The second is one of Entra's.
    for name in ["login_hint", "domain_hint"] {
        if let Ok(Some(value)) = parameters.one(name) {
            add(name, value);
        }
    }
    // A provider that knows who is there says so without asking, however long ago that was.
    if session.is_some() || request.prompt == Prompt::Login || request.max_age.is_some() {
        add("prompt", "login");
    }
    url
}

/// A code for the application; nothing when the session ended meanwhile.
async fn code(
    visit: &Visit<'_>,
    (session, person): (&Session, &Stored),
    application: &ApplicationConfig,
    (redirect_uri, request): (&str, &AuthenticationRequest),
) -> Result<Option<String>, Refused> {
    let secrets = Secrets {
        family: visit.secret(),
        part: visit.secret(),
    };
    let terms = Terms {
        code: Some(CodeTerms {
            redirect_uri: redirect_uri.to_owned(),
            challenge: request.challenge.clone(),
        }),
        nonce: request.nonce.clone(),
        ..Terms::of(session, request.scopes.clone())
    };
    let grant = Grant {
        key: secrets.key(),
        person: person.id.clone(),
        session: session.digest.clone(),
        application: application.client_id.clone(),
        terms: terms.to_json(),
        current: secrets.current(),
        turn: 0,
        expires: visit.now.checked_add(CODE_TIME).unwrap_or(visit.now),
    };
    let store = &visit.scim_tenant.opened.store;
    let kept = store.keep_grant(grant).await?;
    Ok(kept.then(|| secrets.text()))
}
