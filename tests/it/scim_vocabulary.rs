//! The SCIM vocabulary suffices for a server: one in memory, made of nothing else, passes every exchange of Entra.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use usher::scim::error::ScimError;
use usher::scim::filter::Candidate;
use usher::scim::filter::Filter;
use usher::scim::fold_case;
use usher::scim::list::ListResponse;
use usher::scim::list::Page;
use usher::scim::list::Paging;
use usher::scim::patch::MemberChange;
use usher::scim::patch::PatchRequest;
use usher::scim::patch::member_ids;
use usher::scim::projection::Projection;
use usher::scim::resource::Meta;
use usher::scim::resource::Resource;
use usher::scim::schema::Extension;
use usher::scim::schema::ExtensionAttribute;
use usher::scim::schema::Limits;
use usher::scim::schema::ResourceType;
use usher::scim::schema::Rules;
use usher::scim::schema::Schemas;

use crate::entra_exchanges::Answer;
use crate::entra_exchanges::Player;
use crate::entra_exchanges::Request;

const BASE_URL: &str = "https://contoso.id.example.com/scim/v2";
const AUTHORIZATION: &str = "Bearer model-token";

struct Stored {
    resource: Resource,
    members: Vec<String>,
    version: u64,
}

/// A directory in two maps.
struct Model {
    schemas: Schemas,
    users: BTreeMap<String, Stored>,
    groups: BTreeMap<String, Stored>,
    last_id: u64,
}

struct Query(Vec<(String, String)>);

