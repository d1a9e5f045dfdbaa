//! Why somebody is not signed in: what the page says to the person, and the log to who runs it.

use std::io;

use axum::body::Body;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};

use super::pages::{self, Refusal};
use super::passkey_refused::PasskeyRefused;
use super::password_refused::PasswordRefused;
use super::second_factor_refused::SecondFactorRefused;
use super::{Route, Visit};
use crate::oidc::authorization::{ProviderError, ResponseError};
use crate::oidc::id_token::IdTokenError;
use crate::store::{ResourceId, StoreError};
use crate::telemetry::chain;
use crate::workload::directory::DirectoryError;
use crate::workload::jwt::Untrusted;
use crate::workload::passwords::Unhashed;

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "the browser did not begin this sign-in, finished it already, or took more than ten minutes"
    )]
    NotBegunHere,
    #[error("the answer of the provider is not understood")]
    Response(#[from] ResponseError),
    #[error("the provider lets nobody in")]
    Provider(#[source] ProviderError),
    #[error("the provider gives no tokens for the code")]
    Token(#[source] ProviderError),
    #[error("the answer of the token endpoint has no ID token")]
    NoIdToken,
    #[error("the ID token is not believed")]
    Untrusted(#[source] Untrusted),
    #[error("the ID token is not believed")]
    IdToken(#[from] IdTokenError),
    #[error("the ID token that came by a refresh token is about somebody else (sub)")]
    OtherSubject,
    #[error("the provider cannot be asked")]
    ProviderUnavailable,
    #[error("the file with the client secret, or with the token in its place, cannot be used")]
    ClientSecret(#[source] io::Error),
    #[error(
        "nobody has the externalId {0}; the mapping must send objectId as externalId, and Entra must have provisioned the person"
    )]
    Unknown(String),
    #[error("no account can be made of what the provider says of the person")]
    NotAdmitted(#[source] DirectoryError),
    #[error("several people have the externalId {0}")]
    Ambiguous(String),
    #[error("{0} is deactivated")]
    Deactivated(ResourceId),
    #[error("the address to return to is not one of the declared hosts")]
    ReturnTo,
    #[error("too many sign-ins were begun from one address")]
    Limited(u32),
    #[error("too many codes of devices were wrong")]
    UserCodes(u32),
    #[error("a form of another site")]
    ForeignForm,
    #[error("no application has this client_id")]
    Application,
    #[error("the redirect_uri is not one of the application; add it to redirectUris")]
    RedirectUri,
    #[error("the signing keys cannot be used")]
    SigningKeys(#[source] io::Error),
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    #[error(transparent)]
    SecondFactor(#[from] SecondFactorRefused),
    #[error(transparent)]
    Passkey(#[from] PasskeyRefused),
    #[error("a form that is too large, ended too early or took too long")]
    Form,
    #[error("too many passwords are verified at once, or there is no memory for it")]
    Unhashed(#[from] Unhashed),
    #[error("{0} signs in by a password, as signInMethod says")]
    OtherMethod(ResourceId),
    #[error("there is no such connector")]
    NotFound,
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the directory failed")]
    Directory(#[from] DirectoryError),
}

/// The words for an answer of a provider that is not believed.
const UNBELIEVED: (&str, &str) = (
    "You were not signed in",
    "The answer of Microsoft Entra cannot be accepted. Sign in again; if that does not help, tell your administrator.",
);

/// The words for whom Entra has to provision.
const NO_ACCOUNT_YET: (&str, &str) = (
    "There is no account for you here",
    "Microsoft Entra knows you, and no account was made from there yet. Your administrator can assign you to the application; accounts arrive within an hour.",
);

/// The words for who would get an account, and cannot.
const NO_ACCOUNT: (&str, &str) = (
    "There is no account for you here",
    "Microsoft Entra knows you, and no account can be made of what it says of you. Tell your administrator.",
);

/// The words for what no declared application asks.
const UNKNOWN_APPLICATION: (&str, &str) = (
    "The application that led here is not set up",
    "It is not known here, or wants to lead on to a place that is not known. Tell who runs the application.",
);

impl Refused {
    /// A title, and what to do.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotBegunHere | Self::Response(_) => (
                "This sign-in cannot be finished",
                "It was begun in another browser, was finished already, or took longer than ten minutes. Sign in again.",
            ),
            Self::Provider(_) => (
                "You were not signed in",
                "Microsoft Entra did not let you in. You may not be assigned to this application; your administrator can do that.",
            ),
            Self::Token(_)
            | Self::NoIdToken
            | Self::Untrusted(_)
            | Self::IdToken(_)
            | Self::OtherSubject => UNBELIEVED,
            Self::ProviderUnavailable => (
                "Signing in is not possible at the moment",
                "Microsoft Entra cannot be reached. Who is signed in stays signed in. Try again in a minute.",
            ),
            Self::ClientSecret(_) => (
                "Signing in is not set up",
                "The client secret of the application is missing. Tell your administrator.",
            ),
            Self::Unknown(_) | Self::Ambiguous(_) => NO_ACCOUNT_YET,
            Self::NotAdmitted(_) => NO_ACCOUNT,
            Self::Deactivated(_) => (
                "Your account is deactivated",
                "You cannot sign in. If that is a mistake, your administrator can activate your account.",
            ),
            Self::ReturnTo => (
                "The link that led here is wrong",
                "It wants to lead on to a place that does not belong here. Open the application that you want to use and sign in from there.",
            ),
            Self::Limited(_) => (
                "Too many sign-ins",
                "Too many people begin to sign in from your network. Wait a minute and try again.",
            ),
            Self::UserCodes(_) => (
                "Too many wrong codes",
                "Wait ten minutes, and then type the code that the device shows.",
            ),
            Self::ForeignForm | Self::Form => (
                "The form was not accepted",
                "It came from another site, or did not arrive whole. Go back, open the page again and send it from there.",
            ),
            Self::Password(refused) => refused.words(),
            Self::SecondFactor(refused) => refused.words(),
            Self::Passkey(refused) => refused.words(),
            Self::OtherMethod(_) => (
                "You sign in by a password",
                "Your account is not signed in through an organization. Sign in by your user name and your password.",
            ),
            Self::Application | Self::RedirectUri => UNKNOWN_APPLICATION,
            Self::NotFound => ("There is no such page", "Nobody signs in at this address."),
            Self::SigningKeys(_) | Self::Store(_) | Self::Directory(_) | Self::Unhashed(_) => (
                "Signing in is not possible at the moment",
                "Try again in a minute. If that does not help, tell your administrator.",
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Password(refused) => refused.status(),
            Self::SecondFactor(refused) => refused.status(),
            Self::Passkey(refused) => refused.status(),
            Self::NotBegunHere
            | Self::Response(_)
            | Self::ReturnTo
            | Self::Form
            | Self::Application
            | Self::RedirectUri => StatusCode::BAD_REQUEST,
            Self::Provider(_)
            | Self::Token(_)
            | Self::NoIdToken
            | Self::Untrusted(_)
            | Self::IdToken(_)
            | Self::OtherSubject
            | Self::Unknown(_)
            | Self::NotAdmitted(_)
            | Self::Ambiguous(_)
            | Self::Deactivated(_)
            | Self::OtherMethod(_)
            | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Limited(_) | Self::UserCodes(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ProviderUnavailable
            | Self::ClientSecret(_)
            | Self::SigningKeys(_)
            | Self::Unhashed(_)
            | Self::Store(_)
            | Self::Directory(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the form is shown again for it.
    pub(super) fn is_of_the_form(&self) -> bool {
        match self {
            Self::Password(refused) => refused.is_of_the_form(),
            Self::SecondFactor(refused) => refused.is_of_the_form(),
            Self::Passkey(_) => true,
            _ => false,
        }
    }

    /// What to do, in the form that is shown again.
    pub(super) fn advice(&self) -> String {
        let (title, text) = self.words();
        match self.reason() {
            Some(reason) => format!("{title} {reason} {text}"),
            None => format!("{title} {text}"),
        }
    }

    /// Why, where that helps and says nothing of anybody.
    fn reason(&self) -> Option<String> {
        match self {
            Self::Response(error) => Some(error.to_string()),
            Self::Provider(error) | Self::Token(error) => Some(error.to_string()),
            Self::Untrusted(error) => Some(error.to_string()),
            Self::IdToken(error) => Some(error.to_string()),
            Self::NoIdToken | Self::OtherSubject | Self::Application | Self::RedirectUri => {
                Some(self.to_string())
            }
            Self::Password(refused) => refused.reason(),
            Self::NotBegunHere
            | Self::Form
            | Self::SecondFactor(_)
            | Self::Passkey(_)
            | Self::Unhashed(_)
            | Self::OtherMethod(_)
            | Self::ProviderUnavailable
            | Self::ClientSecret(_)
            | Self::Unknown(_)
            | Self::NotAdmitted(_)
            | Self::Ambiguous(_)
            | Self::Deactivated(_)
            | Self::ReturnTo
            | Self::Limited(_)
            | Self::UserCodes(_)
            | Self::ForeignForm
            | Self::SigningKeys(_)
            | Self::NotFound
            | Self::Store(_)
            | Self::Directory(_) => None,
        }
    }

    /// Whether to begin again can help.
    fn may_begin_again(&self) -> bool {
        match self {
            Self::ReturnTo
            | Self::ForeignForm
            | Self::Application
            | Self::RedirectUri
            | Self::Form
            | Self::NotFound
            | Self::Password(PasswordRefused::LinkSpent)
            | Self::UserCodes(_)
            | Self::Limited(_) => false,
            Self::NotBegunHere
            | Self::Password(_)
            | Self::SecondFactor(_)
            | Self::Passkey(_)
            | Self::Unhashed(_)
            | Self::OtherMethod(_)
            | Self::Response(_)
            | Self::Provider(_)
            | Self::Token(_)
            | Self::NoIdToken
            | Self::Untrusted(_)
            | Self::IdToken(_)
            | Self::OtherSubject
            | Self::ProviderUnavailable
            | Self::ClientSecret(_)
            | Self::Unknown(_)
            | Self::NotAdmitted(_)
            | Self::Ambiguous(_)
            | Self::Deactivated(_)
            | Self::SigningKeys(_)
            | Self::Store(_)
            | Self::Directory(_) => true,
        }
    }

    /// Tells the log.
    pub(super) fn log(&self, visit: &Visit<'_>, route: &Route) {
        let connector = match route {
            Route::Begin(it) | Route::Callback(it) => visit.config.provider(it),
            _ => None,
        };
        let scim_tenant = visit.scim_tenant.config.name.0.as_str();
        let connector = connector.map(|it| it.connector.as_str());
        let (error, request_id) = (chain(self), visit.request_id.as_str());
        let message = "a sign-in was refused";
        match self {
            // The administrator has to do something.
            Self::ClientSecret(_)
            | Self::Token(_)
            | Self::NotAdmitted(_)
            | Self::Ambiguous(_)
            | Self::SigningKeys(_)
            | Self::SecondFactor(
                SecondFactorRefused::TooManyGuesses(..)
                | SecondFactorRefused::SealingKey(_)
                | SecondFactorRefused::Unreadable(_),
            ) => {
                tracing::warn!(scim_tenant, connector, error, request_id, "{message}");
            }
            _ => tracing::info!(scim_tenant, connector, error, request_id, "{message}"),
        }
    }

    /// The page, once the log has it.
    pub(super) fn into_response(self, visit: &Visit<'_>, route: &Route) -> Response<Body> {
        self.log(visit, route);
        let (status, (title, text)) = (self.status(), self.words());
        let return_to = visit.return_to().ok().flatten();
        let again = format!("{}/sign-in", visit.scim_tenant.prefix);
        let page = Refusal {
            frame: pages::frame(visit),
            title,
            text,
            reason: self.reason(),
            again: self
                .may_begin_again()
                .then(|| pages::with_return(again, return_to.as_deref())),
            request_id: &visit.request_id,
        };
        let mut response = pages::page(visit, status, &page);
        if let Self::Limited(seconds)
        | Self::UserCodes(seconds)
        | Self::Password(PasswordRefused::TooManyGuesses(seconds))
        | Self::SecondFactor(SecondFactorRefused::TooManyGuesses(_, seconds)) = self
        {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("10");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}
