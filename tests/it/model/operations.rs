//! What a client may ask, chosen at random, and how it says so: every form that Entra and its validators use.

use serde_json::{Map, Value, json};

use super::oracle::{Oracle, User};
use super::random::Chance;

pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const DEPARTMENT: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
pub(super) const MANAGER: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

const FREE: &[&str] = &[
    "displayName",
    "title",
    "nickName",
    "name.givenName",
    "name.familyName",
    DEPARTMENT,
];
const VALUES: &[&str] = &[
    "Tide Analyst",
    "tide analyst",
    "Pier 7",
    "O'Neil \"the\" \\ 100%_",
    "Ærø, 漢字",
    "True",
    "urn:x:y",
    "",
];
const KINDS: &[&str] = &["work", "home", "other"];

/// One operation of a PATCH of a user.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Text {
        path: &'static str,
        value: String,
        form: usize,
    },
    /// Without a path: an object with dotted and qualified names.
    Together(Vec<(&'static str, String)>),
    Remove(&'static str),
    Active {
        value: bool,
        form: usize,
    },
    ActiveNonsense,
    Email {
        kind: &'static str,
        value: String,
        form: usize,
    },
    RemoveEmail(&'static str),
}

/// One operation of a PATCH of a group.
#[derive(Clone, Debug)]
pub(super) enum GroupEdit {
    Name(String),
    Add(Vec<String>),
    Replace(Vec<String>),
    Remove(Vec<String>),
    RemoveOne(String),
}

#[derive(Clone, Debug)]
pub(super) enum Filter {
    Text {
        path: &'static str,
        operator: &'static str,
        value: String,
    },
    Present(&'static str),
    Active(bool),
    Email {
        kind: &'static str,
        value: String,
    },
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// Whether a request insists on a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    None,
    Current,
    Stale,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    CreateUser(User),
    PatchUser {
        id: String,
        edits: Vec<Edit>,
        guard: Guard,
    },
    PutUser {
        id: String,
        user: User,
    },
    DeleteUser(String),
    ReadUser(String),
    SearchUsers(Filter),
    CreateGroup {
        name: String,
        members: Vec<String>,
    },
    PatchGroup {
        id: String,
        edits: Vec<GroupEdit>,
        guard: Guard,
    },
    DeleteGroup(String),
    ReadGroup(String),
    /// Adds one of one's people to the shared group, or takes one out.
    Everybody {
        id: String,
        add: bool,
    },
}

impl Edit {
    pub(super) fn to_json(&self) -> Value {
        let operation =
            |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
        match self {
            Self::Text {
                path: MANAGER,
                value,
                form,
            } => {
                let whole = MANAGER.trim_end_matches(".value");
                match form % 4 {
                    0 => operation("Add", whole, json!(value)),
                    1 => operation("Replace", whole, json!({"value": value})),
                    2 => operation("replace", whole, json!([{"value": value}])),
                    _ => operation("replace", MANAGER, json!(value)),
                }
            }
            Self::Text { path, value, form } => match form % 4 {
                0 => operation("Replace", path, json!(value)),
                1 => operation("Add", &path.replace("Name", "NAME"), json!(value)),
                2 => operation("replace", path, json!([{"value": value}])),
                _ => json!({"op": "add", "value": {(*path): value}}),
            },
            Self::Together(values) => {
                let values = values
                    .iter()
                    .map(|(path, value)| ((*path).to_owned(), json!(value)));
                json!({"op": "replace", "value": values.collect::<Map<_, _>>()})
            }
            Self::Remove(path) => json!({"op": "Remove", "path": path}),
            Self::Active { value, form } => match form % 4 {
                0 => operation(
                    "Replace",
                    "active",
                    json!(if *value { "True" } else { "False" }),
                ),
                1 => operation("replace", "active", json!(value)),
                2 => operation("Add", "active", json!(value.to_string())),
                _ => json!({"op": "replace", "value": {"active": value}}),
            },
            Self::ActiveNonsense => operation("Replace", "active", json!("perhaps")),
            Self::Email { kind, value, form } => {
                let path = format!("emails[type eq \"{kind}\"].value");
                match form % 3 {
                    0 => operation("Replace", &path, json!(value)),
                    1 => operation("Add", &path.replace("value", "VALUE"), json!(value)),
                    _ => json!({"op": "add", "value": {(path): value}}),
                }
            }
            Self::RemoveEmail(kind) => {
                json!({"op": "Remove", "path": format!("emails[type eq \"{kind}\"].value")})
            }
        }
    }
}

impl GroupEdit {
    pub(super) fn to_json(&self) -> Value {
        let list = |members: &[String]| -> Value {
            let element = |id: &String| json!({"$ref": null, "value": id});
            members.iter().map(element).collect()
        };
        match self {
            Self::Name(name) => json!({"op": "Replace", "path": "displayName", "value": name}),
            Self::Add(members) => json!({"op": "Add", "path": "members", "value": list(members)}),
            Self::Replace(members) => {
                json!({"op": "replace", "path": "members", "value": list(members)})
            }
            Self::Remove(members) => {
                json!({"op": "Remove", "path": "members", "value": list(members)})
            }
            Self::RemoveOne(member) => {
                json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")})
            }
        }
    }
}

impl Filter {
    pub(super) fn to_text(&self) -> String {
        let quoted = |value: &String| json!(value).to_string();
        match self {
            Self::Text {
                path,
                operator,
                value,
            } => format!("{path} {operator} {}", quoted(value)),
            Self::Present(path) => format!("{path} pr"),
            Self::Active(value) => format!("active eq {value}"),
            Self::Email { kind, value } => {
                format!("emails[type eq \"{kind}\" and value eq {}]", quoted(value))
            }
            Self::Not(inner) => format!("not ({})", inner.to_text()),
            Self::And(left, right) => format!("({}) and ({})", left.to_text(), right.to_text()),
            Self::Or(left, right) => format!("{} or {}", left.to_text(), right.to_text()),
        }
    }
}

/// A user as a POST or PUT has it.
pub(super) fn user_body(user: &User) -> Value {
    let mut body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]});
    for (path, value) in &user.texts {
        match *path {
            DEPARTMENT => body[ENTERPRISE]["department"] = json!(value),
            MANAGER => body[ENTERPRISE]["manager"] = json!({"value": value}),
            path => match path.split_once('.') {
                Some((whole, part)) => body[whole][part] = json!(value),
                None => body[path] = json!(value),
            },
        }
    }
    if let Some(active) = user.active {
        body["active"] = json!(active);
    }
    let emails = user.emails.iter();
    body["emails"] = emails
        .map(|(kind, value)| json!({"type": kind, "value": value}))
        .collect();
    body
}

/// Chooses what one writer asks next; all names begin with `lane`.
pub(super) struct Generator {
    pub(super) lane: String,
    pub(super) chance: Chance,
    made: usize,
}

impl Generator {
    pub(super) fn new(lane: String, seed: u64) -> Self {
        Self {
            lane,
            chance: Chance::new(seed),
            made: 0,
        }
    }

    pub(super) fn next(&mut self, known: &Oracle) -> Operation {
        // Half of the time the directory is small enough for names to meet.
        let grown = known.users.len() > 60;
        match self.chance.below(100) {
            0..15 if !grown => Operation::CreateUser(self.user(known)),
            0..40 => {
                let guard = self.guard();
                let mut edits: Vec<_> = (0..=self.chance.below(4))
                    .map(|_| self.edit(known))
                    .collect();
                if guard == Guard::Stale {
                    edits.retain(|it| !matches!(it, Edit::ActiveNonsense));
                }
                Operation::PatchUser {
                    id: self.user_id(known),
                    edits,
                    guard,
                }
            }
            40..45 => Operation::PutUser {
                id: self.user_id(known),
                user: self.user(known),
            },
            45..50 => Operation::DeleteUser(self.user_id(known)),
            50..58 => Operation::ReadUser(self.user_id(known)),
            58..68 => Operation::SearchUsers(self.filter(3)),
            68..72 if known.groups.len() < 12 => Operation::CreateGroup {
                name: self.group_name(),
                members: self.members(known),
            },
            68..84 => {
                let guard = self.guard();
                let edits = (0..=self.chance.below(3))
                    .map(|_| self.group_edit(known))
                    .collect();
                Operation::PatchGroup {
                    id: self.group_id(known),
                    edits,
                    guard,
                }
            }
            84..86 => Operation::DeleteGroup(self.group_id(known)),
            86..92 => Operation::ReadGroup(self.group_id(known)),
            _ => {
                let add = self.chance.happens(2, 3);
                Operation::Everybody {
                    id: self.user_id(known),
                    add,
                }
            }
        }
    }

    fn guard(&mut self) -> Guard {
        self.chance.one(&[
            Guard::None,
            Guard::None,
            Guard::None,
            Guard::Current,
            Guard::Stale,
        ])
    }

    fn text(&mut self) -> String {
        self.chance.one(VALUES).to_owned()
    }

    /// One of forty names, in one of two casings.
    fn user_name(&mut self) -> String {
        let name = format!(
            "{}-lena-{}@lakeshore.example",
            self.lane,
            self.chance.below(80)
        );
        if self.chance.happens(1, 4) {
            name.to_uppercase()
        } else {
            name
        }
    }

    fn group_name(&mut self) -> String {
        let name = format!("{} Watch {}", self.lane, self.chance.below(20));
        if self.chance.happens(1, 4) {
            name.to_lowercase()
        } else {
            name
        }
    }

    /// Somebody known; now and then one who is gone, or was never there.
    fn user_id(&mut self, known: &Oracle) -> String {
        self.id(known.users.keys(), &known.gone)
    }

    fn group_id(&mut self, known: &Oracle) -> String {
        self.id(known.groups.keys(), &known.gone)
    }

    fn id<'a>(
        &mut self,
        known: impl ExactSizeIterator<Item = &'a String>,
        gone: &[String],
    ) -> String {
        let mut known = known;
        if known.len() == 0 || self.chance.happens(1, 30) {
            return if gone.is_empty() {
                "nobody".to_owned()
            } else {
                gone[self.chance.below(gone.len())].clone()
            };
        }
        let place = self.chance.below(known.len());
        known.nth(place).expect("within the length").clone()
    }

    fn members(&mut self, known: &Oracle) -> Vec<String> {
        (0..self.chance.below(6))
            .map(|_| self.user_id(known))
            .collect()
    }

    fn user(&mut self, known: &Oracle) -> User {
        let mut user = User {
            active: Some(self.chance.happens(3, 4)),
            ..User::default()
        };
        self.made += 1;
        user.set("externalId", &format!("{}-{}", self.lane, self.made));
        if !self.chance.happens(1, 40) {
            let name = self.user_name();
            user.set("userName", &name);
        }
        for path in FREE {
            if self.chance.happens(1, 2) {
                let value = self.text();
                user.set(path, &value);
            }
        }
        if self.chance.happens(1, 4) {
            let manager = self.user_id(known);
            user.set(MANAGER, &manager);
        }
        if self.chance.happens(1, 2) {
            user.emails
                .insert("work", format!("{}@mail.example", self.made));
        }
        user
    }

    fn edit(&mut self, known: &Oracle) -> Edit {
        let form = self.chance.below(12);
        match self.chance.below(16) {
            0 => Edit::Text {
                path: "userName",
                value: self.user_name(),
                form: 0,
            },
            1 => Edit::Text {
                path: MANAGER,
                value: self.user_id(known),
                form,
            },
            2 => Edit::Text {
                path: MANAGER,
                value: String::new(),
                form: 1,
            },
            3..7 => Edit::Text {
                path: self.chance.one(FREE),
                value: self.text(),
                form,
            },
            7 => {
                let count = 1 + self.chance.below(3);
                let values = (0..count)
                    .map(|_| (self.chance.one(FREE), self.text()))
                    .collect();
                Edit::Together(values)
            }
            8 => Edit::Remove(self.chance.one(FREE)),
            9..12 => Edit::Active {
                value: self.chance.happens(1, 2),
                form,
            },
            12 if self.chance.happens(1, 4) => Edit::ActiveNonsense,
            12 | 13 => Edit::RemoveEmail(self.chance.one(KINDS)),
            _ => Edit::Email {
                kind: self.chance.one(KINDS),
                value: self.text(),
                form,
            },
        }
    }

    fn group_edit(&mut self, known: &Oracle) -> GroupEdit {
        match self.chance.below(8) {
            0 => GroupEdit::Name(self.group_name()),
            1..4 => GroupEdit::Add(self.members(known)),
            4 => {
                let mut members = self.members(known);
                members.push(self.user_id(known));
                GroupEdit::Replace(members)
            }
            5 | 6 => {
                let mut members = self.members(known);
                members.push(self.user_id(known));
                GroupEdit::Remove(members)
            }
            _ => GroupEdit::RemoveOne(self.user_id(known)),
        }
    }

    fn filter(&mut self, depth: usize) -> Filter {
        let part = |it: &mut Self| Box::new(it.filter(depth - 1));
        match self.chance.below(if depth == 0 { 5 } else { 9 }) {
            0 => Filter::Text {
                path: "userName",
                operator: "eq",
                value: self.user_name(),
            },
            1 | 2 => Filter::Text {
                path: self
                    .chance
                    .one(&["displayName", "title", "name.familyName", DEPARTMENT]),
                operator: self.chance.one(&["eq", "sw", "ew", "co"]),
                value: (self.chance.one(&VALUES[..VALUES.len() - 1])).to_owned(),
            },
            3 => Filter::Active(self.chance.happens(1, 2)),
            4 if self.chance.happens(1, 2) => Filter::Present(self.chance.one(FREE)),
            4 => {
                let value = format!("{}@mail.example", self.chance.below(self.made + 1));
                Filter::Email {
                    kind: self.chance.one(KINDS),
                    value,
                }
            }
            5 => Filter::Not(part(self)),
            6 => Filter::Or(part(self), part(self)),
            _ => Filter::And(part(self), part(self)),
        }
    }
}