impl Query {
    /// Form encoding: `+` is a space, `%2B` a plus.
    fn parse(text: &str) -> Self {
        let decode = |text: &str| {
            let mut bytes = Vec::new();
            let mut rest = text.as_bytes();
            while let Some((&first, tail)) = rest.split_first() {
                rest = tail;
                let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
                    (b'+', _) => bytes.push(b' '),
                    (b'%', Some(byte)) => {
                        bytes.push(byte);
                        rest = &tail[2..];
                    }
                    (other, _) => bytes.push(other),
                }
            }
            String::from_utf8(bytes).expect("the cases are UTF-8")
        };
        let pairs = text
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(
            pairs
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Model {
    fn new() -> Self {
        let extension = |urn: &str, open, attributes: &[(&str, bool)]| Extension {
            urn: urn.to_owned(),
            open,
            attributes: attributes
                .iter()
                .map(|&(name, multi_valued)| ExtensionAttribute {
                    name: name.to_owned(),
                    type_: usher::scim::schema::AttributeType::String,
                    multi_valued,
                })
                .collect(),
        };
        let prefix = "urn:ietf:params:scim:schemas:extension";
        let rules = Rules {
            extensions: vec![
                extension(
                    &format!("{prefix}:2.0:CustomExtensionName"),
                    false,
                    &[("folders", true)],
                ),
                extension(&format!("{prefix}:2.0:Metadata"), true, &[]),
                extension(
                    &format!("{prefix}:Lakeshore:2.0:User"),
                    false,
                    &[("berth", false)],
                ),
            ],
            ..Rules::default()
        };
        let schemas = Schemas::new(&rules).expect("the rules are sound");
        Self {
            schemas,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            last_id: 0,
        }
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let json = (
            "Content-Type".to_owned(),
            "application/scim+json".to_owned(),
        );
        match self.route(request) {
            Ok((status, body)) => {
                let mut headers = vec![json];
                if let (201, Some(Value::String(location))) =
                    (status, body.as_ref().map(|body| &body["meta"]["location"]))
                {
                    headers.push(("Location".to_owned(), location.clone()));
                }
                let body = body
                    .map(|body| body.to_string().into_bytes())
                    .unwrap_or_default();
                Answer {
                    status,
                    headers,
                    body,
                }
            }
            Err(error) => Answer {
                status: error.status,
                headers: vec![json],
                body: error.to_value().to_string().into_bytes(),
            },
        }
    }

    fn route(&mut self, request: &Request) -> Result<(u16, Option<Value>), ScimError> {
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| name == "Authorization");
        if authorization.is_none_or(|(_, value)| value != AUTHORIZATION) {
            return Err(ScimError::unauthorized(
                "The secret token is missing or wrong.",
            ));
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query = Query::parse(query);
        let body = || -> Result<Value, ScimError> {
            serde_json::from_slice(request.body.as_deref().unwrap_or_default())
                .map_err(|_| ScimError::invalid_syntax("The body is not JSON."))
        };
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let kind = match segments.first() {
            Some(&"Users") => ResourceType::User,
            Some(&"Groups") => ResourceType::Group,
            _ => return self.discovery(&segments).map(|body| (200, Some(body))),
        };
        match (request.method.as_str(), segments.get(1)) {
            ("GET", None) => Ok((200, Some(self.list(kind, &query)?))),
            ("GET", Some(id)) => Ok((200, Some(self.one(kind, id, &query)?))),
            ("POST", None) => Ok((201, Some(self.create(kind, &body()?)?))),
            ("PATCH", Some(id)) => self.patch(kind, id, &body()?),
            ("DELETE", Some(id)) => self.delete(kind, id).map(|()| (204, None)),
            _ => Err(ScimError::method_not_allowed(
                "This endpoint has no such method.",
            )),
        }
    }

    fn discovery(&self, segments: &[&str]) -> Result<Value, ScimError> {
        let list = |resources: Vec<Value>| {
            let response = ListResponse {
                total_results: resources.len(),
                paging: Paging::Index(1),
                resources: resources.iter().map(Value::to_string).collect(),
            };
            parsed(&response.to_json())
        };
        let limits = Limits {
            page: 100,
            max_results: 1_000,
            cursor_seconds: 3600,
            bulk_operations: 1_000,
            bulk_bytes: 1_048_576,
        };
        match segments {
            ["Schemas"] => Ok(list(self.schemas.schemas())),
            ["Schemas", urn] => self
                .schemas
                .schema(urn)
                .ok_or_else(|| ScimError::not_found("No such schema.")),
            ["ResourceTypes"] => Ok(list(self.schemas.resource_types(BASE_URL))),
            ["ServiceProviderConfig"] => {
                Ok(self.schemas.service_provider_config(BASE_URL, &limits))
            }
            _ => Err(ScimError::not_found("No such endpoint.")),
        }
    }

    fn all(&mut self, kind: ResourceType) -> &mut BTreeMap<String, Stored> {
        match kind {
            ResourceType::User => &mut self.users,
            ResourceType::Group => &mut self.groups,
        }
    }

    fn render(&self, kind: ResourceType, id: &str, stored: &Stored, to: &Projection) -> Value {
        let meta = Meta {
            id: id.to_owned(),
            resource_type: kind,
            created: Timestamp::UNIX_EPOCH,
            last_modified: Timestamp::UNIX_EPOCH,
            version: format!("W/\"{}\"", stored.version),
            location: format!("{BASE_URL}{}/{id}", kind.endpoint()),
        };
        let schema = self.schemas.of(kind);
        let extra = || extra(stored);
        let rendered = stored.resource.clone().render(schema, &meta, extra(), to);
        // What was stored is answered as it was before it was stored.
        let written = Resource::sealed(&stored.resource.to_json());
        let again = parsed(&written.render(schema, &meta, extra(), to));
        assert_eq!(again, parsed(&rendered));
        again
    }

    fn list(&mut self, kind: ResourceType, query: &Query) -> Result<Value, ScimError> {
        let page = Page::parse(query.get("startIndex"), query.get("count"))?;
        let schema = self.schemas.of(kind).clone();
        let filter = query
            .get("filter")
            .map(|text| Filter::parse(text, &schema))
            .transpose()?;
        let projection = Projection::parse(
            query.get("attributes"),
            query.get("excludedAttributes"),
            &schema,
        );
        let found: Vec<String> = self
            .all(kind)
            .iter()
            .filter(|(id, stored)| {
                filter
                    .as_ref()
                    .is_none_or(|filter| matches(filter, id, stored))
            })
            .map(|(id, _)| id.clone())
            .collect();
        let on_page = found.iter().skip(page.offset()).take(page.count);
        let stored = match kind {
            ResourceType::User => &self.users,
            ResourceType::Group => &self.groups,
        };
        let resources = on_page
            .map(|id| self.render(kind, id, &stored[id], &projection).to_string())
            .collect();
        let response = ListResponse {
            total_results: found.len(),
            paging: Paging::Index(page.start_index),
            resources,
        };
        Ok(parsed(&response.to_json()))
    }

    fn one(&mut self, kind: ResourceType, id: &str, query: &Query) -> Result<Value, ScimError> {
        let schema = self.schemas.of(kind).clone();
        let projection = Projection::parse(
            query.get("attributes"),
            query.get("excludedAttributes"),
            &schema,
        );
        let stored = match kind {
            ResourceType::User => self.users.get(id),
            ResourceType::Group => self.groups.get(id),
        };
        let stored = stored.ok_or_else(|| ScimError::not_found("No such resource."))?;
        Ok(self.render(kind, id, stored, &projection))
    }

    fn create(&mut self, kind: ResourceType, body: &Value) -> Result<Value, ScimError> {
        let resource = Resource::parse(self.schemas.of(kind), body)?;
        let members = match kind {
            ResourceType::User => Vec::new(),
            ResourceType::Group => member_ids(body)?.unwrap_or_default(),
        };
        self.refuse_taken(kind, None, &resource)?;
        self.last_id += 1;
        let id = format!("{:032x}", self.last_id);
        let stored = Stored {
            resource,
            members,
            version: 1,
        };
        let rendered = self.render(kind, &id, &stored, &Projection::default());
        self.all(kind).insert(id, stored);
        Ok(rendered)
    }

    fn refuse_taken(
        &mut self,
        kind: ResourceType,
        own_id: Option<&str>,
        resource: &Resource,
    ) -> Result<(), ScimError> {
        let name = |resource: &Resource| match kind {
            ResourceType::User => resource.user_name().map(fold_case),
            ResourceType::Group => resource.display_name().map(fold_case),
        };
        let wanted = name(resource);
        let taken = |(id, stored): (&String, &Stored)| {
            own_id != Some(id.as_str()) && name(&stored.resource) == wanted
        };
        if self.all(kind).iter().any(taken) {
            return Err(ScimError::uniqueness("The name is taken."));
        }
        Ok(())
    }

    fn patch(
        &mut self,
        kind: ResourceType,
        id: &str,
        body: &Value,
    ) -> Result<(u16, Option<Value>), ScimError> {
        let schema = self.schemas.of(kind).clone();
        let request = PatchRequest::parse(&schema, body)?;
        let current = self.all(kind).get(id).map(|stored| stored.resource.clone());
        let current = current.ok_or_else(|| ScimError::not_found("No such resource."))?;
        let patched = request.apply(&schema, &current)?;
        self.refuse_taken(kind, Some(id), &patched)?;
        let stored = self.all(kind).get_mut(id).expect("it was found above");
        stored.resource = patched;
        stored.version += 1;
        for change in request.member_changes() {
            change_members(&mut stored.members, change);
        }
        match kind {
            ResourceType::Group => Ok((204, None)),
            ResourceType::User => {
                let stored = &self.users[id];
                Ok((
                    200,
                    Some(self.render(kind, id, stored, &Projection::default())),
                ))
            }
        }
    }

    fn delete(&mut self, kind: ResourceType, id: &str) -> Result<(), ScimError> {
        if self.all(kind).remove(id).is_none() {
            return Err(ScimError::not_found("No such resource."));
        }
        for group in self.groups.values_mut() {
            group.members.retain(|member| member != id);
        }
        Ok(())
    }
}

/// The members as they are rendered.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn extra(stored: &Stored) -> Map<String, Value> {
    let members = stored
        .members
        .iter()
        .map(|id| json!({"value": id}))
        .collect();
    Map::from_iter([("members".to_owned(), Value::Array(members))])
}

fn matches(filter: &Filter, id: &str, stored: &Stored) -> bool {
    let extra = extra(stored);
    filter.matches(&Candidate::new(id, &stored.resource).with_extra(&extra))
}

fn change_members(members: &mut Vec<String>, change: &MemberChange) {
    match change {
        MemberChange::Add(ids) => {
            let new: Vec<String> = ids
                .iter()
                .filter(|id| !members.contains(id))
                .cloned()
                .collect();
            members.extend(new);
        }
        MemberChange::Remove(ids) => members.retain(|id| !ids.contains(id)),
        MemberChange::Replace(ids) => members.clone_from(ids),
        MemberChange::Clear => members.clear(),
    }
}

#[test]
fn a_server_made_of_the_vocabulary_passes_every_exchange_of_entra() {
    let mut model = Model::new();
    let mut player = Player::new(BASE_URL, "model-token", "202611240001");
    assert_eq!(player.len(), 191);
    let mut faults = Vec::new();
    while let Some(request) = player.next_request() {
        let answer = model.answer(&request);
        if let Err(fault) = player.check(&answer) {
            faults.push(format!("{} {}: {fault}", request.method, request.path));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        model.users.is_empty() && model.groups.is_empty(),
        "the cases clean up"
    );
}

#[test]
fn a_stored_resource_survives_its_text() {
    let body = json!({"userName": "ana", "emails": [{"type": "work", "value": "a\u{e9}\"\\"}]});
    let resource = Resource::parse(&Model::new().schemas.user, &body).expect("a sound user");
    assert_eq!(
        Resource::from_json(&resource.to_json()).expect("our own text"),
        resource
    );
}

#[test]
fn a_wrong_answer_is_noticed_and_named() {
    let mut player = Player::new(BASE_URL, "model-token", "202611240001");
    let request = player.next_request().expect("there is a first case");
    let headers = vec![(
        "content-type".to_owned(),
        "application/scim+json".to_owned(),
    )];
    let list = |resources| {
        ListResponse {
            total_results: 0,
            paging: Paging::Index(1),
            resources,
        }
        .to_json()
    };
    let mut answer = Answer {
        status: 200,
        headers,
        body: list(Vec::new()).into_bytes(),
    };
    assert_eq!(player.check(&answer), Ok(()));
    answer.body = list(vec!["{}".to_owned()]).into_bytes();
    assert!(
        player
            .check(&answer)
            .is_err_and(|fault| fault.starts_with(&request.id))
    );
    answer.headers.clear();
    assert!(
        player
            .check(&answer)
            .is_err_and(|fault| fault.contains("Content-Type"))
    );
    answer.status = 500;
    assert!(
        player
            .check(&answer)
            .is_err_and(|fault| fault.contains("status"))
    );
}
