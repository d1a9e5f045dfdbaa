//! Where a request comes from, and what its client calls itself.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use ipnet::IpNet;

/// Characters that are kept of a `User-Agent`.
const MAX_USER_AGENT: usize = 128;

/// What a client calls itself: printable, and cut at a length that fits a status.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT)?;
    let printable = value
        .as_bytes()
        .iter()
        .filter(|it| **it == b' ' || it.is_ascii_graphic());
    let text: String = printable
        .take(MAX_USER_AGENT)
        .map(|it| char::from(*it))
        .collect();
    (!text.trim().is_empty()).then_some(text)
}

/// Whether whoever opened the connection is one of the `trusted` proxies.
pub(crate) fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|network| network.contains(&peer))
}

/// Where a request comes from: its connection, or what `trusted` proxies say, followed from the nearest one until somebody is not trusted.
pub(crate) fn address(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let mut from = peer.to_canonical();
    if !is_trusted(from, trusted) {
        return from;
    }
    let lines = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<&str> = lines
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Some(named) = parse(hop.trim()) else {
            break;
        };
        from = named;
        if !is_trusted(from, trusted) {
            break;
        }
    }
    from
}

/// An address; some proxies add the port.
fn parse(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse().ok().map(|it: SocketAddr| it.ip());
    let address = hop.parse().ok().or_else(with_port);
    address.map(|it: IpAddr| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(trusted: &[&str], forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|it| it.parse().unwrap()).collect();

        let found = address(&headers, "10.0.0.1".parse().unwrap(), &trusted);

        assert_eq!(found.to_string(), expected, "{trusted:?} {forwarded:?}");
    }

    #[test]
    fn nobody_is_believed_who_was_not_declared() {
        check(&[], &["192.0.2.1"], "10.0.0.1");
        check(&["10.9.0.0/16"], &["192.0.2.1"], "10.0.0.1");
        check(&["10.0.0.0/16"], &["192.0.2.1"], "192.0.2.1");
    }

    #[test]
    fn what_a_client_claims_of_itself_is_not_followed() {
        let proxies = ["10.0.0.0/16"];

        check(&proxies, &["203.0.113.9, 192.0.2.1"], "192.0.2.1");
        check(&proxies, &["203.0.113.9", "192.0.2.1"], "192.0.2.1");
        check(&proxies, &["203.0.113.9, 192.0.2.1, 10.0.0.7"], "192.0.2.1");
        check(&proxies, &["192.0.2.1:4711"], "192.0.2.1");
        check(&proxies, &["[2001:db8::1]:4711"], "2001:db8::1");
        check(&proxies, &["::ffff:192.0.2.1"], "192.0.2.1");
        check(&proxies, &["192.0.2.1, unknown"], "10.0.0.1");
        check(&proxies, &["10.0.0.9"], "10.0.0.9");
        check(&proxies, &[""], "10.0.0.1");
        check(&proxies, &[], "10.0.0.1");
    }
}
