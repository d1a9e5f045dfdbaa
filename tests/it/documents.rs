//! The documents keep up with the code: what they link to exists, and so does what they tell to type.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file of the repository that is written for people.
pub(crate) fn documents() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["", "docs", "crds", "tests", "tests/data", "tests/cluster"]
        .map(|folder| root().join(folder))
        .into();
    folders.push(root().join("examples"));
    folders.extend(below(&root().join("examples")));
    let files = folders.iter().flat_map(|folder| below(folder));
    let mut found: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|its| its == "md"))
        .collect();
    found.sort();
    found
}

/// What is in a folder; nothing when it is none.
fn below(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|it| it.expect("an entry").path()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What is within and what is outside of fenced blocks, line by line.
fn lines(markdown: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut fenced = false;
    markdown.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        Some((fenced, line))
    })
}

/// The targets of `[text](target)`, outside of fenced blocks.
fn links(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (_, line) in lines(markdown).filter(|(fenced, _)| !fenced) {
        for (at, opening) in line.match_indices("](") {
            let rest = &line[at + opening.len()..];
            found.extend(rest.split([')', ' ']).next());
        }
    }
    found
}

/// The names of a document's headings in links, as GitHub makes them.
fn anchors(markdown: &str) -> BTreeSet<String> {
    lines(markdown)
        .filter(|(fenced, line)| !fenced && line.starts_with('#'))
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// What is wrong with a link in the document at `path`, if anything.
fn fault(path: &Path, link: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| link.starts_with(scheme))
    {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        path.to_owned()
    } else {
        path.parent()?.join(file)
    };
    if !target.exists() {
        return Some(format!("{link}: no such file"));
    }
    let is_missing = !anchor.is_empty() && !anchors(&read(&target)).contains(anchor);
    is_missing.then(|| format!("{link}: no such heading"))
}

/// The words that follow `program` wherever a document shows what to type.
fn typed<'a>(markdown: &'a str, program: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for (fenced, line) in lines(markdown) {
        let code: Vec<&str> = if fenced {
            vec![line]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for code in code {
            let words: Vec<&str> = code
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            for pair in words
                .windows(2)
                .filter(|pair| pair[0].rsplit('/').next() == Some(program))
            {
                let word = pair[1].trim_end_matches([',', ';', ')', '|']);
                let is_name =
                    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                found.extend(Some(word).filter(|word| is_name && !word.starts_with('-')));
            }
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let faults: Vec<String> = documents()
        .iter()
        .flat_map(|path| {
            let text = read(path);
            let faults: Vec<_> = links(&text)
                .into_iter()
                .filter_map(|link| fault(path, link))
                .collect();
            faults
                .into_iter()
                .map(|fault| format!("{}: {fault}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();

    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_target_that_is_told_exists() {
    let makefile = read(&root().join("Makefile"));
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ', '#', '.']))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        .collect();
    for path in documents() {
        let text = read(&path);
        for word in typed(&text, "make") {
            assert!(
                targets.contains(word),
                "{}: there is no `make {word}`",
                path.display()
            );
        }
    }
}

#[test]
fn every_subcommand_that_is_told_exists() {
    for path in documents() {
        let text = read(&path);
        for word in typed(&text, "usher") {
            let help = Command::new(env!("CARGO_BIN_EXE_usher"))
                .args([word, "--help"])
                .output();
            let exists = help.expect("the program runs").status.success();
            assert!(exists, "{}: there is no `usher {word}`", path.display());
        }
    }
}

#[test]
fn a_planted_dead_link_is_found() {
    let readme = root().join("README.md");

    for (link, expected) in [
        (
            "src/no_such_file.rs",
            Some("src/no_such_file.rs: no such file"),
        ),
        (
            "README.md#no-such-heading",
            Some("README.md#no-such-heading: no such heading"),
        ),
        (
            "#no-such-heading",
            Some("#no-such-heading: no such heading"),
        ),
        ("src/lib.rs", None),
        ("https://example.com/", None),
    ] {
        assert_eq!(fault(&readme, link).as_deref(), expected);
    }
}

#[test]
fn what_is_shown_to_be_typed_is_read_from_code_alone() {
    let text = "Please make sure. Run `make test`, or `./target/debug/usher crds`.\n\n```sh\nmake -j2\nusher lint a.yaml # make b\nusher crds | make check\n```\n";

    assert_eq!(typed(text, "make"), BTreeSet::from(["check", "test"]));
    assert_eq!(typed(text, "usher"), BTreeSet::from(["crds", "lint"]));
}

#[test]
fn links_and_headings_are_read_outside_of_fences() {
    let text = "# One binary, two sides\n[a](b.md) and [c](d.md#e \"title\")\n```\n# no heading\n[x](y)\n```\n";

    assert_eq!(links(text), ["b.md", "d.md#e"]);
    assert_eq!(
        anchors(text),
        BTreeSet::from(["one-binary-two-sides".to_owned()])
    );
}
