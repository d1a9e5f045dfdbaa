//! What letters say: a text, and the same as a page.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{ScimTenantConfig, Token};
use crate::scim::resource::Resource;
use crate::workload::directory::password::Purpose;

/// Why somebody is written to.
pub(crate) enum Occasion {
    /// The person may set a password by this link.
    Link {
        purpose: Purpose,
        link: String,
        expires: Timestamp,
    },
    /// The password of the person is another one.
    Changed,
}

/// What is written to whom.
pub(crate) struct Letter {
    /// Its name in logs and metrics.
    pub(super) kind: &'static str,
    /// What tells it from all others, for programs that sort mail.
    pub(super) id: String,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Occasion {
    /// Its name in logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Link { purpose, .. } => purpose.name(),
            Self::Changed => "notice",
        }
    }

    /// The link that the person gets, if any.
    pub(crate) fn link(&self) -> Option<&str> {
        match self {
            Self::Link { link, .. } => Some(link),
            Self::Changed => None,
        }
    }
}

#[derive(Template)]
#[template(
    path = "letter.txt",
    config = "src/workload/sign_in/templates/askama.toml"
)]
struct Text<'w>(&'w Words<'w>);

#[derive(Template)]
#[template(
    path = "letter.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
struct Html<'w>(&'w Words<'w>);

struct Words<'w> {
    subject: &'w str,
    host: &'w str,
    user_name: String,
    happened: &'static str,
    link: Option<(&'w str, String)>,
    otherwise: &'static str,
}

impl Letter {
    /// A letter to `person`, who has an address; `unique` is a random value of its own.
    pub(crate) fn to(
        person: &Resource,
        from: &ScimTenantConfig,
        occasion: &Occasion,
        unique: &Token,
    ) -> Option<Self> {
        let to = person.email()?.to_owned();
        let host = from.url.host_str().unwrap_or_default();
        let (subject, happened, otherwise) = match occasion {
            Occasion::Link {
                purpose: Purpose::Invitation,
                ..
            } => (
                format!("Set your password for {host}"),
                "You have an account. Set a password by this link, and sign in by it from then on:",
                "If you do not know why you get this, you need not do anything.",
            ),
            Occasion::Link {
                purpose: Purpose::Reset,
                ..
            } => (
                format!("Set a new password for {host}"),
                "Somebody, most likely you, asked for a new password. Set it by this link:",
                "If it was not you, you need not do anything: your password is the one of before.",
            ),
            Occasion::Changed => (
                format!("Your password for {host} was set"),
                "Your password was set just now, and you were signed out everywhere else.",
                "If it was not you, tell your administrator at once.",
            ),
        };
        let link = match occasion {
            Occasion::Link { link, expires, .. } => {
                let until = expires.to_zoned(TimeZone::UTC);
                Some((
                    link.as_str(),
                    until.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                ))
            }
            Occasion::Changed => None,
        };
        let user_name = person.user_name().unwrap_or_default();
        let words = Words {
            subject: &subject,
            host,
            // A name of several lines would say more than a name.
            user_name: user_name.replace(char::is_control, " "),
            happened,
            link,
            otherwise,
        };
        let (text, html) = (Text(&words).render().ok()?, Html(&words).render().ok()?);
        Some(Self {
            kind: occasion.name(),
            id: unique.digest().id().to_string(),
            to,
            subject,
            text,
            html,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_says_its_occasion_as_text_and_as_a_page() {
        let config = json!({"name": "identity/meadow", "url": "https://meadow.example", "schema": {}, "clients": [],
            "store": {"sqlite": {"path": "/nowhere"}}});
        let config = serde_json::from_value(config).unwrap();
        let person = |name: &str, address: Option<&str>| {
            let emails = address.map(|it| vec![json!({"value": it})]);
            let person = json!({"userName": name, "emails": emails.unwrap_or_default()});
            Resource::from_json(&person.to_string()).unwrap()
        };
        let unique = Token::presented("x");
        let occasion = Occasion::Link {
            purpose: Purpose::Invitation,
            link: "https://meadow.example/set-password/usher_x".to_owned(),
            expires: "2026-02-01T08:30:00Z".parse().unwrap(),
        };
        let ana = person("ana <b>\r\nof x", Some("ana@example.com"));

        let letter = Letter::to(&ana, &config, &occasion, &unique).unwrap();

        assert_eq!(letter.subject, "Set your password for meadow.example");
        let text = "Set your password for meadow.example\n\nUser name: ana <b>  of x\n\n\
            You have an account. Set a password by this link, and sign in by it from then on:\n\n\
            https://meadow.example/set-password/usher_x\n\nIt holds once, until 2026-02-01 08:30 UTC.\n\n\
            If you do not know why you get this, you need not do anything.\n\nmeadow.example";
        assert_eq!(letter.text, text);
        assert!(letter.html.contains("ana &#60;b&#62;"), "{}", letter.html);
        assert!(
            letter
                .html
                .contains("href=\"https://meadow.example/set-password/usher_x\"")
        );
        let notice = Letter::to(&ana, &config, &Occasion::Changed, &unique).unwrap();
        assert!(!notice.text.contains("http"), "{}", notice.text);
        let nowhere = person("bo", None);
        assert!(Letter::to(&nowhere, &config, &Occasion::Changed, &unique).is_none());
    }
}
