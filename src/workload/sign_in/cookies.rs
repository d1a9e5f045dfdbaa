//! The cookies: which session the browser has, which browser it is that begins to sign in, and that somebody signed in with it by a
//! password. To who does not keep them, each is a random value.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use url::Url;

use super::super::sessions::ATTEMPT_TIME;
use crate::config::Token;

/// How long a browser is known in which somebody signed in by a password, in seconds.
const KNOWN_TIME: i64 = 180 * 24 * 60 * 60;

/// Characters of a value that is looked at; ours have 50 at most.
const LONGEST: usize = 64;

/// The cookies of one directory.
pub(super) struct Cookies<'c> {
    is_https: bool,
    domain: Option<&'c str>,
    path: &'c str,
}

impl<'c> Cookies<'c> {
    /// Those of the directory at `url`, presented to every host of `domain` if there is one. Browsers take none for a domain that
    /// the host is not in, as where a directory is tried out on one machine.
    pub(super) fn of(url: &'c Url, domain: Option<&'c str>) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is_in = |it: &&str| {
            let below = host.strip_suffix(it);
            below.is_some_and(|it| it.is_empty() || it.ends_with('.'))
        };
        let domain = domain.filter(is_in);
        let path = match url.path().trim_end_matches('/') {
            _ if domain.is_some() => "/",
            "" => "/",
            path => path,
        };
        Self {
            is_https: url.scheme() == "https",
            domain,
            path,
        }
    }

    /// A browser takes a cookie called `__Host-…` from this host alone and over HTTPS, and one called `__Secure-…` over HTTPS.
    fn name(&self, name: &str, domain: Option<&str>) -> String {
        match (self.is_https, domain) {
            (true, None) if self.path == "/" => format!("__Host-{name}"),
            (true, _) => format!("__Secure-{name}"),
            (false, _) => name.to_owned(),
        }
    }

    /// The session that is presented.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<Token> {
        presented(headers, &self.name("usher", self.domain))
    }

    /// The browser that asks.
    pub(super) fn browser(&self, headers: &HeaderMap) -> Option<Token> {
        presented(headers, &self.name("usher-browser", None))
    }

    /// The mark of a browser in which somebody signed in by a password.
    pub(super) fn known(&self, headers: &HeaderMap) -> Option<Token> {
        presented(headers, &self.name("usher-known", None))
    }

    /// Lets the browser be known when somebody signs in again.
    pub(super) fn give_known(&self, mark: &Token) -> Option<HeaderValue> {
        self.give("usher-known", None, mark.reveal(), KNOWN_TIME)
    }

    /// Gives the browser a session for so many minutes.
    pub(super) fn give_session(&self, token: &Token, minutes: u32) -> Option<HeaderValue> {
        let seconds = i64::from(minutes) * 60;
        self.give("usher", self.domain, token.reveal(), seconds)
    }

    /// Takes the session from the browser.
    pub(super) fn take_session(&self) -> Option<HeaderValue> {
        self.give("usher", self.domain, "", 0)
    }

    /// Lets the browser be known again when it comes back from the provider.
    pub(super) fn give_browser(&self, token: &Token) -> Option<HeaderValue> {
        let seconds = ATTEMPT_TIME.as_secs();
        self.give("usher-browser", None, token.reveal(), seconds)
    }

    fn give(
        &self,
        name: &str,
        domain: Option<&str>,
        value: &str,
        seconds: i64,
    ) -> Option<HeaderValue> {
        let name = self.name(name, domain);
        let domain = domain.map(|it| format!("; Domain={it}"));
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = format!(
            "{name}={value}; Path={path}{domain}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            path = self.path,
            domain = domain.unwrap_or_default(),
        );
        let mut value = HeaderValue::from_str(&cookie).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The value of a cookie (RFC 6265, section 5.4: the first one is the most specific).
fn presented(headers: &HeaderMap, name: &str) -> Option<Token> {
    let lines = headers.get_all(COOKIE).iter();
    let mut pairs = lines
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='));
    let (_, value) = pairs.find(|(it, _)| *it == name)?;
    let is_one = (1..=LONGEST).contains(&value.len());
    is_one.then(|| Token::presented(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: &str, domain: Option<&str>) -> String {
        let url = url.parse().unwrap();
        let token = Token::from_random([7; 32]);
        let cookie = Cookies::of(&url, domain).give_session(&token, 720);
        cookie.unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_session_is_a_small_opaque_cookie_that_no_script_reads() {
        let cookie = given("https://contoso.example", None);

        assert!(cookie.len() < 200, "{cookie}");
        assert!(cookie.starts_with("__Host-usher=usher_BwcH"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"));
    }

    #[test]
    fn a_cookie_goes_where_it_is_declared_to_go() {
        let shared = given("https://id.contoso.example", Some("contoso.example"));
        assert!(shared.starts_with("__Secure-usher="), "{shared}");
        assert!(
            shared.contains("; Path=/; Domain=contoso.example;"),
            "{shared}"
        );
        let here = given(
            "http://127.0.0.1:8080/identity/contoso",
            Some("contoso.example"),
        );
        assert!(here.starts_with("usher="), "{here}");
        assert!(here.contains("; Path=/identity/contoso;"), "{here}");
        assert!(
            !here.contains("Secure") && !here.contains("Domain"),
            "{here}"
        );
    }

    #[test]
    fn what_is_no_cookie_of_ours_is_nobody() {
        let url = "https://contoso.example".parse().unwrap();
        let cookies = Cookies::of(&url, None);
        let check = |lines: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(COOKIE, line);
            }
            let found = cookies.session(&headers);
            let found = found.as_ref().map(Token::reveal);
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&["__Host-usher=one"], Some("one"));
        check(&["a=b; __Host-usher=one; __Host-usher=two"], Some("one"));
        check(&["a=b", "__Host-usher=one"], Some("one"));
        check(&["ü=1; __Host-usher=one"], None);
        check(&["usher=one"], None);
        check(&["__Host-usher"], None);
        check(&["__Host-usher="], None);
        check(&[&format!("__Host-usher={}", "x".repeat(100_000))], None);
        check(&[], None);
    }
}
