//! The rules of this repository that no compiler knows: who may import whom, where an outside crate is at home, how big
//! a file may grow. They read text, not syntax: a determined author gets round them, but nobody does by accident.
//! Functions of more than 60 lines and five parameters are clippy's to find (`.clippy.toml`).

mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{LINES_PER_FILE, MAY_IMPORT, METHODS_PER_TRAIT, bad_name, broken_rules};

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            if entry.ends_with("target") {
                continue;
            }
            found.extend(files_below(&entry, extension));
        } else if entry.extension().is_some_and(|its| its == extension) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// Path below `folder` without its ending, and text, of each Rust file.
fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    files_below(&folder, "rs")
        .into_iter()
        .map(|path| {
            let below = path
                .strip_prefix(&folder)
                .expect("found below it")
                .with_extension("");
            (
                below.display().to_string(),
                fs::read_to_string(&path).expect("UTF-8"),
            )
        })
        .collect()
}

#[test]
fn the_sources_keep_the_rules() {
    let broken: Vec<String> = sources("src")
        .iter()
        .flat_map(|(module, source)| {
            broken_rules(module, source)
                .into_iter()
                .map(move |why| format!("src/{module}.rs: {why}"))
        })
        .collect();

    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_tests_say_what_they_are_for() {
    for (file, source) in sources("tests/it") {
        assert!(
            source.starts_with("//! "),
            "tests/it/{file}.rs does not begin with `//!`"
        );
        assert_eq!(bad_name(&file), None, "tests/it/{file}.rs");
    }
}

/// The faults that signing in must survive are numbered A1 to A25: each has a test that begins with its number.
#[test]
fn every_fault_of_signing_in_has_a_test_that_names_it() {
    let tests: Vec<String> = ["src", "tests/it"]
        .into_iter()
        .flat_map(sources)
        .map(|(_, source)| source)
        .collect();
    let named = |row: &u8| {
        let name = format!("fn a{row}_");
        let begins = |line: &str| {
            let line = line.trim_start();
            line.strip_prefix("async ")
                .unwrap_or(line)
                .starts_with(&name)
        };
        tests.iter().any(|source| source.lines().any(begins))
    };

    let missing: Vec<u8> = (1..=25).filter(|row| !named(row)).collect();

    assert!(missing.is_empty(), "no test begins with one of {missing:?}");
}

#[test]
fn every_module_of_the_crate_has_its_line() {
    for (module, _) in sources("src") {
        let root = module.split('/').next().expect("a first part");
        let known = MAY_IMPORT.iter().any(|(name, _)| *name == root);
        assert!(
            known || matches!(root, "main" | "lib"),
            "{root} has no line in the table"
        );
    }
}

#[test]
fn no_import_goes_both_ways() {
    for (module, imports) in MAY_IMPORT {
        for import in *imports {
            let back = MAY_IMPORT
                .iter()
                .find(|(name, _)| name == import)
                .expect("a known module")
                .1;
            assert!(
                !back.contains(module),
                "{module} and {import} may import each other"
            );
        }
    }
}

/// A module, a line in it, and how it is refused.
const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "plan/child",
        "use crate::operator::Context;",
        "plan may not import operator",
    ),
    (
        "scim",
        "    let now = crate::clock::SystemClock;",
        "scim may not import clock",
    ),
    (
        "workload/http",
        "use crate::api::AzureConnector;",
        "workload may not import api",
    ),
    ("store", "use crate::config;", "store may not import config"),
    (
        "emulator",
        "use crate::workload::run;",
        "emulator may not import workload",
    ),
    (
        "dev",
        "use crate::{plan, platform};",
        "write one `use crate::module::…` per module",
    ),
    (
        "novelty",
        "use crate::plan::Step;",
        "novelty has no line in the table of who may import whom",
    ),
    ("reconcile", "use kube::Client;", "kube::Client belongs in"),
    ("plan", "use kube::Api;", "kube::Api belongs in"),
    (
        "dev",
        "use kube::runtime::watcher;",
        "kube::runtime belongs in",
    ),
    (
        "api",
        "use kube::{CustomResource, ResourceExt};",
        "kube::{ belongs in",
    ),
    ("workload/domain", "use sqlx::Row;", "sqlx:: belongs in"),
    (
        "scim",
        "fn a(s: axum::http::StatusCode) {}",
        "axum:: belongs in",
    ),
    ("store", "use reqwest::Client;", "reqwest:: belongs in"),
    ("operator", "use clap::Parser;", "clap:: belongs in"),
    (
        "workload",
        "let level = std::env::var(\"LEVEL\");",
        "std::env belongs in",
    ),
    (
        "plan",
        "let now = jiff::Timestamp::now();",
        "Timestamp::now belongs in",
    ),
    (
        "store",
        "let now = SystemTime::now();",
        "SystemTime::now belongs in",
    ),
    (
        "store",
        "let id = Uuid::now_v7();",
        "Uuid::now_v7 belongs in",
    ),
    (
        "config",
        "getrandom::fill(&mut bytes)?;",
        "getrandom:: belongs in",
    ),
    (
        "store/sqlite/read",
        "    connection.prepare_cached(&text)?;",
        "prepare_cached(& belongs in",
    ),
    ("cli/crds", "    todo!()", "todo! is no code"),
];

