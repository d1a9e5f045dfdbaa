//! Queries as SQL: a filter becomes a condition that finds exactly its matches, or at least all of them.
//!
//! What SQL cannot tell - attributes that have no column, texts that are compared in another casing than their column holds -
//! may be a match, and only then the rows that are found are looked at by [`Filter::matches`]. Both stores have the columns
//! that are named here: text ordered by bytes, times in milliseconds, and `lookup` with what is [looked up](super::lookup) beside.

mod comparison;
mod fragment;
mod list;
mod order;
mod people;
mod term;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::scim::filter::{Comparison, Filter, Literal, Operator};
use crate::scim::schema::{AttributePath, MEMBERS, ResourceType};
use crate::store::query::sorting::Sorting;
use crate::store::{ListQuery, Related, StoreError, Window};
pub(super) use comparison::LONG_KEY;
use comparison::{Column, EXTERNAL_ID, compare_time};
use fragment::Fragment;
pub(super) use fragment::{Argument, Statement};
use list::List;
use order::Order;
pub(super) use people::PeopleWalk;
use term::{Access, Term};

/// How long a search that looks at every resource waits for its turn.
const SCAN_WAIT: Duration = Duration::from_secs(5);

/// The databases in whose words a query is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlDialect {
    Sqlite,
    Postgres,
}

/// What a database is able to do at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Database {
    pub(super) dialect: SqlDialect,
    /// Whether every user has its rows in `lookup`.
    pub(super) has_lookup: bool,
}

/// A query in SQL.
#[derive(Debug)]
pub(super) struct Search {
    dialect: SqlDialect,
    kind: i64,
    condition: Term,
    order: Order,
    /// What must hold beside the condition.
    pub(super) rest: Option<Filter>,
    /// What puts in order what is found, if the database does not.
    pub(super) sorting: Option<Sorting>,
}

impl Search {
    /// Puts `query` into the words of `database`; `number` is what resources of this kind have in the column `kind`.
    pub(super) fn new(
        database: Database,
        kind: ResourceType,
        number: i64,
        query: &ListQuery,
    ) -> Self {
        let compiler = Compiler {
            database,
            scope: Scope::Resource(kind),
        };
        let (mut terms, mut rest) = (Vec::new(), Vec::new());
        for filter in query.filter.iter().flat_map(Filter::conjuncts) {
            let term = compiler.term(filter);
            if !term.exact {
                rest.push(filter.clone());
            }
            terms.push(term);
        }
        let position = match &query.window {
            Window::Index(_) => None,
            Window::Behind { position, .. } => Some(position),
        };
        Self {
            dialect: database.dialect,
            kind: number,
            condition: Term::all(terms),
            order: Order::new(kind, query.sort.as_ref(), position),
            rest: (!rest.is_empty()).then(|| Filter::all(rest)),
            sorting: Sorting::of(query),
        }
    }

    /// Whether the database finds exactly what is asked for, in order, so that it can count it and cut out a page.
    pub(super) fn is_exact(&self) -> bool {
        self.rest.is_none() && self.sorting.is_none()
    }

    /// Whether the rows that are found are so few that they need not be counted first.
    pub(super) fn finds_few(&self) -> bool {
        self.condition.access == Access::Few
    }

    /// What was thought to be few turned out to be many: it is read like a part of an index.
    pub(super) fn finds_many(&mut self) {
        self.condition.access = self.condition.access.max(Access::Range);
    }

    /// Whether no index helps, so that every resource of the kind is looked at, or places of what is found are held.
    pub(super) fn scans(&self) -> bool {
        match self.condition.access {
            // Few by the index may still be many, and each is held.
            Access::Few => self.sorting.is_some(),
            Access::Range => !self.is_exact(),
            Access::All => self.condition != Term::all(Vec::new()) || !self.order.has_index(),
        }
    }

    /// Whether all resources of the kind are asked for; how many they are need not be counted.
    pub(super) fn is_everything(&self) -> bool {
        self.condition == Term::all(Vec::new()) && self.order.behind().is_none()
    }

