//! What several processes saw of the same clients, added up in the store: each adds what it saw since it last did, once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::{Account, Rejection};
use super::{Event, settle};
use crate::config::report::ClientReport;
use crate::store::Note;

/// Processes whose last additions are remembered for each client.
const PROCESSES: usize = 64;

/// What the store has of one client.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    account: Account,
    /// The last addition of each process, so that one whose answer was lost is not made twice.
    #[serde(default)]
    added: Vec<(String, u64)>,
}

impl Kept {
    fn has(&self, process: &str, number: u64) -> bool {
        let last = self.added.iter().find(|(name, _)| name == process);
        last.is_some_and(|(_, last)| *last >= number)
    }

    fn add(&mut self, process: &str, number: u64, seen: &Account) {
        self.account.merge(seen);
        self.account.settle_rejections();
        let name = &seen.report.name;
        self.account.report.name.clone_from(name);
        self.added.retain(|(name, _)| name != process);
        self.added.push((process.to_owned(), number));
        let surplus = self.added.len().saturating_sub(PROCESSES);
        self.added.drain(..surplus);
    }
}

/// What is known of all clients of one directory.
pub(crate) struct Activity {
    /// A name that no other process has.
    process: String,
    /// How many additions were begun.
    additions: u64,
    /// What the store has, as it was last seen: the text and what it says.
    known: BTreeMap<String, (String, Kept)>,
    /// What is being added, under its number, until the store has it.
    adding: BTreeMap<String, (u64, Account)>,
    /// What was seen since.
    seen: BTreeMap<String, Account>,
}

/// A note and the text that it takes the place of.
pub(crate) struct Addition {
    pub(crate) note: Note,
    pub(crate) before: Option<String>,
}

impl Activity {
    /// Nothing yet; `process` is a name that no other process has.
    pub(crate) fn new(process: String) -> Self {
        Self {
            process,
            additions: 0,
            known: BTreeMap::new(),
            adding: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Takes in one request.
    pub(crate) fn record(&mut self, event: &Event<'_>) {
        let rejection = event.rejection();
        let is_rejected = rejection.is_some_and(|it| self.has_rejected(event.client, &it));
        self.seen(event.client).record(event, is_rejected);
    }

    /// Takes in that somebody signed in through the connector called `name`; the first time is enough.
    pub(crate) fn signed_in(&mut self, name: &str, at: Timestamp) {
        let known = self
            .known
            .get(name)
            .map(|(_, kept)| &kept.account.report.evidence);
        if known.is_none_or(|it| it.first_sign_in.is_none()) {
            let evidence = &mut self.seen(name).report.evidence;
            evidence.first_sign_in.get_or_insert(at);
        }
    }

    fn seen(&mut self, name: &str) -> &mut Account {
        let seen = self.seen.entry(name.to_owned());
        seen.or_insert_with(|| Account::of(name))
    }

    /// Whether the client has rejections, so that it is of interest whom its requests are about.
    pub(crate) fn regards_subjects(&self, name: &str) -> bool {
        self.accounts(name).any(|it| !it.rejections.is_empty())
    }

    fn has_rejected(&self, name: &str, about: &Rejection) -> bool {
        self.accounts(name).any(|it| it.has_rejected(about))
    }

    /// What is known of a client, in the order in which it came about.
    fn accounts(&self, name: &str) -> impl Iterator<Item = &Account> {
        let known = self.known.get(name).map(|(_, kept)| &kept.account);
        let adding = self.adding.get(name);
        let adding = adding.filter(|(number, _)| !self.has(name, *number));
        let adding = adding.map(|(_, seen)| seen);
        known.into_iter().chain(adding).chain(self.seen.get(name))
    }

    /// What all processes together know of a client.
    fn account(&self, name: &str) -> Account {
        let mut account = Account::of(name);
        for known in self.accounts(name) {
            account.merge(known);
        }
        account
    }

    /// Requests of some clients together, and how many of them were refused, by hours since 1970.
    pub(crate) fn hours<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> BTreeMap<i64, (u64, u64)> {
        let mut counted = BTreeMap::new();
        for name in names {
            for account in self.accounts(name) {
                account.add_hours(&mut counted);
            }
        }
        counted
    }

    /// Whom some clients cannot provision at the time `now`, the latest first.
    pub(crate) fn rejections<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        now: Timestamp,
    ) -> Vec<Rejection> {
        let mut all = Vec::new();
        for name in names {
            let account = self.account(name);
            all.extend(account.open_rejections(now).cloned());
        }
        all.sort_by_key(|it: &Rejection| std::cmp::Reverse(it.at));
        all
    }

    /// Takes over what the store has; a note that is not understood says nothing.
    pub(crate) fn learn(&mut self, notes: Vec<Note>) {
        let read = |note: Note| {
            let kept = serde_json::from_str(&note.text).unwrap_or_default();
            (note.name, (note.text, kept))
        };
        self.known = notes.into_iter().map(read).collect();
    }

    /// What all processes together know of the client called `name` at the time `now`.
    pub(crate) fn report(&self, name: &str, now: Timestamp) -> ClientReport {
        let mut report = self.account(name).report;
        settle(&mut report, now);
        report
    }

    fn has(&self, name: &str, number: u64) -> bool {
        let known = self.known.get(name);
        known.is_some_and(|(_, kept)| kept.has(&self.process, number))
    }

    /// The next note to be kept; nothing when the store has all that was seen.
    pub(crate) fn next(&mut self) -> Option<Addition> {
        let mut adding = std::mem::take(&mut self.adding);
        adding.retain(|name, (number, _)| !self.has(name, *number));
        if adding.is_empty() {
            for (name, seen) in std::mem::take(&mut self.seen) {
                self.additions += 1;
                adding.insert(name, (self.additions, seen));
            }
        }
        self.adding = adding;
        let (name, (number, seen)) = self.adding.iter().next()?;
        let (before, mut kept) = match self.known.get(name) {
            Some((text, kept)) => (Some(text.clone()), kept.clone()),
            None => (None, Kept::default()),
        };
        kept.add(&self.process, *number, seen);
        let note = Note {
            name: name.clone(),
            text: serde_json::to_string(&kept).ok()?,
        };
        Some(Addition { note, before })
    }

    /// The store has this note.
    pub(crate) fn kept(&mut self, note: Note) {
        self.adding.remove(&note.name);
        let kept = serde_json::from_str(&note.text).unwrap_or_default();
        self.known.insert(note.name, (note.text, kept));
    }
}

#[cfg(test)]
mod tests;