#[test]
fn a_planted_violation_is_found() {
    for (module, line, expected) in VIOLATIONS {
        let broken = broken_rules(module, &format!("//! A sample.\n\n{line}\n"));
        assert!(
            broken.iter().any(|why| why.starts_with(expected)),
            "{module}: `{line}` should be refused with `{expected}`, got {broken:?}"
        );
    }
}

#[test]
fn what_looks_like_a_violation_but_is_none_passes() {
    for (module, line) in [
        ("plan", "use crate::api::AzureConnector;"),
        ("plan", "use crate::plan::Step;"),
        ("cli/serve", "use crate::workload::run;"),
        ("main", "fn main() -> ExitCode { crate::cli::run() }"),
        ("api", "use kube::CustomResource;"),
        ("plan", "use kube::api::ApiResource;"),
        (
            "scim",
            "/// Not like `sqlx::Row`, and not `crate::store::Store`.",
        ),
        ("scim/tests", "use crate::scim::Filter;"),
        (
            "plan",
            "#[cfg(test)]\nmod tests {\n    use crate::clock::ManualClock;\n}",
        ),
    ] {
        let broken = broken_rules(module, &format!("//! A sample.\n\n{line}\n"));
        assert!(
            broken.is_empty(),
            "{module}: `{line}` is fine, but got {broken:?}"
        );
    }
}

#[test]
fn a_file_without_purpose_with_an_empty_name_or_too_big_is_found() {
    let long = format!("//! Long.\n{}", "const A: u8 = 0;\n".repeat(LINES_PER_FILE));
    let apart = long.replacen('\n', "\n\n#[cfg(test)]\nmod tests;\n", 1);
    let tested = format!(
        "//! Tested.\n\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "// a\n".repeat(LINES_PER_FILE)
    );
    let wide = format!(
        "//! Wide.\n\npub trait Wide {{\n{}}}\n",
        "    fn a();\n".repeat(METHODS_PER_TRAIT + 1)
    );
    for (module, source, expected) in [
        (
            "plan",
            "use std::fmt;\n",
            Some("the file does not begin with `//!`"),
        ),
        (
            "scim/utils",
            "//! A sample.\n",
            Some("a file called `utils`"),
        ),
        (
            "plan/object_helpers",
            "//! A sample.\n",
            Some("a file called `object_helpers`"),
        ),
        ("plan/mod", "//! A sample.\n", Some("a file called `mod`")),
        ("plan/service_account", "//! A sample.\n", None),
        ("plan", &long, Some("401 lines without its tests")),
        ("plan", &apart, Some("404 lines without its tests")),
        ("plan", &tested, None),
        ("plan/tests", &long, None),
        ("store", &wide, Some("21 methods")),
    ] {
        let broken = broken_rules(module, source);
        match expected {
            Some(expected) => assert!(
                broken.iter().any(|why| why.starts_with(expected)),
                "{module}: {broken:?}"
            ),
            None => assert!(broken.is_empty(), "{module}: {broken:?}"),
        }
    }
}

/// What a machine, a person or a place of work would leave behind.
fn traces_of_a_machine(text: &str) -> Option<&str> {
    // Put together here, or this file would find itself.
    let traces = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["../sha", "red"],
    ]
    .map(|two| two.concat());
    text.lines()
        .find(|line| traces.iter().any(|trace| line.contains(trace)))
}

#[test]
fn no_path_of_a_machine_is_in_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = [
        "src",
        "tests/it",
        "tests/fuzz",
        "docs",
        "scripts",
        "bench",
        "examples",
        "charts",
        "crds",
        ".config",
        ".cargo",
        ".ci",
    ];
    let below = own
        .iter()
        .map(|folder| root.join(folder))
        .filter(|folder| folder.is_dir());
    let texts = ["rs", "md", "toml", "sh", "yaml", "yml", "sql"].into_iter();
    let files = below.flat_map(|folder| {
        texts
            .clone()
            .flat_map(move |ending| files_below(&folder, ending))
    });
    let top = [
        "README.md",
        "CONTRIBUTING.md",
        "Makefile",
        "Cargo.toml",
        ".ci/run",
    ]
    .map(|name| root.join(name));
    for file in files.chain(top.into_iter().filter(|file| file.exists())) {
        let text = fs::read_to_string(&file).expect("UTF-8");
        assert_eq!(traces_of_a_machine(&text), None, "{}", file.display());
    }
}

#[test]
fn a_path_of_a_machine_is_found() {
    let planted = ["see /ro", "ot/.cache"].concat();

    assert_eq!(
        traces_of_a_machine(&format!("fine\n{planted}\n")),
        Some(planted.as_str())
    );
    assert_eq!(traces_of_a_machine("curl /scim/v2/Users\n"), None);
}
