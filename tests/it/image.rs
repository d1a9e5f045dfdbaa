//! The image: what is in it, and what it says of itself.
//!
//! Its program here is a debug build, so only the rest is measured; `make image` measures the whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cluster;

/// Bytes of what the program needs: a C library, time zones, certificates. With the 30,000,000 that `make image` grants the
/// program the image keeps within its 45,000,000.
const BESIDE_THE_PROGRAM: u64 = 15_000_000;

/// An archive of the kind that `docker save` writes.
struct Image {
    archive: PathBuf,
    manifest: Value,
    config: Value,
}

impl Image {
    fn read() -> Self {
        let (_, archive) = cluster::image();
        let manifest = json(&archive, "manifest.json")[0].take();
        let config = json(&archive, text(&manifest["Config"]));
        let config = config["config"].clone();
        Self {
            archive,
            manifest,
            config,
        }
    }

    /// Size and path of every file, from all layers.
    fn files(&self) -> Vec<(u64, String)> {
        let archive = self.archive.to_str().expect("a path in UTF-8");
        let layers = self.manifest["Layers"].as_array().expect("layers");
        let mut files = Vec::new();
        for layer in layers {
            let list = r#"tar -xOf "$0" "$1" | tar -tv"#;
            for line in output("sh", &["-c", list, archive, text(layer)]).lines() {
                let words: Vec<&str> = line.split_whitespace().collect();
                files.push((words[2].parse().expect("a size"), words[5].to_owned()));
            }
        }
        files
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(archive: &Path, file: &str) -> Value {
    let archive = archive.to_str().expect("a path in UTF-8");
    serde_json::from_str(&output("tar", &["-xOf", archive, file])).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn it_runs_as_a_number_that_is_not_root() {
    let image = Image::read();

    let user = text(&image.config["User"]);
    let (user, group) = user.split_once(':').expect("a user and a group");
    for number in [user, group] {
        assert_ne!(number.parse::<u32>().expect("a number"), 0);
    }
}

#[test]
fn it_says_what_it_is() {
    let image = Image::read();

    let label =
        |name: &str| text(&image.config["Labels"][format!("org.opencontainers.image.{name}")]);
    assert_eq!(label("title"), "Usher");
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("revision"), revision());
    let base = label("base.name");
    assert!(base.starts_with("localhost/usher-base:"), "{base}");
    let description = label("description");
    assert!(description.contains("Entra ID"), "{description}");
}

/// The commit that is checked out, and whether something has changed since.
fn revision() -> String {
    let arguments = "describe --always --dirty --abbrev=40 --exclude *";
    let described = Command::new("git")
        .args(arguments.split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match described {
        Ok(it) if it.status.success() => String::from_utf8_lossy(&it.stdout).trim().to_owned(),
        // Out of an archive of the sources.
        _ => "unknown".to_owned(),
    }
}

#[test]
fn it_is_the_program_on_what_the_program_needs() {
    let image = Image::read();

    assert_eq!(image.config["Entrypoint"], serde_json::json!(["/usher"]));
    let files = image.files();
    let program = files.iter().find(|(_, path)| path == "usher");
    let (program, _) = program.expect("the program");
    let beside = files.iter().map(|(size, _)| size).sum::<u64>() - program;
    assert!(beside <= BESIDE_THE_PROGRAM, "{beside} bytes");
    for expected in ["etc/ssl/certs/ca-certificates.crt", "etc/passwd"] {
        assert!(files.iter().any(|(_, path)| path == expected), "{expected}");
    }
}

#[test]
fn it_has_no_shell() {
    let image = Image::read();

    let shells = ["sh", "ash", "bash", "dash", "busybox"];
    let files = image.files();
    let found: Vec<_> = files
        .iter()
        .filter(|(_, path)| shells.contains(&path.rsplit('/').next().unwrap_or_default()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
