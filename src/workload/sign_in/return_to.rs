//! Where a browser may be sent after signing in: to the directory itself, and to the hosts that it declares.

use url::Url;

/// Characters of an address at most.
const LONGEST: usize = 2048;

/// The address `text`, if it is one on `own` or on one of `hosts`, each with a port where it is not that of the scheme.
///
/// Browsers and libraries read odd addresses differently. So the host is compared as it is written, and only visible ASCII without a
/// backslash passes.
pub(super) fn allowed<'t>(text: &'t str, own: &Url, hosts: &[String]) -> Option<&'t str> {
    let is_plain = text.len() <= LONGEST
        && text
            .bytes()
            .all(|it| it.is_ascii_graphic() && !matches!(it, b'\\' | b'#' | b'"' | b'<' | b'>'));
    let rest = text.strip_prefix(own.scheme())?.strip_prefix("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let is_declared = authority == authority_of(own) || hosts.iter().any(|it| it == authority);
    let url = Url::parse(text).ok()?;
    let is_read_alike = url.scheme() == own.scheme() && authority_of(&url) == authority;
    (is_plain && is_declared && is_read_alike).then_some(text)
}

/// Host and port of `url`, the port where it is not that of the scheme.
pub(super) fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(text: &str) -> bool {
        let own = "https://id.contoso.example".parse().unwrap();
        let hosts = ["wiki.contoso.example", "crm.contoso.example:8443"].map(str::to_owned);
        allowed(text, &own, &hosts).is_some()
    }

    #[test]
    fn a_browser_goes_back_to_declared_hosts() {
        for good in [
            "https://id.contoso.example",
            "https://id.contoso.example/signed-in",
            "https://wiki.contoso.example/page?a=b&c=%2F%2Fevil.example",
            "https://wiki.contoso.example?x=https://evil.example",
            "https://crm.contoso.example:8443/",
        ] {
            assert!(is_allowed(good), "{good}");
        }
    }

    /// A9: each of these has led a browser elsewhere in some product.
    #[test]
    fn a9_a_browser_goes_nowhere_else() {
        let long = format!("https://wiki.contoso.example/{}", "x".repeat(LONGEST));
        for bad in [
            "",
            "/",
            "/page",
            "//evil.example",
            "///evil.example",
            "\\\\evil.example",
            "/\\evil.example",
            "https:/\\evil.example",
            "https:\\\\wiki.contoso.example",
            "https:/wiki.contoso.example",
            "https:wiki.contoso.example",
            "https:///wiki.contoso.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://wiki.contoso.example/",
            "HTTPS://wiki.contoso.example/",
            "https://evil.example/",
            "https://evil.example/wiki.contoso.example",
            "https://evil.example?wiki.contoso.example",
            "https://evil.example#@wiki.contoso.example/",
            "https://evil.example\\.wiki.contoso.example/",
            "https://wiki.contoso.example.evil.example/",
            "https://evilwiki.contoso.example/",
            "https://contoso.example/",
            "https://wiki.contoso.example@evil.example/",
            "https://evil.example@wiki.contoso.example/",
            "https://user:password@wiki.contoso.example/",
            "https://wiki.contoso.example:80/",
            "https://wiki.contoso.example:443/",
            "https://wiki.contoso.example:/",
            "https://wiki.contoso.example%2f@evil.example/",
            "https://wiki.contoso.example%2fevil.example/",
            "https://wiki.contoso.example%00.evil.example/",
            "https://wiki.contoso.example./",
            "https://WIKI.contoso.example/",
            "https://crm.contoso.example/",
            "https://wiki.contoso.example/#fragment",
            "https://wiki.contoso.example/\r\nSet-Cookie: a=b",
            "https://wiki.contoso.example/ x",
            " https://wiki.contoso.example/",
            "\thttps://wiki.contoso.example/",
            "https://wiki.contoso.example/\u{202e}",
            "https://wiki.contoso.exampl\u{435}/",
            "https://wiki。contoso.example/",
            "https://[::1]/",
            "https://2130706433/",
            &long,
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
