//! The domain: who is signed in to a directory, and until when.

mod remembered;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::applications::DEVICE_TIME;
use super::directory::sign_in_method::SignInMethod;
use crate::config::{self, ApplicationsConfig, RefreshConfig, SignInConfig, Token};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{Over, SecretDigest, Session, SignedInBy};
use crate::store::{Related, ResourceId, Store, StoreError, Stored};
pub(crate) use remembered::{Remembered, SignedIn};

/// How long a person has to come back from the identity provider.
pub(crate) const ATTEMPT_TIME: SignedDuration = SignedDuration::from_mins(10);

/// Time after which whoever asks a provider about a session has no answer any more; longer than any answer is waited for.
pub(crate) const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Time between two notes that a session is used.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How long the note may keep the person waiting.
const NOTE_TIME: Duration = Duration::from_millis(200);

/// The sessions of one directory at one time.
pub(crate) struct Sessions<'s> {
    store: &'s dyn Store,
    config: &'s SignInConfig,
    now: Timestamp,
}

/// Under which name a secret of a browser is kept.
pub(crate) fn digest(secret: &Token) -> SecretDigest {
    SecretDigest(config::digest(secret.reveal()))
}

impl<'s> Sessions<'s> {
    pub(crate) fn new(store: &'s dyn Store, config: &'s SignInConfig, now: Timestamp) -> Self {
        // The store keeps whole milliseconds.
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Self { store, config, now }
    }

