//! The second factor of who signs in by a password: a code of an authenticator app, or a recovery code. Between the password and the
//! code nothing is kept here: the form has a sealed ticket which says that the password was shown.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;

use super::pages::{self, RecoveryCodes, SecondFactorBox, SetUpSecondFactor};
use super::refused::Refused;
use super::second_factor_refused::SecondFactorRefused;
use super::ticket::Ticket;
use super::{Route, Visit, password, qr};
use crate::config::{self, Token};
use crate::scim::schema::ResourceType;
use crate::store::audit::AuditEvent;
use crate::store::passwords::PasswordHash;
use crate::store::second_factors::{NewRecoveryCodes, Sealed, Totp};
use crate::store::sessions::SignedInBy;
use crate::store::{Related, ResourceId, Stored};
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::guesses::Guess;
use crate::workload::sealing::Sealing;
use crate::workload::sessions::digest;
use crate::workload::totp::{self, TotpKey};

/// A person who has shown the password of which `hash` is kept.
pub(super) struct Shown {
    pub(super) person: Stored,
    pub(super) hash: PasswordHash,
}

/// What a person can show.
struct Kept {
    app: bool,
    passkeys: bool,
}

impl Kept {
    async fn of(visit: &Visit<'_>, person: &ResourceId) -> Result<Self, Refused> {
        let store = &visit.scim_tenant.opened.store;
        Ok(Self {
            app: store.second_factor(person).await?.totp.is_some(),
            passkeys: !store.passkeys_of(person).await?.is_empty(),
        })
    }

    fn is_one(&self) -> bool {
        self.app || self.passkeys
    }
}

/// Signs in who has shown the password, or asks first for the second factor, or has one set up.
pub(super) async fn after_password(
    visit: &Visit<'_>,
    person: &ResourceId,
    hash: PasswordHash,
    return_to: Option<&str>,
) -> Result<Response<Body>, Refused> {
    let Some(config) = &visit.config.second_factor else {
        return password::signed_in(visit, (person, SignedInBy::Password), hash, return_to).await;
    };
    let has_one = Kept::of(visit, person).await?.is_one();
    if !has_one && !config.required {
        return password::signed_in(visit, (person, SignedInBy::Password), hash, return_to).await;
    }
    let sealing = sealing(visit).await?;
    if has_one {
        let ticket = Ticket::new(visit, person, &hash).seal(visit, &sealing);
        return code_box(visit, person, (&ticket, return_to), None).await;
    }
    let person = visit
        .scim_tenant
        .directory
        .find(ResourceType::User, person, Related::Skip);
    let shown = Shown {
        person: person.await?,
        hash,
    };
    let action = format!("{}/second-factor", visit.scim_tenant.prefix);
    Ok(begin_set_up(visit, &sealing, &shown, (&action, return_to)))
}

/// Signs in who presents a right code, or sets up the app that made it.
pub(super) async fn present(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let return_to = visit.return_to()?;
    let return_to = return_to.as_deref();
    let sealing = sealing(visit).await?;
    let text = visit.form.get("ticket").unwrap_or_default();
    let ticket = Ticket::open(visit, &sealing, text)?;
    let shown = shown(visit, &ticket).await?;
    let Some(key) = ticket.key else {
        return match check(visit, &sealing, &shown).await {
            Ok(()) => {
                let who = (&shown.person.id, SignedInBy::PasswordAndCode);
                password::signed_in(visit, who, shown.hash, return_to).await
            }
            Err(wrong) if wrong.is_of_the_form() => {
                wrong.log(visit, &Route::SecondFactor);
                code_box(visit, &shown.person.id, (text, return_to), Some(&wrong)).await
            }
            Err(refused) => Err(refused),
        };
    };
    if Kept::of(visit, &shown.person.id).await?.is_one() {
        // Set up in the meantime: nobody who knows the password alone may put another app in its place.
        return Err(SecondFactorRefused::TooLate.into());
    }
    let key = TotpKey::of_bytes(key);
    match set_up(visit, &sealing, &shown, &key).await {
        Ok(codes) => {
            let here = format!("{}/signed-in", visit.scim_tenant.prefix);
            let page = recovery_codes_page(visit, &codes, return_to.unwrap_or(&here));
            let who = (&shown.person.id, SignedInBy::PasswordAndCode);
            password::let_in(visit, who, shown.hash, page).await
        }
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::SecondFactor);
            let action = format!("{}/second-factor", visit.scim_tenant.prefix);
            let form = (action.as_str(), return_to, text);
            Ok(set_up_page(visit, &shown, &key, form, Some(&wrong)))
        }
        Err(refused) => Err(refused),
    }
}

