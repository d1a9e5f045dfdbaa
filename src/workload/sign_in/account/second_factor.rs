//! The second factor of who is signed in. Each change asks for the password, so that a browser that was left open is not enough.

use axum::body::Body;
use axum::http::Response;

use super::knows_password;
use crate::store::Stored;
use crate::store::audit::AuditEvent;
use crate::workload::sign_in::refused::Refused;
use crate::workload::sign_in::second_factor::{
    Shown, begin_set_up, new_recovery_codes, recovery_codes_page, sealing, set_up, set_up_page,
};
use crate::workload::sign_in::second_factor_refused::SecondFactorRefused;
use crate::workload::sign_in::ticket::Ticket;
use crate::workload::sign_in::{Route, Visit, redirect};
use crate::workload::totp::TotpKey;

/// Does what the form says.
pub(super) async fn change(visit: &Visit<'_>, person: &Stored) -> Result<Response<Body>, Refused> {
    let sealing = sealing(visit).await?;
    let (action, account) = (
        format!("{}/account/second-factor", visit.scim_tenant.prefix),
        format!("{}/account", visit.scim_tenant.prefix),
    );
    let store = &visit.scim_tenant.opened.store;
    if let Some(text) = visit.form.get("ticket") {
        let ticket = Ticket::open(visit, &sealing, text)?;
        let hash = store.password(&person.id).await?;
        let hash = hash.filter(|it| ticket.is_of(it) && ticket.person == person.id.as_str());
        let (Some(hash), Some(key)) = (hash, ticket.key) else {
            return Err(SecondFactorRefused::TooLate.into());
        };
        let person = person.clone();
        let (shown, key) = (Shown { person, hash }, TotpKey::of_bytes(key));
        return match set_up(visit, &sealing, &shown, &key).await {
            Ok(codes) => Ok(recovery_codes_page(visit, &codes, &account)),
            Err(wrong) if wrong.is_of_the_form() => {
                wrong.log(visit, &Route::ChangeSecondFactor);
                let form = (action.as_str(), None, text);
                Ok(set_up_page(visit, &shown, &key, form, Some(&wrong)))
            }
            Err(refused) => Err(refused),
        };
    }
    let shown = Shown {
        hash: knows_password(visit, person).await?,
        person: person.clone(),
    };
    match visit.form.get("change") {
        Some("recovery-codes") => {
            let (codes, kept) = new_recovery_codes(visit, &shown, AuditEvent::RecoveryCodesMade);
            if !store.renew_recovery_codes(kept).await? {
                return Err(SecondFactorRefused::TooLate.into());
            }
            Ok(recovery_codes_page(visit, &codes, &account))
        }
        Some("remove") if !is_required(visit) => {
            let audit = visit.credential_entry(&person.id, AuditEvent::SecondFactorRemoved);
            let id = person.id.clone();
            let removed = store.remove_second_factor(id, shown.hash, audit);
            removed.await?;
            Ok(redirect(&format!("{}/account", visit.base())))
        }
        Some("set-up") => Ok(begin_set_up(visit, &sealing, &shown, (&action, None))),
        _ => Ok(redirect(&format!("{}/account", visit.base()))),
    }
}

fn is_required(visit: &Visit<'_>) -> bool {
    let config = visit.config.second_factor.as_ref();
    config.is_some_and(|it| it.required)
}
