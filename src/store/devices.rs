//! Devices that wait until somebody lets them sign in (RFC 8628). Of the codes only digests are kept. Who is let in has a
//! [`super::grants::Grant`] under the same key.

use async_trait::async_trait;
use jiff::Timestamp;

use super::grants::Grant;
use super::sessions::SecretDigest;
use super::{ResourceId, StoreError};

/// Devices that wait at most; the oldest go first, so that a flood of them fills no disk.
pub const DEVICES: i64 = 10_000;

/// One device that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Of the part of the device code that stays in all refresh tokens.
    pub key: SecretDigest,
    /// Of the part of the device code that is good once.
    pub current: SecretDigest,
    /// Of the code that a person types.
    pub user_code: SecretDigest,
    /// The application.
    pub application: String,
    /// What it asks for, as in a request.
    pub scopes: String,
    /// Whether somebody said no.
    pub denied: bool,
    /// When it last asked, in whole milliseconds.
    pub polled: Timestamp,
    /// When it waits no longer, in whole milliseconds.
    pub expires: Timestamp,
}

/// The part of a store that knows devices; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_device(&self, write: DeviceWrite) -> Result<u64, StoreError>;

    /// The device with this key.
    async fn device(&self, key: &SecretDigest) -> Result<Option<Device>, StoreError>;

    /// The device with this user code.
    async fn device_by_code(&self, user_code: &SecretDigest) -> Result<Option<Device>, StoreError>;

    /// Lets a device wait; says whether neither its key nor its user code was there before.
    async fn add_device(&self, device: Device) -> Result<bool, StoreError> {
        Ok(self.write_device(DeviceWrite::Add(device)).await? > 0)
    }

    /// Notes that a device asked.
    async fn poll_device(&self, key: SecretDigest, at: Timestamp) -> Result<(), StoreError> {
        let polled = self.write_device(DeviceWrite::Poll { key, at });
        polled.await.map(|_| ())
    }

    /// Keeps `grant` in the place of the device that has its key; says whether that waited and nobody said no, and the session is there.
    /// The same once more, for its answer may have been lost, has been done.
    async fn allow_device(&self, grant: Grant) -> Result<bool, StoreError> {
        Ok(self.write_device(DeviceWrite::Allow(grant)).await? > 0)
    }

    /// Lets the device know that somebody said no; says whether it still waits.
    async fn deny_device(&self, key: SecretDigest) -> Result<bool, StoreError> {
        Ok(self.write_device(DeviceWrite::Deny(key)).await? > 0)
    }

    /// Counts a user code that a person types as if it were wrong; says whether the person had fewer than `at_most` in the window that
    /// began at `since`. A pod whose clock is behind counts in the window of the others.
    async fn guess_user_code(
        &self,
        person: ResourceId,
        since: Timestamp,
        at_most: i64,
    ) -> Result<bool, StoreError> {
        let guessed = self.write_device(DeviceWrite::Guess {
            person,
            since,
            at_most,
        });
        Ok(guessed.await? > 0)
    }

    /// Takes back one that was right.
    async fn forgive_user_code(&self, person: ResourceId) -> Result<(), StoreError> {
        let forgiven = self.write_device(DeviceWrite::Forgive(person));
        forgiven.await.map(|_| ())
    }

    /// Forgets devices that have not waited since `before`, and guesses of windows that began before, a bounded number at a time; says how many, nothing being the end.
    async fn forget_devices(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write_device(DeviceWrite::Forget(before)).await
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum DeviceWrite {
    /// Adds a device.
    Add(Device),
    /// Notes that it asked.
    Poll {
        /// The device.
        key: SecretDigest,
        /// When it asked.
        at: Timestamp,
    },
    /// Puts a grant in the place of the device with its key.
    Allow(Grant),
    /// Somebody said no.
    Deny(SecretDigest),
    /// Counts a user code of a person, where there are fewer in the window.
    Guess {
        /// Who types it.
        person: ResourceId,
        /// When the window began, in whole milliseconds.
        since: Timestamp,
        /// How many there may be with it.
        at_most: i64,
    },
    /// Takes back one that was counted.
    Forgive(ResourceId),
    /// Deletes what is over, some of it at a time.
    Forget(Timestamp),
}
