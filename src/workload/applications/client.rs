//! Which application asks: by `client_secret_basic`, `client_secret_post`, or by its name alone when it is public.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::refused::{Refused, UnknownClient};
use super::{Asked, assertion};
use crate::config::{ApplicationAuthentication, ApplicationConfig, Token};
use crate::workload::credentials;

const SEVERAL_WAYS: &str = "The application shows who it is in more than one way; use one.";

/// The fields of a form, none of them there twice.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let form = b"application/x-www-form-urlencoded";
        let is_form = content_type
            .and_then(|it| it.get(..form.len()))
            .is_some_and(|it| it.eq_ignore_ascii_case(form));
        if !is_form {
            return Err(Refused::Request(
                "Send a form: Content-Type application/x-www-form-urlencoded.",
            ));
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        // RFC 6749, section 3.2: parameters must not be included more than once.
        let mut names: Vec<&str> = fields.iter().map(|it| it.0.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|it| it[0] == it[1]) {
            return Err(Refused::Request("A parameter is there more than once."));
        }
        Ok(Self(fields))
    }

    /// A field that is not empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let value = &fields.find(|it| it.0 == name)?.1;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// The application that sends it.
    pub(super) async fn application<'a>(
        &self,
        asked: &'a Asked<'_>,
    ) -> Result<&'a ApplicationConfig, Refused> {
        if let Some(assertion) = self.field("client_assertion") {
            // RFC 6749, section 2.3: not more than one method in a request.
            if asked.headers.contains_key(AUTHORIZATION) || self.field("client_secret").is_some() {
                return Err(Refused::Request(SEVERAL_WAYS));
            }
            return assertion::application(asked, self, assertion).await;
        }
        let (client_id, secret) = self.presented(asked.headers)?;
        let application = asked.config.application(&client_id);
        let application = application.ok_or(Refused::Client(UnknownClient::Unknown))?;
        match (&application.authentication, secret) {
            (ApplicationAuthentication::Public, None) => Ok(application),
            (ApplicationAuthentication::Public, Some(_)) => {
                Err(Refused::Client(UnknownClient::Public))
            }
            (ApplicationAuthentication::PrivateKey(_), _) => {
                Err(Refused::Client(UnknownClient::NoAssertion))
            }
            (ApplicationAuthentication::Secret(_), None) => {
                Err(Refused::Client(UnknownClient::NoSecret))
            }
            (ApplicationAuthentication::Secret(digest), Some(secret)) => {
                // RFC 6749, section 2.3.1: encoded as in a form, which some clients leave out.
                let is_it = digest.matches(&secret) || digest.matches(&decoded(secret.reveal()));
                is_it
                    .then_some(application)
                    .ok_or(Refused::Client(UnknownClient::Secret))
            }
        }
    }

    fn presented(&self, headers: &HeaderMap) -> Result<(String, Option<Token>), Refused> {
        let (id, secret) = (self.field("client_id"), self.field("client_secret"));
        if !headers.contains_key(AUTHORIZATION) {
            let id = id.ok_or(Refused::Client(UnknownClient::Missing))?;
            return Ok((id.to_owned(), secret.map(Token::presented)));
        }
        if secret.is_some() {
            return Err(Refused::Request(SEVERAL_WAYS));
        }
        let presented = credentials::basic(headers);
        let (name, secret) = presented.ok_or(Refused::Client(UnknownClient::Header))?;
        if id.is_some_and(|it| it != name) {
            return Err(Refused::Client(UnknownClient::OtherName));
        }
        Ok((name, Some(secret)))
    }
}

/// A secret without the encoding of forms.
fn decoded(secret: &str) -> Token {
    let spaced = secret.replace('+', " ");
    Token::presented(&percent_decode_str(&spaced).decode_utf8_lossy())
}
