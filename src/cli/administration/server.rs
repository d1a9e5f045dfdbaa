//! A directory that is asked over its API, by the token that is kept for it.

use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::credentials::{Credentials, Place, Tokens};
use super::table::harmless;
use crate::clock::{Clock, SystemClock};

/// The `client_id` of these commands.
pub(super) const CLIENT: &str = "usher-cli";

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Time before its end at which a token is exchanged.
const SPARE: SignedDuration = SignedDuration::from_secs(30);

/// A directory.
pub(super) struct Server {
    base: String,
    client: Client,
    place: Place,
}

/// What the token endpoint gives.
#[derive(Deserialize)]
pub(super) struct Given {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
}

/// What is written in hexadecimal in a segment: all but what may stand anywhere (RFC 3986, section 2.3).
const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Segments as a path of the API.
pub(super) fn path(segments: &[&str]) -> String {
    let mut url = String::new();
    for segment in segments {
        url.push('/');
        let encoded = percent_encoding::utf8_percent_encode(segment, RESERVED);
        url.extend(encoded);
    }
    url
}

impl Server {
    pub(super) fn at(url: &Url, place: &Place) -> anyhow::Result<Self> {
        check(url)?;
        let client = Client::builder()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            client,
            place: place.clone(),
        })
    }

    /// The one that is named, else the one that was signed in to last.
    pub(super) fn known(named: Option<&Url>, place: &Place) -> anyhow::Result<Self> {
        if let Some(url) = named {
            return Self::at(url, place);
        }
        let last = Credentials::open(place)?.read()?.last;
        let last = last.context("nobody signed in; run usher login --server URL")?;
        Self::at(&Url::parse(&last)?, place)
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What the directory answers; a refusal is an error in its words.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, Option<&str>)],
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1{path}", self.base);
        let query: Vec<(&str, &str)> = query
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .collect();
        let token = self.token().await?;
        let mut request = self.client.request(method, url).bearer_auth(token);
        if !query.is_empty() {
            request = request.query(&query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let (status, answer) = self.send(request).await?;
        if status.is_success() {
            return Ok(answer);
        }
        match answer["detail"].as_str() {
            Some(detail) => bail!("{}", harmless(detail)),
            None => bail!(
                "{} answers {status}; is a portal declared there?",
                self.base
            ),
        }
    }

    /// What an endpoint for applications says to a form.
    pub(super) async fn form(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<(StatusCode, Value)> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
        let cannot = || format!("cannot ask {}", self.base);
        // The question names the person; what failed does not.
        let response = request.send().await.map_err(reqwest::Error::without_url);
        let response = response.with_context(cannot)?;
        let status = response.status();
        let text = response.text().await.with_context(cannot)?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// An access token that is good for a while, exchanged where it is about to end.
    async fn token(&self) -> anyhow::Result<String> {
        let credentials = Credentials::open(&self.place)?;
        let mut kept = credentials.read()?;
        let sign_in = || format!("not signed in; run usher login --server {}", self.base);
        let known = kept.servers.get(&self.base).cloned();
        let tokens = known.with_context(sign_in)?;
        let now = SystemClock.now();
        if now.checked_add(SPARE).unwrap_or(now) < tokens.expires {
            return Ok(tokens.access_token);
        }
        let refresh = tokens.refresh_token.with_context(sign_in)?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", refresh.as_str()),
        ];
        let (status, answer) = self.form("/oauth2/token", &fields).await?;
        if status == StatusCode::BAD_REQUEST {
            kept.servers.remove(&self.base);
            credentials.write(&kept)?;
            bail!("{}", sign_in());
        }
        let given: Given = serde_json::from_value(answer)
            .with_context(|| format!("{} gives no token: {status}", self.base))?;
        let tokens = given.tokens(now);
        let token = tokens.access_token.clone();
        kept.servers.insert(self.base.clone(), tokens);
        credentials.write(&kept)?;
        Ok(token)
    }
}

/// Refuses what is no directory, and what would be sent the token in plain text.
fn check(url: &Url) -> anyhow::Result<()> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        bail!("{url} is no directory; write a URL such as https://contoso.id.example.com");
    }
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !is_here {
        bail!("{url} would be sent the token in plain text; write https://");
    }
    Ok(())
}

impl Given {
    pub(super) fn tokens(self, now: Timestamp) -> Tokens {
        let time = SignedDuration::from_secs(self.expires_in);
        Tokens {
            access_token: self.access_token,
            expires: now.checked_add(time).unwrap_or(now),
            refresh_token: self.refresh_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        let path = path(&["people", "a/b?c@d", "story"]);
        assert_eq!(path, "/people/a%2Fb%3Fc%40d/story");
        assert_eq!(super::path(&["password-links"]), "/password-links");
    }

    #[test]
    fn no_token_goes_out_in_plain_text() {
        let at = |url: &str| check(&Url::parse(url).unwrap()).is_ok();
        assert!(at("http://localhost:8080/identity/contoso"));
        assert!(!at("http://contoso.example"));
        assert!(!at("ftp://contoso.example"));
    }
}
