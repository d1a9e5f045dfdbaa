//! What only this directory can read: by AES-256-GCM, under a key that follows from the sealing key and from what is sealed.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::clock::Random;
use crate::config::SealingKey;

/// Seals and opens.
pub(crate) struct Sealing(hmac::Key);

impl Sealing {
    /// By the key in this file.
    pub(crate) async fn read(file: &Path) -> io::Result<Self> {
        let text = tokio::fs::read_to_string(file).await?;
        // Its own words are never told.
        let key = SealingKey::parse(&text).and_then(|it| it.bytes());
        let key = key.ok_or_else(|| io::Error::other("it holds no 32 bytes as Base64"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The text of which only who knows `about` as well gets `secret` back.
    pub(crate) fn seal(&self, about: &str, secret: &[u8], random: &dyn Random) -> String {
        let mut sealed = vec![0; NONCE_LEN];
        random.fill(&mut sealed);
        let mut content = secret.to_vec();
        let tag =
            self.key(about)
                .seal_in_place_separate_tag(nonce(&sealed), Aad::empty(), &mut content);
        let tag = tag.expect("it is shorter than 64 GiB");
        sealed.extend(content);
        sealed.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The secret in `sealed`, if it was sealed about the same by the same key.
    pub(crate) fn open(&self, about: &str, sealed: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (before, content) = sealed.split_at_checked(NONCE_LEN)?;
        let mut content = content.to_vec();
        let key = self.key(about);
        let secret = key.open_in_place(nonce(before), Aad::empty(), &mut content);
        secret.ok().map(|it| it.to_vec())
    }

    /// What tells `text` again, and nothing of it to who has not the key.
    pub(crate) fn mark(&self, text: &str) -> String {
        let mark = hmac::sign(&self.0, format!("mark {text}").as_bytes());
        URL_SAFE_NO_PAD.encode(mark.as_ref())
    }

    /// A key for each subject: a nonce can only repeat under one, and nothing is taken for something else.
    fn key(&self, about: &str) -> LessSafeKey {
        let key = hmac::sign(&self.0, about.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref());
        LessSafeKey::new(key.expect("a tag of HMAC-SHA-256 has 32 bytes"))
    }
}

fn nonce(bytes: &[u8]) -> Nonce {
    Nonce::try_assume_unique_for_key(bytes).expect("it has the length of a nonce")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    async fn sealing(byte: u8) -> Sealing {
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = SealingKey::from_random([byte; 32]);
        std::fs::write(&file, key.reveal()).unwrap();
        Sealing::read(file.path()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_sealed_is_opened_by_the_same_key_about_the_same() {
        let (sealing, random) = (sealing(1).await, SeededRandom::new(1));
        let sealed = sealing.seal("of lena", b"secret", &random);

        assert_ne!(sealed, sealing.seal("of lena", b"secret", &random));
        assert_eq!(sealing.open("of lena", &sealed), Some(b"secret".to_vec()));
        assert_eq!(sealing.open("of joe", &sealed), None);
        assert_eq!(self::sealing(2).await.open("of lena", &sealed), None);
        let (first, rest) = sealed.split_at(1);
        let first = if first == "A" { "B" } else { "A" };
        for broken in [
            "",
            "AAAA",
            "ü",
            &sealed[..sealed.len() - 2],
            &format!("{first}{rest}"),
        ] {
            assert_eq!(sealing.open("of lena", broken), None, "{broken}");
        }
    }

    #[tokio::test]
    async fn an_error_quotes_no_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "half-a-secret").unwrap();

        let error = Sealing::read(file.path()).await.err().unwrap();

        assert_eq!(error.to_string(), "it holds no 32 bytes as Base64");
    }
}
