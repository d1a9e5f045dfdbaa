//! The profile photos of people, as a provider had them when they signed in. They go with the person, and are part of no resource and no
//! backup: the next sign-in brings them again.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ResourceId, StoreError};

/// Bytes of a photo at most; one of 96 pixels has some 5,000.
pub const PHOTO_BYTES: usize = 64 * 1024;

/// What a picture of a kind begins with, and its content type.
const KINDS: [(&[u8], &str); 2] = [
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
];

/// A JPEG or PNG of at most [`PHOTO_BYTES`]. Its `Debug` says how large it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    bytes: Vec<u8>,
    content_type: &'static str,
    /// When it was read, in whole milliseconds.
    pub at: Timestamp,
}

impl Photo {
    /// The photo that these bytes are; nothing when they are something else, whatever they were said to be, or too many.
    pub fn read(bytes: Vec<u8>, at: Timestamp) -> Option<Self> {
        let kind = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic));
        let (_, content_type) = kind.filter(|_| bytes.len() <= PHOTO_BYTES)?;
        Some(Self {
            bytes,
            content_type,
            at,
        })
    }

    /// The picture.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it is, by its first bytes: `image/jpeg` or `image/png`.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Photo({} bytes)", self.bytes.len())
    }
}

/// The part of a store that knows photos; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Photos: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_photo(&self, write: PhotoWrite) -> Result<u64, StoreError>;

    /// The photo of a person.
    async fn photo(&self, person: &ResourceId) -> Result<Option<Photo>, StoreError>;

    /// Keeps a photo of a person who is active, in the place of the one before; says whether it was kept.
    async fn keep_photo(&self, person: ResourceId, photo: Photo) -> Result<bool, StoreError> {
        let kept = self.write_photo(PhotoWrite::Keep { person, photo });
        Ok(kept.await? > 0)
    }

    /// Forgets the photo of a person; says whether there was one.
    async fn remove_photo(&self, person: ResourceId) -> Result<bool, StoreError> {
        Ok(self.write_photo(PhotoWrite::Remove(person)).await? > 0)
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum PhotoWrite {
    /// Keeps a photo.
    Keep {
        /// Whose it is.
        person: ResourceId,
        /// The photo.
        photo: Photo,
    },
    /// Forgets the photo of a person.
    Remove(ResourceId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_what_its_first_bytes_say_and_not_too_large() {
        let check = |bytes: &[u8], expected: Option<&str>| {
            let photo = Photo::read(bytes.to_vec(), Timestamp::UNIX_EPOCH);
            assert_eq!(photo.map(|it| it.content_type()), expected, "{bytes:?}");
        };
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg"));
        check(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", Some("image/png"));
        check(b"<html><script>alert(1)</script>", None);
        check(b"<svg xmlns=\"http://www.w3.org/2000/svg\">", None);
        check(b"GIF89a", None);
        check(b"", None);
        let mut bytes = b"\xff\xd8\xff".to_vec();
        bytes.resize(PHOTO_BYTES, 0);
        check(&bytes, Some("image/jpeg"));
        bytes.push(0);
        assert_eq!(Photo::read(bytes, Timestamp::UNIX_EPOCH), None);
    }
}
