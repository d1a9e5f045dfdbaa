//! What is allowed, and what a source file breaks.

/// Each module of the crate, and which of the others it may name. A new word here is a design decision.
pub(super) const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("scim", &[]),
    ("oidc", &[]),
    ("clock", &[]),
    ("expression", &["clock"]),
    ("telemetry", &[]),
    ("config", &["scim"]),
    ("plan", &["api", "config", "expression", "scim"]),
    ("lint", &["api", "plan", "config"]),
    ("platform", &["plan", "api", "config"]),
    // A mapping is evaluated with the time and the randomness of its run.
    (
        "reconcile",
        &["plan", "platform", "api", "config", "clock", "expression"],
    ),
    (
        "operator",
        &[
            "reconcile",
            "platform",
            "plan",
            "api",
            "config",
            "lint",
            "clock",
            "telemetry",
        ],
    ),
    (
        "dev",
        &[
            "reconcile",
            "platform",
            "plan",
            "api",
            "config",
            "lint",
            "clock",
            "workload",
            "telemetry",
        ],
    ),
    ("store", &["scim", "clock"]),
    (
        "workload",
        &["store", "scim", "oidc", "config", "clock", "telemetry"],
    ),
    ("emulator", &["api", "clock", "expression", "oidc"]),
    (
        "cli",
        &[
            "api",
            "scim",
            "oidc",
            "clock",
            "expression",
            "telemetry",
            "config",
            "plan",
            "lint",
            "platform",
            "reconcile",
            "operator",
            "dev",
            "store",
            "workload",
            "emulator",
        ],
    ),
];

/// What has one home, and which modules that is.
const CONFINED: &[(&str, &[&str])] = &[
    ("kube::Client", &["operator"]),
    ("kube::Api", &["operator"]),
    ("kube::api::Api", &["operator"]),
    ("kube::client", &["operator"]),
    ("kube::runtime", &["operator"]),
    // Elsewhere one `use` per item, so that the lines above can see it.
    ("kube::{", &["operator"]),
    ("sqlx::", &["store"]),
    ("rusqlite::", &["store"]),
    // Text that is not a literal of this program must not become SQL. sqlx wants to be told, rusqlite takes any text; a copy goes by
    // the tables that the database itself names, and the name of a schema is letters, digits and underscores.
    (
        "AssertSqlSafe",
        &[
            "store/filter_sql",
            "store/postgres/connect",
            "store/postgres/migrations",
            "store/postgres/tests",
            "store/conformance/server",
        ],
    ),
    (".prepare(&", &["store/sqlite/snapshot"]),
    ("prepare_cached(&", &["store/sqlite/restore"]),
    ("axum::", &["workload", "operator", "emulator"]),
    ("axum_server::", &["workload", "operator"]),
    (
        "reqwest::",
        &[
            "operator",
            "dev",
            "emulator",
            "workload",
            "cli/administration",
            "cli/report",
            "cli/password_link",
            "cli/sign_in_method",
        ],
    ),
    ("jsonwebtoken::", &["workload"]),
    ("askama::", &["workload", "emulator"]),
    ("lettre::", &["workload/mail"]),
    ("rustix::", &["cli", "workload/passwords"]),
    ("clap::", &["cli"]),
    ("fancy_regex::", &["expression"]),
    ("std::env", &["cli"]),
    ("env::var", &["cli"]),
    ("SystemTime::now", &["clock"]),
    ("Timestamp::now", &["clock"]),
    ("Zoned::now", &["clock"]),
    ("Uuid::now_v7", &["clock"]),
    ("Uuid::new_v4", &["clock"]),
    ("getrandom::", &["clock"]),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "types", "misc", "manager", "service", "mod",
];

pub(super) const LINES_PER_FILE: usize = 400;
pub(super) const METHODS_PER_TRAIT: usize = 20;

