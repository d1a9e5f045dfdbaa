//! What is remembered of a change: names of attributes, and values only of names.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::sign_in_method::declared;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::ResourceId;
use crate::store::audit::{AuditEntry, AuditEvent, Moved, Replaced, ReplacedNames, Requester};

/// An entry in the making: who, when and of whom.
pub(super) struct Entry(AuditEntry);

impl Entry {
    pub(super) fn new(
        requester: &Requester,
        kind: ResourceType,
        id: &ResourceId,
        now: Timestamp,
    ) -> Self {
        Self(AuditEntry {
            time: now,
            requester: requester.clone(),
            resource_type: kind,
            id: id.clone(),
            events: Vec::new(),
            attributes: Vec::new(),
            members: Moved::default(),
            replaced: ReplacedNames::default(),
        })
    }

    /// The resource is there, with these attributes.
    pub(super) fn creation(mut self, resource: &Resource) -> AuditEntry {
        self.0.events.push(AuditEvent::Created);
        self.0.attributes = changed(&Map::new(), resource.attributes());
        self.0
    }

    /// The resource is gone.
    pub(super) fn deletion(mut self) -> AuditEntry {
        self.0.events.push(AuditEvent::Deleted);
        self.0
    }

    /// The resource is gone because its time was over.
    pub(super) fn erasure(mut self) -> AuditEntry {
        self.0.events.push(AuditEvent::Erased);
        self.0
    }

    /// The data of the person were handed out.
    pub(super) fn export(mut self) -> AuditEntry {
        self.0.events.push(AuditEvent::Exported);
        self.0
    }

    /// Something happened to what the person signs in by.
    pub(super) fn credential(mut self, event: AuditEvent) -> AuditEntry {
        self.0.events.push(event);
        self.0
    }

    /// The resource is another one; members, which the store counts, apart.
    pub(super) fn change(
        mut self,
        before: &Resource,
        after: &Resource,
        adopts: bool,
    ) -> AuditEntry {
        let is_user = self.0.resource_type == ResourceType::User;
        let name = if is_user {
            replaced(before.user_name(), after.user_name())
        } else {
            replaced(before.display_name(), after.display_name())
        };
        let external_id = replaced(before.external_id(), after.external_id());
        let sign_in_method = replaced(declared(before), declared(after));
        let attributes = changed(before.attributes(), after.attributes());
        let leaves = before.is_active() && !after.is_active();
        let comes_back = !before.is_active() && after.is_active();
        let happened = [
            (AuditEvent::Adopted, adopts),
            (AuditEvent::Deactivated, is_user && leaves),
            (AuditEvent::Reactivated, is_user && comes_back),
            (AuditEvent::Renamed, name.is_some()),
            (AuditEvent::ExternalIdCorrected, external_id.is_some()),
            (AuditEvent::SignInMethodChanged, sign_in_method.is_some()),
        ];
        let events = happened.into_iter().filter(|it| it.1).map(|it| it.0);
        self.0.events.extend(events);
        if self.0.events.is_empty() && !attributes.is_empty() {
            self.0.events.push(AuditEvent::Updated);
        }
        self.0.attributes = attributes;
        self.0.replaced = ReplacedNames {
            name,
            external_id,
            sign_in_method,
        };
        self.0
    }
}

fn replaced(before: Option<&str>, after: Option<&str>) -> Option<Replaced> {
    (before != after).then(|| Replaced {
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    })
}

/// Names of the attributes that differ; those of an extension with its URN.
fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .flat_map(|(name, value)| inside(name, before.get(name), value))
        .collect();
    names.extend(
        before
            .keys()
            .filter(|name| !after.contains_key(*name))
            .cloned(),
    );
    names.sort();
    names
}

/// The attributes below a URN; any other name stands for itself.
fn inside(name: &str, before: Option<&Value>, after: &Value) -> Vec<String> {
    let Some(after) = after.as_object().filter(|_| name.starts_with("urn:")) else {
        return vec![name.to_owned()];
    };
    let empty = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    let inner = changed(before, after);
    inner.iter().map(|it| format!("{name}:{it}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(value: &Value) -> Resource {
        Resource::from_json(&value.to_string()).unwrap()
    }

    fn check(before: &Value, after: &Value, events: &[AuditEvent], attributes: &[&str]) {
        let requester = Requester::default();
        let id = ResourceId::new("a");
        let entry = Entry::new(&requester, ResourceType::User, &id, Timestamp::UNIX_EPOCH);

        let entry = entry.change(&resource(before), &resource(after), false);

        assert_eq!(entry.events, events);
        assert_eq!(entry.attributes, attributes);
        let told = serde_json::to_string(&entry).unwrap();
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn an_entry_has_the_names_of_attributes_and_not_their_values() {
        let urn = "urn:example:x";
        check(
            &json!({"userName": "a", "title": "secret", "active": true, urn: {"kept": 1, "lost": 1}}),
            &json!({"userName": "a", "nickName": "secret", "active": false, urn: {"kept": 1, "won": "secret"}}),
            &[AuditEvent::Deactivated],
            &[
                "active",
                "nickName",
                "title",
                "urn:example:x:lost",
                "urn:example:x:won",
            ],
        );
        check(
            &json!({"userName": "a", "title": "secret"}),
            &json!({"userName": "a", "title": "secret 2"}),
            &[AuditEvent::Updated],
            &["title"],
        );
        check(
            &json!({"userName": "a", "externalId": "1", "active": false}),
            &json!({"userName": "b", "externalId": "2"}),
            &[
                AuditEvent::Reactivated,
                AuditEvent::Renamed,
                AuditEvent::ExternalIdCorrected,
            ],
            &["active", "externalId", "userName"],
        );
    }
}