/// Who has the ticket, if the person may still sign in by the password of then.
async fn shown(visit: &Visit<'_>, ticket: &Ticket) -> Result<Shown, Refused> {
    let id = ResourceId::new(ticket.person.as_str());
    let directory = &visit.scim_tenant.directory;
    let found = directory.find(ResourceType::User, &id, Related::Skip).await;
    let person = match found {
        Err(DirectoryError::NotFound(_)) => return Err(SecondFactorRefused::TooLate.into()),
        found => found?,
    };
    let hash = visit.scim_tenant.opened.store.password(&id).await?;
    let hash = hash.filter(|it| ticket.is_of(it));
    let is_built_in = SignInMethod::of(&person.resource, visit.config) == SignInMethod::BuiltIn;
    let Some(hash) = hash.filter(|_| is_built_in) else {
        return Err(SecondFactorRefused::TooLate.into());
    };
    if !person.resource.is_active() {
        return Err(Refused::Deactivated(id));
    }
    Ok(Shown { person, hash })
}

/// Whether the form has a code that is right and was not used; that it was is noted. Who guesses knows the password.
async fn check(visit: &Visit<'_>, sealing: &Sealing, shown: &Shown) -> Result<(), Refused> {
    let person = &shown.person.id;
    // Another password begins anew, so that who gets a link is not kept out by who knew the one before.
    let password = config::digest(shown.hash.reveal());
    let account = format!("{} {person} {password}", visit.scim_tenant.config.name);
    let guess = Guess {
        from: visit.from(),
        account: &account,
        is_known: password::is_known(visit, person, &shown.hash),
    };
    let guesses = &visit.shared.code_guesses;
    if let Some(seconds) = guesses.count(guess, visit.now) {
        return Err(SecondFactorRefused::TooManyGuesses(person.clone(), seconds).into());
    }
    let taken = match visit.form.get("recovery_code") {
        Some(typed) => take_recovery_code(visit, person, typed).await,
        None => take_code(visit, sealing, person).await,
    };
    if !matches!(
        taken,
        Err(Refused::SecondFactor(SecondFactorRefused::Wrong))
    ) {
        guesses.forgive(guess, visit.now);
    }
    taken
}

async fn take_code(
    visit: &Visit<'_>,
    sealing: &Sealing,
    person: &ResourceId,
) -> Result<(), Refused> {
    let store = &visit.scim_tenant.opened.store;
    let kept = store.second_factor(person).await?.totp;
    let kept = kept.ok_or(SecondFactorRefused::TooLate)?;
    let key = sealing.open(&about(person), &kept.sealed.0);
    let key = key.ok_or_else(|| SecondFactorRefused::Unreadable(person.clone()))?;
    let code = visit.form.get("code").unwrap_or_default();
    let step = TotpKey::of_bytes(key).step_of(code, visit.now);
    let step = step.ok_or(SecondFactorRefused::Wrong)?;
    let is_first = store.use_totp(person.clone(), step).await?;
    is_first
        .then_some(())
        .ok_or(SecondFactorRefused::Wrong.into())
}

async fn take_recovery_code(
    visit: &Visit<'_>,
    person: &ResourceId,
    typed: &str,
) -> Result<(), Refused> {
    let audit = visit.credential_entry(person, AuditEvent::RecoveryCodeUsed);
    let code = digest(&Token::presented(&totp::recovery_code(typed)));
    let store = &visit.scim_tenant.opened.store;
    let taken = store.use_recovery_code(person.clone(), code, audit).await?;
    taken.then_some(()).ok_or(SecondFactorRefused::Wrong.into())
}

