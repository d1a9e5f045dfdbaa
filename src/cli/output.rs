//! Writing to the terminal: data to standard output, everything else to standard error.

use std::io::{self, Write};

/// Writes `text` to standard output; a reader that went away is not an error of ours.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes one line to standard error, after the name of the program.
pub(super) fn complain(text: &str) {
    // Nobody is left to tell when standard error is gone.
    drop(writeln!(io::stderr().lock(), "usher: {text}"));
}

/// Writes `text` to standard error as it is.
pub(super) fn remark(text: &str) {
    // Nobody is left to tell when standard error is gone.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}
