//! Who reaches which path of an application. Proxies and applications read unusual spellings of a path in ways of their own, so where there
//! are rules, such a path is refused instead of guessed at.

use percent_encoding::percent_decode_str;

use super::identity;
use crate::config::AccessRuleConfig;
use crate::store::Stored;

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access<'c> {
    /// Everybody.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in and has what the rule wants.
    Members(&'c AccessRuleConfig),
}

/// The rules cannot say who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OddPath;

/// Who may pass to `path` of `host`. The path is as it was requested, without a query.
pub(super) fn of<'c>(
    rules: &'c [AccessRuleConfig],
    host: &str,
    path: &str,
) -> Result<Access<'c>, OddPath> {
    let of_host =
        |it: &&AccessRuleConfig| it.hosts.is_empty() || it.hosts.iter().any(|it| it == host);
    let mut rules = rules.iter().filter(of_host).peekable();
    if rules.peek().is_none() {
        return Ok(Access::SignedIn);
    }
    let path = plain(path).ok_or(OddPath)?;
    for rule in rules {
        let fits = |same: fn(&str, &str) -> bool| {
            rule.paths.is_empty() || rule.paths.iter().any(|it| is_below(&path, it, same))
        };
        if fits(|one, other| one == other) {
            return Ok(match rule {
                AccessRuleConfig { public: true, .. } => Access::Public,
                rule if rule.roles.is_empty() && rule.groups.is_empty() => Access::SignedIn,
                rule => Access::Members(rule),
            });
        }
        // To many applications this is the same path, to others another one.
        if fits(str::eq_ignore_ascii_case) {
            return Err(OddPath);
        }
    }
    Ok(Access::SignedIn)
}

impl Access<'_> {
    /// Whether it lets `person` through.
    pub(super) fn admits(self, person: &Stored) -> bool {
        let Self::Members(rule) = self else {
            return true;
        };
        let roles = identity::roles(&person.resource);
        let is_in = |group: &str| rule.groups.iter().any(|it| it == group);
        let mut groups = person.related.iter().filter_map(|it| it.display.as_deref());
        roles
            .iter()
            .any(|role| rule.roles.iter().any(|it| it == role))
            || groups.any(is_in)
    }
}

fn is_below(path: &str, above: &str, same: fn(&str, &str) -> bool) -> bool {
    match (path.get(..above.len()), path.get(above.len()..)) {
        (Some(beginning), Some(rest)) => {
            same(beginning, above) && (rest.is_empty() || rest.starts_with('/'))
        }
        _ => false,
    }
}

/// The path, decoded; nothing for one that is not read alike everywhere: steps upwards, empty names, names with a dot or space at their end,
/// which some servers cut off, parameters, and what only decoding once more would show.
fn plain(path: &str) -> Option<String> {
    let is_odd = |it: char| it.is_control() || matches!(it, '\\' | ';' | '#' | '?');
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let slashes = |it: &str| it.matches('/').count();
    let names = decoded.strip_prefix('/')?;
    let names = names.strip_suffix('/').unwrap_or(names);
    let is_clear = |it: &str| !it.is_empty() && !it.ends_with(['.', ' ']);
    let is_plain = !decoded.contains(is_odd)
        && !decoded.contains('%')
        && slashes(&decoded) == slashes(path)
        && !path.to_ascii_lowercase().contains("%2e")
        && (names.is_empty() || names.split('/').all(is_clear));
    is_plain.then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<AccessRuleConfig> {
        let strings = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        vec![
            AccessRuleConfig {
                paths: strings(&["/open", "/admin/manual"]),
                public: true,
                ..AccessRuleConfig::default()
            },
            AccessRuleConfig {
                hosts: strings(&["crm.example.com"]),
                paths: strings(&["/admin"]),
                roles: strings(&["Admin"]),
                ..AccessRuleConfig::default()
            },
            AccessRuleConfig {
                hosts: strings(&["safe.example.com"]),
                groups: strings(&["Night Watch"]),
                ..AccessRuleConfig::default()
            },
        ]
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules();
        let check = |host: &str, path: &str, expected: Access<'_>| {
            assert_eq!(of(&rules, host, path), Ok(expected), "{host} {path}");
        };
        check("crm.example.com", "/open", Access::Public);
        check("crm.example.com", "/open/", Access::Public);
        check("crm.example.com", "/open/a/b.css", Access::Public);
        check("crm.example.com", "/openly", Access::SignedIn);
        check("crm.example.com", "/.a%20b", Access::SignedIn);
        check("crm.example.com", "/", Access::SignedIn);
        check("crm.example.com", "/admin", Access::Members(&rules[1]));
        check(
            "crm.example.com",
            "/admin/users",
            Access::Members(&rules[1]),
        );
        check("crm.example.com", "/%61dmin", Access::Members(&rules[1]));
        check("crm.example.com", "/admin/manual/1", Access::Public);
        check("crm.example.com", "/administrator", Access::SignedIn);
        check("wiki.example.com", "/admin", Access::SignedIn);
        check("wiki.example.com", "/caf%C3%A9", Access::SignedIn);
        check("safe.example.com", "/a", Access::Members(&rules[2]));
    }

    /// A11: what applications read in different ways is not guessed at.
    #[test]
    fn a11_an_odd_path_is_refused_where_there_are_rules() {
        let rules = rules();
        for path in [
            "/open/../admin",
            "/open/..",
            "/open/.",
            "/open/%2e%2e/admin",
            "/open/%2E./admin",
            "/open%2f..%2fadmin",
            "/open/%252e%252e/admin",
            "/open/..;/admin",
            "/open;x=y",
            "/open\\..\\admin",
            "/open%5cadmin",
            "//admin",
            "/open//admin",
            "/open//",
            "/Admin",
            "/ADMIN/users",
            "/admin.",
            "/admin%20",
            "/admin. ./users",
            "/admin%20/",
            "/a.../b",
            "/OPEN",
            "/open/%00",
            "/open\u{1}",
            "/open#/admin",
            "/open%23",
            "/open%3f",
            "/%ff",
            "/%",
            "/%zz",
            "open",
            "",
        ] {
            assert_eq!(of(&rules, "crm.example.com", path), Err(OddPath), "{path}");
            assert_eq!(
                of(&rules[1..], "wiki.example.com", path),
                Ok(Access::SignedIn),
                "{path}"
            );
        }
    }
}
