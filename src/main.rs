//! The `usher` program: parses the command line, runs it, and says how it ended.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Answers are many small texts and maps, which it hands out and takes back faster than the C library does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    usher::cli::run()
}
