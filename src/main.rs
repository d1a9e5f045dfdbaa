//! The `usher` program: parses the command line, runs it, and says how it ended.

use std::process::ExitCode;

fn main() -> ExitCode {
    usher::cli::run()
}
