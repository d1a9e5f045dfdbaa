//! The list of people.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{Choice, Empty, Filter, Pages, State, Step, counted, number};
use super::person::steps;
use super::refused::Refused;
use super::route::{self, encoded};
use crate::store::ResourceId;
use crate::workload::administration::{ListedPerson, PeopleWanted, PersonRow, PersonState};
use crate::workload::directory::sign_in_method::SignInMethod;

/// A person as a list shows one.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) user_type: String,
    /// How many.
    pub(super) groups: String,
    pub(super) state: State,
}

#[derive(Template)]
#[template(
    path = "people.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page<'p> {
    frame: Frame,
    sentence: String,
    search: &'p str,
    filters: Vec<Filter>,
    people: Vec<Row>,
    has_user_types: bool,
    empty: Empty,
    /// What is known of who was looked for in vain.
    story: Vec<Step>,
    next: String,
    pages: Pages,
}

/// What a person signs in by, in words.
pub(super) fn sign_in(method: SignInMethod) -> &'static str {
    match method {
        SignInMethod::Entra => "Entra ID",
        SignInMethod::BuiltIn => "Built-in",
    }
}

impl Row {
    /// A person of the list.
    fn listed(person: ListedPerson) -> Self {
        let more = if person.groups.or_more { "+" } else { "" };
        Self {
            groups: format!("{}{more}", number(person.groups.count)),
            ..Self::of(person.row)
        }
    }

    pub(super) fn of(person: PersonRow) -> Self {
        Self {
            path: route::person(&ResourceId::new(person.id)),
            email: person.email.unwrap_or(person.user_name),
            name: person.name,
            role: person.role.map_or("", |it| it.name()),
            sign_in: sign_in(person.sign_in_method),
            user_type: person.user_type.unwrap_or_default(),
            groups: String::new(),
            state: State::of_person(person.state == PersonState::Active),
        }
    }
}

/// The list that is asked for.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let search = desk.field("search").unwrap_or_default();
    let (method, state) = (desk.field("method"), desk.field("state"));
    let (user_type, cursor) = (desk.field("type"), desk.field("cursor"));
    let wanted = PeopleWanted {
        search: search.to_owned(),
        method: method.and_then(SignInMethod::named),
        state: match state {
            Some("Active") => Some(PersonState::Active),
            Some("Inactive") => Some(PersonState::Inactive),
            _ => None,
        },
        user_type: user_type.map(str::to_owned),
        cursor: cursor.map(str::to_owned),
    };
    let is_narrowed = !search.is_empty()
        || wanted.method.is_some()
        || wanted.state.is_some()
        || user_type.is_some();
    let found = desk
        .administration
        .people(&desk.administrator, &wanted)
        .await?;
    let here = format!(
        "/portal/people?search={}&method={}&state={}&type={}",
        encoded(search),
        encoded(method.unwrap_or_default()),
        encoded(state.unwrap_or_default()),
        encoded(user_type.unwrap_or_default()),
    );
    let count = found.people.len();
    let (mut story, mut next) = (Vec::new(), String::new());
    let is_over = found.next_cursor.is_none();
    if count == 0 && is_over && cursor.is_none() && !search.is_empty() {
        let explained = desk.administration.explain(&desk.administrator, search);
        let explained = explained.await?;
        next.clone_from(&explained.next);
        story = steps(explained);
    }
    let mut filters = filters(method.unwrap_or_default(), state.unwrap_or_default());
    filters.extend(user_types(&found.user_types, user_type.unwrap_or_default()));
    let page = Page {
        frame: desk.frame(),
        sentence: if is_narrowed {
            "Those whose name, user name or e-mail begins so.".to_owned()
        } else {
            let all = counted(found.all_people, "person", "people");
            format!("{all}, {} active", number(found.active_people))
        },
        search,
        filters,
        has_user_types: found.people.iter().any(|it| it.row.user_type.is_some()),
        people: found.people.into_iter().map(Row::listed).collect(),
        empty: empty(is_over, is_narrowed || cursor.is_some()),
        story,
        next,
        pages: pages(count, cursor, &here, found.next_cursor),
    };
    Ok(desk.page(&page))
}

/// What is said in the place of a list that has nobody.
fn empty(is_over: bool, is_narrowed: bool) -> Empty {
    if !is_over {
        Empty::new("Nobody among those who were looked at so far; the next page goes on.")
    } else if is_narrowed {
        Empty::new(
            "Nobody here is found so. A search is the beginning of a name, a user name or an e-mail address.",
        )
    } else {
        Empty {
            sentence: "Nobody is here yet. People arrive once Entra provisions them: the checklist of the connector says what is missing.".to_owned(),
            how: Some("kubectl get azureconnectors".to_owned()),
        }
    }
}

/// Where a list goes on that is at `here`.
pub(super) fn pages(count: usize, cursor: Option<&str>, here: &str, next: Option<String>) -> Pages {
    let begins = if here.contains('?') { '&' } else { '?' };
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut said = format!("{} on this page", counted(count, "row", "rows"));
    if count == 0 {
        said.clear();
    } else if next.is_none() && cursor.is_some() {
        said += ", the last";
    }
    Pages {
        said,
        first: cursor.map(|_| here.to_owned()),
        next: next.map(|it| format!("{here}{begins}cursor={}", encoded(&it))),
    }
}

/// The values of `userType`, where only some are allowed.
fn user_types(all: &[String], chosen: &str) -> Option<Filter> {
    let all = all.iter().map(|it| (it.as_str(), it.as_str()));
    let options = Choice::all(std::iter::once(("", "All user types")).chain(all), chosen);
    (options.len() > 1).then_some(Filter {
        name: "type",
        label: "User type",
        options,
    })
}

fn filters(method: &str, state: &str) -> Vec<Filter> {
    let entra = SignInMethod::Entra;
    let built_in = SignInMethod::BuiltIn;
    vec![
        Filter {
            name: "method",
            label: "Sign-in method",
            options: Choice::all(
                [
                    ("", "All sign-in methods"),
                    (entra.name(), sign_in(entra)),
                    (built_in.name(), sign_in(built_in)),
                ],
                method,
            ),
        },
        Filter {
            name: "state",
            label: "State",
            options: Choice::all(
                [
                    ("", "All states"),
                    ("Active", "Active"),
                    ("Inactive", "Deactivated"),
                ],
                state,
            ),
        },
    ]
}
