//! The testers of others, each with all its checks in its strictest mode, against the program.

use serde_json::{Value, json};
use tempfile::TempDir;
use usher::scim::dialect::Dialect;

use crate::programs::run;
use crate::workload_program::Program;
use crate::workload_server::{TOKEN, config, scim_tenant};

/// Where the server differs from what a tester wants, and rightly so.
struct Deviation {
    /// The check, as the tester names it.
    check: &'static str,
    /// What its message contains.
    says: &'static str,
    #[expect(dead_code, reason = "it is for the reader")]
    why: &'static str,
}

const SCIM2_TESTER: &[Deviation] = &[Deviation {
    check: "User check_remove_attribute",
    says: "active must be true or false; it cannot be unset",
    why: "RFC 7643, section 4.1.1: what `active` means is determined by the service provider. Here a person is \
              active or is not: an absent value would let somebody in who was to be kept out.",
}];

const SCIM_SANITY: &[Deviation] = &[
    Deviation {
        check: "PATCH /Groups/{id}",
        says: "got 204",
        why: "RFC 7644, section 3.5.2: the server may answer 204 without a body. A group may have 100,000 members.",
    },
    Deviation {
        check: "PATCH /Groups/{id} remove members",
        says: "got 204",
        why: "The same.",
    },
    Deviation {
        check: "PATCH /Groups/{id} add member",
        says: "got 400",
        why: "The tester adds `fake-member-id`. A member that nobody knows is refused, and the client told.",
    },
    Deviation {
        check: "Agent CRUD Lifecycle",
        says: "not supported by server",
        why: "A draft extension of 2025 that the server does not announce.",
    },
    Deviation {
        check: "AgenticApplication CRUD Lifecycle",
        says: "not supported by server",
        why: "The same.",
    },
    Deviation {
        check: "Agent Rapid Lifecycle",
        says: "not supported",
        why: "The same.",
    },
];

/// The server that is tested: the program on an empty store.
struct Tested {
    program: Program,
    _folder: TempDir,
}

impl Tested {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("config.json");
        let mut tenant = scim_tenant("contoso", "http://127.0.0.1", &folder, &json!({}));
        tenant.clients[0].dialect = Dialect::Strict;
        std::fs::write(&path, config(vec![tenant]).to_json()).expect("a file");
        Self {
            program: Program::start(&path),
            _folder: folder,
        }
    }
}

/// Fails with the words of the tester, and when a listed deviation is none any more.
fn check(results: &str, at_least: usize, deviations: &[Deviation]) {
    let results: Value = serde_json::from_str(results).expect("the tester prints JSON");
    let results = results.as_array().expect("a list");
    assert!(
        results.len() >= at_least,
        "only {} checks ran",
        results.len()
    );
    let text = |result: &Value, name: &str| result[name].as_str().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    let mut seen = vec![false; deviations.len()];
    for result in results {
        let (name, message) = (text(result, "name"), text(result, "message"));
        let passed = ["pass", "success", "compliant", "acceptable"];
        if passed.contains(&text(result, "status").as_str()) {
            continue;
        }
        let known = |it: &Deviation| it.check == name && message.contains(it.says);
        match deviations.iter().position(known) {
            Some(place) => seen[place] = true,
            None => wrong.push(format!("{name}: {}: {message}", text(result, "status"))),
        }
    }
    let gone = deviations.iter().zip(seen).filter(|(_, seen)| !seen);
    wrong
        .extend(gone.map(|(it, _)| format!("{}: is no deviation any more: {}", it.check, it.says)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scim2_tester_passes_with_every_check() {
    let tested = Tested::start();
    let script = "tests/conformance/check_server.py";

    let results = run("scim-testers", &[script, &tested.program.base, TOKEN]).expect("it runs");

    tested.program.kill();
    check(&results, 100, SCIM2_TESTER);
}

#[test]
fn scim_sanity_passes_in_its_strict_mode() {
    let tested = Tested::start();
    let strict = [
        "-m",
        "scim_sanity",
        "probe",
        "--strict",
        "--json-output",
        "--i-accept-side-effects",
        "--token",
        TOKEN,
    ];

    let said = run(
        "scim-testers",
        &[&strict[..], &[&tested.program.base]].concat(),
    );

    tested.program.kill();
    // It ends with a failure when a check fails, and prints the same.
    let (Ok(said) | Err(said)) = said;
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    check(&report["results"].to_string(), 25, SCIM_SANITY);
}
