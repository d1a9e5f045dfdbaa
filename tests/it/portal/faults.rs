//! The portal while its store is away, or can be read and not written: each page says so, and nothing is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use rusqlite::Connection;
use tempfile::TempDir;
use usher::config::StoreConfig;

use super::stage::Portal;
use crate::sign_in::passwords::form;

/// What a page shows first that cannot be shown.
pub(crate) const AWAY: &str = "The directory cannot be used at the moment";

/// A portal on a SQLite store that a test can take parts of away.
pub(crate) struct Fragile {
    pub(crate) portal: Portal,
    database: Connection,
    _folder: TempDir,
}

impl Fragile {
    pub(crate) async fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let store = StoreConfig::Sqlite { path: path.clone() };
        let portal = Portal::begin_with(|tenant| tenant.store = store).await;
        portal.fill().await;
        Self {
            portal,
            database: Connection::open(path).unwrap(),
            _folder: folder,
        }
    }

    /// Takes a table away: who asks for it is told that there is none.
    pub(crate) fn take(&self, table: &str) {
        self.run(&format!("ALTER TABLE {table} RENAME TO away"));
    }

    pub(crate) fn give_back(&self, table: &str) {
        self.run(&format!("ALTER TABLE away RENAME TO {table}"));
    }

    /// Refuses each change of people, of sessions and of the audit, as a full volume does.
    pub(crate) fn refuse_writes(&self) {
        for (table, what) in [
            ("resource", "UPDATE"),
            ("session", "DELETE"),
            ("audit", "INSERT"),
        ] {
            self.run(&format!("CREATE TRIGGER no_{table} BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END"));
        }
    }

    fn run(&self, statement: &str) {
        self.database.execute_batch(statement).unwrap();
    }
}

#[tokio::test]
async fn without_its_store_each_page_says_so_and_comes_back_with_it() {
    let fragile = Fragile::begin().await;
    let portal = &fragile.portal;
    let browser = portal.admin("Admin").await;
    let pages = portal.pages().await;
    fragile.take("resource");
    for path in &pages {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, 503, "{path}: {}", shown.text);
        assert!(shown.text.contains(AWAY), "{path}: {}", shown.text);
        assert!(shown.text.contains("status of the ScimTenant"), "{path}");
        assert_eq!(shown.headers["retry-after"], "10", "{path}");
        assert!(shown.headers.contains_key("content-security-policy"));
        assert!(!shown.text.contains("no such table"), "{path}");
    }
    fragile.give_back("resource");
    for path in &pages {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text);
    }
}

/// What one page needs and others do not is missed by that page alone, which keeps the bar to go on by.
#[tokio::test]
async fn a_page_that_cannot_be_read_leads_to_those_that_can() {
    let fragile = Fragile::begin().await;
    let portal = &fragile.portal;
    let browser = portal.admin("Admin").await;
    let pages = portal.pages().await;
    let group = pages.iter().find(|it| it.starts_with("/portal/groups/"));
    let person = format!("/portal/people/{}", portal.victim);
    for (table, path) in [
        ("held", "/portal"),
        ("lookup", "/portal/people?search=zzz"),
        ("audit", person.as_str()),
        ("audit", group.unwrap()),
        ("record", "/portal/requests"),
        ("held", "/portal/held"),
    ] {
        fragile.take(table);
        let shown = browser.get(path).await;
        assert_eq!(shown.status, 503, "{table} {path}: {}", shown.text);
        assert!(shown.text.contains(AWAY), "{path}: {}", shown.text);
        assert!(shown.text.contains("href=\"/portal/people\""), "{path}");
        let other = browser.get("/portal/settings").await;
        assert_eq!(other.status, 200, "{}", other.text);
        fragile.give_back(table);
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn while_nothing_can_be_written_pages_are_shown_and_acts_are_refused() {
    let fragile = Fragile::begin().await;
    let portal = &fragile.portal;
    let browser = portal.admin("Admin").await;
    let session = portal.stage.browser();
    portal.sign_in(&session).await;
    fragile.refuse_writes();
    for (of, act, field) in [
        (&portal.victim, "active", ("active", "no")),
        (&portal.victim, "role", ("role", "ReadOnly")),
        (&portal.victim, "password-link", ("for", "reset")),
        (&portal.lena, "sessions", ("", "")),
    ] {
        let csrf = Portal::csrf(&browser);
        let fields = form(&[("csrf", &csrf), field]);
        let path = format!("/portal/people/{of}/{act}");
        let shown = browser.post(&path, &fields).await;
        assert_eq!(shown.status, 503, "{act}: {}", shown.text);
        assert!(shown.text.contains(AWAY), "{act}: {}", shown.text);
        assert_eq!(shown.headers["retry-after"], "10", "{act}");
    }
    for path in portal.pages().await {
        let shown = browser.get(&path).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text);
    }
    assert!(portal.is_active(&portal.victim).await);
}