/// What a source file breaks. `module` is its path below `src`, as in `plan/child`.
pub(super) fn broken_rules(module: &str, source: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !source.starts_with("//! ") {
        broken.push("the file does not begin with `//!` and what it is for".to_owned());
    }
    broken.extend(bad_name(module));
    let own = without_tests(source);
    let lines = own.lines().count();
    let is_test = ["/tests", "/conformance"]
        .iter()
        .any(|name| module.ends_with(name));
    if !is_test && lines > LINES_PER_FILE {
        broken.push(format!(
            "{lines} lines without its tests; at most {LINES_PER_FILE}"
        ));
    }
    broken.extend(big_traits(own));
    for line in source.lines().map(without_comment) {
        if let Some(found) = ["todo!", "unimplemented!"]
            .into_iter()
            .find(|word| line.contains(word))
        {
            broken.push(format!("{found} is no code: {}", line.trim()));
        }
    }
    for line in own.lines().map(without_comment) {
        broken.extend(bad_imports(module, line).map(|why| format!("{why}: {}", line.trim())));
    }
    broken
}

pub(super) fn bad_name(module: &str) -> Option<String> {
    let name = module.rsplit('/').next().unwrap_or_default();
    let empty = EMPTY_NAMES.contains(&name)
        || name
            .rsplit('_')
            .next()
            .is_some_and(|last| last != name && EMPTY_NAMES.contains(&last));
    empty.then(|| format!("a file called `{name}` does not say what is in it"))
}

fn bad_imports<'a>(module: &'a str, line: &'a str) -> impl Iterator<Item = String> + 'a {
    let root = module.split('/').next().unwrap_or_default();
    let is_crate_root = matches!(root, "main" | "lib");
    let allowed = MAY_IMPORT
        .iter()
        .find(|(name, _)| *name == root)
        .map(|rule| rule.1);
    let unknown = (!is_crate_root && allowed.is_none() && line.contains("crate::"))
        .then(|| format!("{root} has no line in the table of who may import whom"));
    let braces = line
        .contains("use crate::{")
        .then(|| "write one `use crate::module::…` per module".to_owned());
    let forbidden = MAY_IMPORT
        .iter()
        .map(|(name, _)| *name)
        .filter(move |other| {
            *other != root && !is_crate_root && names(line, &format!("crate::{other}"))
        })
        .filter(move |other| allowed.is_some_and(|allowed| !allowed.contains(other)))
        .map(move |other| format!("{root} may not import {other}"));
    let abroad = CONFINED
        .iter()
        .filter(move |(name, homes)| !is_home(module, homes) && names(line, name))
        .map(|(name, homes)| format!("{name} belongs in {homes:?}"));
    unknown
        .into_iter()
        .chain(braces)
        .chain(forbidden)
        .chain(abroad)
}

/// Whether the module is one of `homes`, or below one.
fn is_home(module: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| {
        let below = module.strip_prefix(home);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether the line has `path` as a whole: `kube::Api` is not in `kube::ApiResource`, nor `axum::` in `my_axum::`.
fn names(line: &str, path: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let open_end = !path.ends_with(is_word);
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        !before.is_some_and(is_word) && (open_end || !after.is_some_and(is_word))
    })
}

fn big_traits(source: &str) -> Vec<String> {
    let mut big = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for line in source.lines() {
        let declared = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        if let Some(name) = declared.strip_prefix("trait ") {
            open = Some((name, 0));
        } else if line == "}" {
            if let Some((name, methods)) = open
                .take()
                .filter(|(_, methods)| *methods > METHODS_PER_TRAIT)
            {
                big.push(format!(
                    "{methods} methods; at most {METHODS_PER_TRAIT}: trait {name}"
                ));
            }
        } else if let Some((_, methods)) = &mut open {
            let method = line.strip_prefix("    ").unwrap_or_default();
            *methods += usize::from(method.starts_with("fn ") || method.starts_with("async fn "));
        }
    }
    big
}

/// The part before the file's own tests, which end it; tests in a file of their own end nothing.
fn without_tests(source: &str) -> &str {
    let mut modules = source.match_indices("\n#[cfg(test)]\nmod ");
    let own = modules.find(|(at, mark)| {
        let declared = source[at + mark.len()..].lines().next();
        declared.is_some_and(|line| line.ends_with('{'))
    });
    own.map_or(source, |(at, _)| &source[..at])
}

/// The code of a line. Two slashes in a literal cut it short, which is harmless here.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}