    /// Leave to look at every resource, or to hold many places, if that is needed: few may at once, so that others are served meanwhile.
    pub(super) async fn permit(
        &self,
        scans: &Arc<Semaphore>,
    ) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        if !self.scans() {
            return Ok(None);
        }
        match tokio::time::timeout(SCAN_WAIT, Arc::clone(scans).acquire_owned()).await {
            Ok(permit) => Ok(permit.ok()),
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// What has to be loaded so that the rest can be looked at.
    pub(super) fn loads(&self, wanted: Related) -> Related {
        let regards = |name| self.rest.as_ref().is_some_and(|it| it.mentions(name));
        if regards(MEMBERS) || regards("groups") {
            Related::Include
        } else {
            wanted
        }
    }

    fn select(&self, columns: Fragment) -> Fragment {
        let select = Fragment::default().text("SELECT ").then(columns);
        let select = select.text(" FROM resource r WHERE r.kind = ");
        let select = select.bind(Argument::Number(self.kind)).text(" AND ");
        let select = select.then(self.condition.clone().into_fragment());
        match self.order.behind() {
            Some(behind) => select.text(" AND ").then(behind),
            None => select,
        }
    }

    /// The columns `id, version, created, modified, body`, those of the adapter, the number, and what the row is sorted by.
    fn columns(&self, related: &'static str) -> Fragment {
        let columns = Fragment::default().text("r.id, r.version, r.created, r.modified, r.body, ");
        let columns = columns.text(related).text(", r.seq, ");
        columns.text(self.order.column())
    }

    /// All that may match, in order, from the position on.
    pub(super) fn rows(&self, related: &'static str) -> Statement {
        let rows = self.select(self.columns(related)).then(self.order.clause());
        rows.finish(self.dialect)
    }

    /// Some of them.
    pub(super) fn page(&self, related: &'static str, count: i64, offset: i64) -> Statement {
        let page = self.select(self.columns(related)).then(self.order.clause());
        let page = page.text(" LIMIT ").bind(Argument::Number(count));
        let page = page.text(" OFFSET ").bind(Argument::Number(offset));
        page.finish(self.dialect)
    }

    /// How many they are.
    pub(super) fn count(&self) -> Statement {
        self.select(Fragment::default().text("count(*)"))
            .finish(self.dialect)
    }
}

/// Where attribute names are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Resource(ResourceType),
    Element(List),
}

/// The column of a single value of the resource itself.
fn column(kind: ResourceType, path: &AttributePath) -> Option<Column> {
    if path.extension.is_some() || path.sub_attribute.is_some() {
        return None;
    }
    let (name, folded, present) = match (kind, path.attribute.as_str()) {
        (_, "id") => ("r.id", false, None),
        (_, "externalId") => (EXTERNAL_ID, false, Some("r.external_id IS NOT NULL")),
        (ResourceType::User, "userName") | (ResourceType::Group, "displayName") => {
            ("r.name_key", true, Some("r.name_key <> ''"))
        }
        (ResourceType::User, "displayName") => {
            ("r.display_key", true, Some("r.display_key IS NOT NULL"))
        }
        _ => return None,
    };
    Some(Column {
        name,
        folded,
        is_key: name != "r.id",
        present,
        access: Access::Few,
    })
}

/// Turns filters into conditions at one place.
#[derive(Clone, Copy)]
struct Compiler {
    database: Database,
    scope: Scope,
}

impl Compiler {
    /// The recursion is as deep as the filter, which is bounded where it is read.
    fn term(self, filter: &Filter) -> Term {
        match filter {
            Filter::And(terms) => Term::all(terms.iter().map(|it| self.term(it)).collect()),
            Filter::Or(terms) => Term::any(terms.iter().map(|it| self.term(it)).collect()),
            Filter::Not(inner) => self.term(inner).not(),
            Filter::Compare(comparison) => self.comparison(comparison),
            Filter::Present(path) => self.present(path),
            Filter::Element { attribute, filter } => match self.list(attribute) {
                Some(list) => list.any(self.within(list).term(filter)),
                None => Term::unknown(),
            },
        }
    }