    /// The session with this digest and its person, with groups; nobody when the session is over, the person or the connector is gone, the
    /// connector has another provider since, or the person signs in another way. It is noted that the session is used.
    pub(crate) async fn signed_in(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<(Session, Stored)>, StoreError> {
        let found = self.find(digest).await?;
        if let Some((session, _)) = &found {
            self.note(session).await;
        }
        Ok(found)
    }

    /// What [`Self::signed_in`] finds, without reading it again while nothing was written.
    pub(crate) async fn remembered(
        &self,
        digest: &SecretDigest,
        remembered: &Remembered,
    ) -> Result<Option<Arc<SignedIn>>, StoreError> {
        let moment = remembered.at(self.store);
        let known = moment.and_then(|it| it.recall(digest));
        let known = known.filter(|it| self.admits(&it.session, &it.person.resource));
        let found = if let Some(known) = known {
            known
        } else {
            let Some((session, person)) = self.find(digest).await? else {
                return Ok(None);
            };
            let found = Arc::new(SignedIn::new(session, person));
            if let Some(moment) = moment {
                moment.keep(&found);
            }
            found
        };
        self.note(&found.session).await;
        Ok(Some(found))
    }

    /// What [`Self::signed_in`] finds, where the question is no use of the session.
    pub(crate) async fn find(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<(Session, Stored)>, StoreError> {
        let Some(session) = self.store.session(digest).await? else {
            return Ok(None);
        };
        if !self.lasts(&session) {
            return Ok(None);
        }
        let person = &session.person;
        let found = self
            .store
            .find(ResourceType::User, person, Related::Include);
        let is_good = |it: &Stored| self.is_good_for(&session, &it.resource);
        let found = found.await?.filter(is_good);
        Ok(found.map(|it| (session, it)))
    }

    /// Whether a session of `person` lasts and lets the person in.
    pub(crate) fn admits(&self, session: &Session, person: &Resource) -> bool {
        self.lasts(session) && self.is_good_for(session, person)
    }

    fn is_good_for(&self, session: &Session, person: &Resource) -> bool {
        let method = match session.by {
            SignedInBy::Connector { .. } => SignInMethod::Entra,
            SignedInBy::Password | SignedInBy::PasswordAndCode | SignedInBy::Passkey => {
                SignInMethod::BuiltIn
            }
        };
        person.is_active() && SignInMethod::of(person, self.config) == method
    }

    fn lasts(&self, session: &Session) -> bool {
        let minutes = |it: u32| SignedDuration::from_mins(it.into());
        let (length, age) = (self.config.session, |it| self.now.duration_since(it));
        let is_declared = match &session.by {
            SignedInBy::Connector { name, provider, .. } => {
                let declared = self.config.provider(name);
                declared.is_some_and(|it| it.digest() == *provider)
            }
            SignedInBy::Password | SignedInBy::PasswordAndCode => true,
            SignedInBy::Passkey => self.config.second_factor.is_some(),
        };
        let is_confirmed = self.unconfirmed(session).is_none_or(|(refresh, age)| {
            age < minutes(refresh.every_minutes) + minutes(refresh.grace_minutes)
        });
        is_confirmed
            && age(session.opened) < minutes(length.absolute_minutes)
            && age(session.seen) < minutes(length.idle_minutes)
            && is_declared
    }

    /// How often the provider of a session is asked about it, where it is, and how long ago it last confirmed it.
    fn unconfirmed(&self, session: &Session) -> Option<(RefreshConfig, SignedDuration)> {
        let SignedInBy::Connector {
            name, confirmation, ..
        } = &session.by
        else {
            return None;
        };
        let refresh = self.config.provider(name)?.refresh?;
        let since = confirmation.confirmed.unwrap_or(session.opened);
        Some((refresh, self.now.duration_since(since)))
    }

    /// Whether it is time to ask the provider of a session, and nobody else does: from three quarters of the declared time on, so that it
    /// is confirmed before.
    pub(crate) fn is_to_be_confirmed(&self, session: &Session) -> bool {
        let SignedInBy::Connector { confirmation, .. } = &session.by else {
            return false;
        };
        let asked = confirmation.asked;
        let is_asked = asked.is_some_and(|it| self.now.duration_since(it) < GIVEN_UP_AFTER);
        let is_due = |(refresh, age): (RefreshConfig, SignedDuration)| {
            age >= SignedDuration::from_mins(refresh.every_minutes.into()) * 3 / 4
        };
        !is_asked && self.unconfirmed(session).is_some_and(is_due)
    }

    /// Notes now and then that the session is used. Who cannot write must not keep out whom it knows.
    pub(crate) async fn note(&self, session: &Session) {
        if self.now.duration_since(session.seen) < NOTED_EVERY {
            return;
        }
        let noted = self.store.see_session(session.digest.clone(), self.now);
        if !matches!(tokio::time::timeout(NOTE_TIME, noted).await, Ok(Ok(()))) {
            tracing::debug!("the use of a session was not noted");
        }
    }

    /// Opens a session under `token` in the place of the one that the browser had; says whether the person may have one. Who signed in by a
    /// password may, if `password` is still what is kept of it.
    pub(crate) async fn open(
        &self,
        (person, by): (&ResourceId, SignedInBy),
        password: Option<PasswordHash>,
        (token, had, device): (&Token, Option<&Token>, Option<String>),
    ) -> Result<bool, StoreError> {
        let session = Session {
            digest: digest(token),
            person: person.clone(),
            by,
            device,
            opened: self.now,
            seen: self.now,
        };
        let opened = self.store.open_session(session, password, had.map(digest));
        opened.await
    }

    /// Ends the session of `token`.
    pub(crate) async fn end(&self, token: &Token) -> Result<(), StoreError> {
        self.store.end_session(digest(token)).await
    }

    /// Forgets what is over.
    pub(crate) async fn forget_over(&self) -> Result<(), StoreError> {
        let ago = |it| self.now.checked_sub(it).unwrap_or(Timestamp::MIN);
        let minutes = |it: u32| ago(SignedDuration::from_mins(it.into()));
        let over = Over {
            opened_before: minutes(self.config.session.absolute_minutes),
            seen_before: minutes(self.config.session.idle_minutes),
            began_before: ago(ATTEMPT_TIME),
        };
        while self.store.forget_sessions(over).await? > 0 {}
        let applications = self.config.applications.as_ref();
        let told = applications.map(ApplicationsConfig::told_of_ends);
        let told = told.unwrap_or_default();
        // The clock of the pod that gave a code may be minutes behind; and until then a device that still asks is told that it has expired.
        let over = ago(DEVICE_TIME);
        while self.store.forget_grants(over, &told).await? > 0 {}
        while self.store.forget_devices(over).await? > 0 {}
        while self.store.forget_assertions(over).await? > 0 {}
        Ok(())
    }
}
