//! Events, as `kubectl describe` shows them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::time::Instant;

use crate::plan::{Announcement, AnnouncementType, Owner};

/// Bytes of a note that the API server takes.
const LONGEST_NOTE: usize = 1024;
/// How long a recorder goes on counting, as long as it would.
const COUNTED_FOR: Duration = Duration::from_mins(6);

/// Where events go.
pub(super) struct Events {
    client: Client,
    reporter: Reporter,
    /// A recorder counts events that differ only in their notes as one that has the first note, so each note has its own.
    recorders: Mutex<HashMap<String, (Recorder, Instant)>>,
}

impl Events {
    pub(super) fn new(client: Client, reporter: Reporter) -> Self {
        Self {
            client,
            reporter,
            recorders: Mutex::default(),
        }
    }

    /// Tells it about the object of `owner`.
    pub(super) async fn publish(
        &self,
        owner: &Owner,
        announcement: &Announcement,
    ) -> Result<(), kube::Error> {
        let about = ObjectReference {
            api_version: Some(owner.api_version.clone()),
            kind: Some(owner.kind.clone()),
            name: Some(owner.object.name.clone()),
            namespace: Some(owner.object.namespace.clone()),
            uid: Some(owner.uid.clone()),
            ..ObjectReference::default()
        };
        let note = announcement.note.as_str();
        let note = note[..note.floor_char_boundary(LONGEST_NOTE)].to_owned();
        let recorder = self.recorder(&note);
        let event = Event {
            type_: match announcement.type_ {
                AnnouncementType::Normal => EventType::Normal,
                AnnouncementType::Warning => EventType::Warning,
            },
            reason: announcement.reason.as_str().to_owned(),
            note: Some(note),
            action: announcement.action.to_owned(),
            secondary: None,
        };
        recorder.publish(&event, &about).await
    }

    fn recorder(&self, note: &str) -> Recorder {
        let mut recorders = self
            .recorders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recorders.retain(|_, (_, used)| used.elapsed() < COUNTED_FOR);
        let new = || Recorder::new(self.client.clone(), self.reporter.clone());
        let (recorder, used) = recorders
            .entry(note.to_owned())
            .or_insert_with(|| (new(), Instant::now()));
        *used = Instant::now();
        recorder.clone()
    }
}