/// The page on which a new app is set up.
pub(super) fn begin_set_up(
    visit: &Visit<'_>,
    sealing: &Sealing,
    shown: &Shown,
    (action, return_to): (&str, Option<&str>),
) -> Response<Body> {
    let key = TotpKey::new(&*visit.shared.random);
    let ticket = Ticket::new(visit, &shown.person.id, &shown.hash).with(&key);
    let ticket = ticket.seal(visit, sealing);
    set_up_page(visit, shown, &key, (action, return_to, &ticket), None)
}

/// Keeps the app that made the code in the form; says the recovery codes.
pub(super) async fn set_up(
    visit: &Visit<'_>,
    sealing: &Sealing,
    shown: &Shown,
    key: &TotpKey,
) -> Result<Vec<String>, Refused> {
    let code = visit.form.get("code").unwrap_or_default();
    let used = key.step_of(code, visit.now);
    let used = used.ok_or(SecondFactorRefused::Wrong)?;
    let random = &*visit.shared.random;
    let totp = Totp {
        sealed: Sealed(sealing.seal(&about(&shown.person.id), key.as_bytes(), random)),
        added: Timestamp::from_millisecond(visit.now.as_millisecond()).unwrap_or(visit.now),
        used,
    };
    let (codes, kept) = new_recovery_codes(visit, shown, AuditEvent::SecondFactorAdded);
    let added = visit.scim_tenant.opened.store.add_totp(totp, kept).await?;
    added
        .then_some(codes)
        .ok_or(SecondFactorRefused::TooLate.into())
}

/// New recovery codes, and what is kept of them.
pub(super) fn new_recovery_codes(
    visit: &Visit<'_>,
    shown: &Shown,
    event: AuditEvent,
) -> (Vec<String>, NewRecoveryCodes) {
    let codes = totp::recovery_codes(&*visit.shared.random);
    let kept = codes
        .iter()
        .map(|it| digest(&Token::presented(&totp::recovery_code(it))));
    let kept = NewRecoveryCodes {
        person: shown.person.id.clone(),
        password: shown.hash.clone(),
        codes: kept.collect(),
        audit: visit.credential_entry(&shown.person.id, event),
    };
    (codes, kept)
}

/// What the key of a person is sealed about.
fn about(person: &ResourceId) -> String {
    format!("TOTP key of {person}")
}

pub(super) async fn sealing(visit: &Visit<'_>) -> Result<Sealing, Refused> {
    let config = visit
        .config
        .second_factor
        .as_ref()
        .ok_or(Refused::NotFound)?;
    let sealing = Sealing::read(&config.sealing_key_file).await;
    Ok(sealing.map_err(SecondFactorRefused::SealingKey)?)
}

async fn code_box(
    visit: &Visit<'_>,
    person: &ResourceId,
    (ticket, return_to): (&str, Option<&str>),
    wrong: Option<&Refused>,
) -> Result<Response<Body>, Refused> {
    let kept = Kept::of(visit, person).await?;
    let page = SecondFactorBox {
        frame: pages::frame(visit),
        ticket,
        return_to,
        has_app: kept.app,
        has_passkeys: kept.passkeys,
        wrong: wrong.map(Refused::words),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    Ok(pages::page(visit, status, &page))
}

pub(super) fn set_up_page(
    visit: &Visit<'_>,
    shown: &Shown,
    key: &TotpKey,
    (action, return_to, ticket): (&str, Option<&str>, &str),
    wrong: Option<&Refused>,
) -> Response<Body> {
    let issuer = visit.scim_tenant.config.url.host_str().unwrap_or_default();
    let user_name = shown.person.resource.user_name().unwrap_or_default();
    let page = SetUpSecondFactor {
        frame: pages::frame(visit),
        action,
        ticket,
        return_to,
        qr: qr::path(&key.uri(issuer, user_name)),
        key: key.text(),
        wrong: wrong.map(Refused::words),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    pages::page(visit, status, &page)
}

/// The recovery codes, which are shown here and nowhere else.
pub(super) fn recovery_codes_page(
    visit: &Visit<'_>,
    codes: &[String],
    next: &str,
) -> Response<Body> {
    let page = RecoveryCodes {
        frame: pages::frame(visit),
        codes,
        next,
    };
    pages::page(visit, StatusCode::OK, &page)
}
