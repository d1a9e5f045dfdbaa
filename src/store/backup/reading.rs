//! Reading a backup, with the number of the line in each error.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::writing::hex;
use super::{BackupError, Contents, FORMAT, Header, Record, Seal};

/// Bytes of a line at most: far more than the largest resource.
const MAX_LINE: u64 = 64 << 20;

/// Reads lines, and compares the digests between them.
pub struct BackupReader<R> {
    from: R,
    digest: Sha256,
    header: Header,
    read: Contents,
    line: u64,
    text: Vec<u8>,
}

impl<R: BufRead> BackupReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is none, or that of a newer program.
    pub fn new(from: R) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned {
            usher_backup: u32,
        }
        let nothing = Header {
            usher_backup: FORMAT,
            program: String::new(),
            made_at: jiff::Timestamp::UNIX_EPOCH,
            scim_tenant: String::new(),
            contents: Contents::default(),
        };
        let mut reader = Self {
            from,
            digest: Sha256::new(),
            header: nothing,
            read: Contents::default(),
            line: 0,
            text: Vec::new(),
        };
        reader.advance()?;
        let Ok(Versioned { usher_backup }) = serde_json::from_slice(&reader.text) else {
            return Err(reader.damaged("this is not the first line of a backup".to_owned()));
        };
        if usher_backup > FORMAT {
            return Err(reader.damaged(format!(
                "the backup has format {usher_backup}, this program reads up to {FORMAT}; restore it with the version that made it, or a newer one"
            )));
        }
        reader.header = reader.parse()?;
        reader.digest.update(&reader.text);
        Ok(reader)
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record; nothing at the end of a file that is whole.
    ///
    /// # Errors
    /// When the file was cut or changed.
    pub fn record(&mut self) -> Result<Option<Record>, BackupError> {
        loop {
            self.advance()?;
            let is_seal = [r#"{"digest":"#, r#"{"end":"#]
                .iter()
                .any(|it| self.text.starts_with(it.as_bytes()));
            if !is_seal {
                let record = self.parse()?;
                self.digest.update(&self.text);
                self.read.count(&record);
                return Ok(Some(record));
            }
            let sealed: Seal = self.parse()?;
            let (Seal::Digest(expected) | Seal::End(expected)) = &sealed;
            if *expected != hex(&self.digest) {
                return Err(self.damaged(
                    "the file was changed in this line or in the thousand before".to_owned(),
                ));
            }
            self.digest.update(&self.text);
            if matches!(sealed, Seal::End(_)) {
                return self.ended().map(|()| None);
            }
        }
    }

    fn ended(&mut self) -> Result<(), BackupError> {
        if self.read != self.header.contents {
            let (read, promised) = (self.read, self.header.contents);
            return Err(self.damaged(format!(
                "the file ends with {read:?}, its first line says {promised:?}"
            )));
        }
        match self.from.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(self.damaged("something follows the end of the backup".to_owned())),
        }
    }

    /// An error about the line that was read last.
    pub(super) fn damaged(&self, why: String) -> BackupError {
        BackupError::DamagedFile {
            line: self.line,
            why,
        }
    }

    fn advance(&mut self) -> Result<(), BackupError> {
        self.text.clear();
        self.line += 1;
        let mut bounded = self.from.by_ref().take(MAX_LINE);
        bounded.read_until(b'\n', &mut self.text)?;
        if self.text.last() != Some(&b'\n') {
            return Err(self.damaged("the file ends here, before its end: it was cut".to_owned()));
        }
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, BackupError> {
        serde_json::from_slice(&self.text).map_err(|error| {
            let why = if error.is_data() {
                "this is no line that a backup of this version has"
            } else {
                "this is no JSON"
            };
            self.damaged(format!(
                "{why}: the file was changed, or a newer version made it"
            ))
        })
    }
}
