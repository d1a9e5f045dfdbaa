//! Writing a backup, line by line.

use std::io::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{BackupError, Contents, Header, RECORDS_PER_DIGEST, Record, Seal, Sink};

/// Writes lines, and the digests between them.
pub struct BackupWriter<W> {
    to: W,
    digest: Sha256,
    promised: Contents,
    written: Contents,
    records: u64,
}

impl<W: Write> BackupWriter<W> {
    /// Begins with `header`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: W, header: &Header) -> Result<Self, BackupError> {
        let mut writer = Self {
            to,
            digest: Sha256::new(),
            promised: header.contents,
            written: Contents::default(),
            records: 0,
        };
        writer.line(header)?;
        Ok(writer)
    }

    /// Ends the file, and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written, or there was less or more than the header says.
    pub fn finish(mut self) -> Result<W, BackupError> {
        if self.written != self.promised {
            let (written, promised) = (self.written, self.promised);
            return Err(BackupError::Refused(format!(
                "the store gave {written:?} and had announced {promised:?}"
            )));
        }
        let digest = hex(&self.digest);
        self.line(&Seal::End(digest))?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(value).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.to.write_all(&line)?;
        Ok(())
    }
}

impl<W: Write + Send> Sink for BackupWriter<W> {
    fn put(&mut self, record: &Record) -> Result<(), BackupError> {
        self.line(record)?;
        self.written.count(record);
        self.records += 1;
        if self.records.is_multiple_of(RECORDS_PER_DIGEST) {
            let digest = hex(&self.digest);
            self.line(&Seal::Digest(digest))?;
        }
        Ok(())
    }
}

/// The digest of everything so far.
pub(super) fn hex(digest: &Sha256) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in digest.clone().finalize() {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}