    fn within(self, list: List) -> Self {
        Self {
            scope: Scope::Element(list),
            ..self
        }
    }

    /// The table that has the values of `path`, if it has all of them.
    fn list(self, path: &AttributePath) -> Option<List> {
        let Scope::Resource(kind) = self.scope else {
            return None;
        };
        List::of(kind, path).filter(|list| self.database.has_lookup || !list.is_in_lookup())
    }

    fn column(self, path: &AttributePath) -> Option<Column> {
        match self.scope {
            Scope::Resource(kind) => column(kind, path),
            Scope::Element(list) => list.column(path),
        }
    }

    fn present(self, path: &AttributePath) -> Term {
        if let Some(list) = self.list(path) {
            return match element_path(path) {
                None => list.any(Term::constant(true)),
                Some(inner) => list.any(self.within(list).present(&inner)),
            };
        }
        if let Some(column) = self.column(path) {
            return column.present();
        }
        match self.scope {
            Scope::Resource(ResourceType::User) if path.is_core("active") => Term::constant(true),
            Scope::Resource(_) if path.is_core("meta") && path.sub_attribute.is_none() => {
                Term::constant(true)
            }
            Scope::Resource(_) | Scope::Element(_) => Term::unknown(),
        }
    }

    fn comparison(self, comparison: &Comparison) -> Term {
        let path = &comparison.attribute;
        if let Some(list) = self.list(path) {
            return self.element_comparison(list, comparison);
        }
        if let Some(column) = self.column(path) {
            let column = column.in_casing_of(comparison);
            return column.compare(comparison, self.database.dialect);
        }
        let Scope::Resource(kind) = self.scope else {
            return Term::unknown();
        };
        match (path.attribute.as_str(), path.sub_attribute.as_deref()) {
            _ if path.extension.is_some() => Term::unknown(),
            ("meta", Some("created")) => compare_time("r.created", comparison),
            ("meta", Some("lastModified")) => compare_time("r.modified", comparison),
            ("meta", Some("resourceType")) => {
                Term::constant(comparison.holds_for(&kind.name().into()))
            }
            ("active", None) if kind == ResourceType::User => active(comparison),
            _ => Term::unknown(),
        }
    }

    /// A comparison with the values of a list: one of them fulfils it, and `ne` holds when none is equal.
    fn element_comparison(self, list: List, comparison: &Comparison) -> Term {
        let inner = |operator| Comparison {
            attribute: element_path(&comparison.attribute)
                .unwrap_or_else(|| AttributePath::core("value")),
            operator,
            ..comparison.clone()
        };
        let any = |comparison: &Comparison| list.any(self.within(list).comparison(comparison));
        let is_null = comparison.value == Literal::Null;
        match comparison.operator {
            Operator::Equal if is_null => any(&inner(Operator::NotEqual)).not(),
            Operator::NotEqual if !is_null => any(&inner(Operator::Equal)).not(),
            operator => any(&inner(operator)),
        }
    }
}

/// The path from one value of a list on.
fn element_path(path: &AttributePath) -> Option<AttributePath> {
    path.sub_attribute.as_deref().map(AttributePath::core)
}

/// Absent means active.
fn active(comparison: &Comparison) -> Term {
    let condition = |wanted: bool| {
        let text = if wanted { "r.active" } else { "NOT r.active" };
        Term::when(Fragment::default().text(text), Access::All)
    };
    match (comparison.operator, &comparison.value) {
        (Operator::Equal, Literal::Boolean(wanted)) => condition(*wanted),
        (Operator::NotEqual, Literal::Boolean(wanted)) => condition(!*wanted),
        (Operator::Equal, Literal::Null) => Term::constant(false),
        (Operator::NotEqual, Literal::Null) => Term::constant(true),
        _ => Term::unknown(),
    }
}
