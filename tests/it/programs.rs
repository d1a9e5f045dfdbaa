//! Programs that tests run: those of others, and `usher mapping`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apiserver::server::variable;

/// The one on the path, or the one that the set-up built.
pub(crate) fn program(name: &str) -> PathBuf {
    let under_home = |below: &str| variable("HOME").map(|home| format!("{home}/{below}"));
    let cache = variable("USHER_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| format!("{folder}/usher")))
        .or_else(|| under_home(".cache/usher"));
    let built = cache.map(|folder| PathBuf::from(folder).join("bin").join(name));
    let path = variable("PATH").unwrap_or_default();
    path.split(':')
        .map(|folder| Path::new(folder).join(name))
        .chain(built)
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("no {name}: run scripts/setup.sh {name}"))
}

/// Standard output and error of `usher mapping ARGUMENTS…`, and whether it succeeded.
pub(crate) fn mapping(arguments: &[&str]) -> (String, String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .arg("mapping")
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        text(output.stdout),
        text(output.stderr),
        output.status.success(),
    )
}

/// What `name ARGUMENTS…` prints, in the folder of the repository, or all that it says when it fails.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program(name))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|e| format!("{name} does not run: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    if output.status.success() {
        Ok(said)
    } else {
        Err(said + &text(&output.stderr))
    }
}
