//! The texts that come out, for both databases. That they find what the filter finds is in the conformance suite.

use super::*;
use crate::scim::schema::sample;
use crate::scim::sort::{Sort, SortValue};
use crate::store::Position;

fn search(dialect: SqlDialect, kind: ResourceType, query: &ListQuery) -> Search {
    let database = Database {
        dialect,
        has_lookup: true,
    };
    Search::new(database, kind, 7, query)
}

/// The condition behind that on the kind, and whether it is exact.
fn condition(dialect: SqlDialect, kind: ResourceType, filter: &str) -> (String, bool) {
    let schemas = sample::schemas();
    let query = ListQuery {
        filter: Some(Filter::parse(filter, schemas.of(kind)).unwrap()),
        ..ListQuery::default()
    };
    let search = search(dialect, kind, &query);
    let text = search.count().shown();
    let condition = text.split_once(" AND ").unwrap().1.to_owned();
    (condition, search.rest.is_none())
}

fn check(kind: ResourceType, filter: &str, expected: &str, exact: bool) {
    let found = condition(SqlDialect::Sqlite, kind, filter);
    assert_eq!((found.0.as_str(), found.1), (expected, exact), "{filter}");
}

#[test]
fn what_has_a_column_is_exact() {
    let check = |filter, expected| check(ResourceType::User, filter, expected, true);
    check(
        "externalId eq \"X\"",
        r#"((r.external_id IS NOT NULL AND r.external_id = ?2)) [Number(7), Key("X")]"#,
    );
    check(
        "userName sw \"ÄB\"",
        r#"((r.name_key <> '' AND r.name_key >= ?2 AND r.name_key < ?3)) [Number(7), Text("äb"), Text("äc")]"#,
    );
    check("not (id pr)", "FALSE [Number(7)]");
    check(
        "meta.created gt \"1970-01-01T00:00:00.0015Z\" and active eq true",
        "(r.created > ?2 AND r.active) [Number(7), Number(1)]",
    );
    check(
        "meta.resourceType eq \"User\" and meta.resourceType eq \"Group\"",
        "FALSE [Number(7)]",
    );
    check(
        "emails[type eq \"Work\"].value eq \"A\"",
        r#"(r.seq IN (SELECT l.seq FROM lookup l WHERE l.attribute = 1 AND ((l.label <> '' AND l.label = ?2) AND (l.value <> '' AND l.value = ?3)))) [Number(7), Key("work"), Key("a")]"#,
    );
}

#[test]
fn what_sql_cannot_tell_may_be_a_match() {
    let check = |filter, expected| check(ResourceType::User, filter, expected, false);
    check("title eq \"x\"", "TRUE [Number(7)]");
    check(
        "id eq \"a\" and title eq \"x\"",
        r#"((r.id = ?2)) [Number(7), Text("a")]"#,
    );
    check("id eq \"a\" or title eq \"x\"", "TRUE [Number(7)]");
    check("not (id eq \"a\" and title eq \"x\")", "TRUE [Number(7)]");
}

#[test]
fn each_database_has_its_words() {
    let check = |dialect, expected: &str| {
        let found = condition(
            dialect,
            ResourceType::Group,
            "id co \"a\" and members ew \"b\"",
        );
        assert_eq!((found.0.as_str(), found.1), (expected, true));
    };
    let members = "r.seq IN (SELECT m.group_seq FROM membership m JOIN resource o ON o.seq = m.member_seq WHERE";
    check(
        SqlDialect::Sqlite,
        &format!(
            r#"((instr(r.id, ?2) > 0) AND {members} (substr(o.id, -length(?3)) = ?4))) [Number(7), Text("a"), Text("b"), Text("b")]"#
        ),
    );
    check(
        SqlDialect::Postgres,
        &format!(
            r#"((strpos(r.id, $2) > 0) AND {members} (right(o.id, length($3)) = $4))) [Number(7), Text("a"), Text("b"), Text("b")]"#
        ),
    );
}

/// An index of PostgreSQL has no room for a long text: such a row is looked at.
#[test]
fn a_key_that_may_be_shortened_is_not_enough() {
    let check = |filter, expected: &str, exact| {
        let found = condition(SqlDialect::Postgres, ResourceType::Group, filter);
        assert_eq!((found.0.as_str(), found.1), (expected, exact), "{filter}");
    };
    check(
        "displayName eq \"A\"",
        r#"((r.name_key <> '' AND r.name_key = $2)) [Number(7), Key("a")]"#,
        true,
    );
    check(
        "displayName sw \"A\"",
        r#"((r.name_key <> '' AND r.name_key >= $2 AND r.name_key < $3)) [Number(7), Text("a"), Text("b")]"#,
        true,
    );
    check(
        "displayName co \"A\"",
        r#"((strpos(r.name_key, $2) > 0 OR octet_length(r.name_key) >= $3)) [Number(7), Text("a"), Number(600)]"#,
        false,
    );
}

#[test]
fn a_part_begins_behind_its_position_in_the_order() {
    let schemas = sample::schemas();
    let check = |by, order, key: SortValue, expected: &str| {
        let query = ListQuery {
            sort: Sort::parse(Some(by), Some(order), &schemas.user).unwrap(),
            window: Window::Behind {
                position: Position { key, sequence: 5 },
                count: 3,
            },
            ..ListQuery::default()
        };
        let search = search(SqlDialect::Sqlite, ResourceType::User, &query);
        let text = search.page("NULL", 3, 0).shown();
        let text = text.split_once("TRUE").unwrap().1.to_owned();
        assert_eq!(text, expected, "{by} {order}");
    };
    let text = || SortValue::Text("k".to_owned());
    check(
        "userName",
        "ascending",
        text(),
        r#" AND ((r.name_key, r.seq) > (?2, ?3)) ORDER BY r.name_key, r.seq LIMIT ?4 OFFSET ?5 [Number(7), Text("k"), Number(5), Number(3), Number(0)]"#,
    );
    check(
        "displayName",
        "ascending",
        text(),
        r#" AND ((r.display_key, r.seq) > (?2, ?3) OR r.display_key IS NULL) ORDER BY r.display_key NULLS LAST, r.seq LIMIT ?4 OFFSET ?5 [Number(7), Text("k"), Number(5), Number(3), Number(0)]"#,
    );
    check(
        "displayName",
        "descending",
        SortValue::Absent,
        " AND (r.display_key IS NULL AND r.seq < ?2 OR r.display_key IS NOT NULL) ORDER BY r.display_key DESC NULLS FIRST, r.seq DESC LIMIT ?3 OFFSET ?4 [Number(7), Number(5), Number(3), Number(0)]",
    );
    check(
        "meta.created",
        "descending",
        SortValue::Absent,
        " AND r.seq < ?2 ORDER BY r.seq DESC LIMIT ?3 OFFSET ?4 [Number(7), Number(5), Number(3), Number(0)]",
    );
}

#[test]
fn an_order_that_no_column_has_is_not_asked_of_the_database() {
    let schemas = sample::schemas();
    let query = ListQuery {
        sort: Sort::parse(Some("emails"), None, &schemas.user).unwrap(),
        ..ListQuery::default()
    };
    let search = search(SqlDialect::Postgres, ResourceType::User, &query);
    let rows = search.rows("NULL").shown();
    assert!(rows.ends_with("r.kind = $1 AND TRUE [Number(7)]"), "{rows}");
}

#[test]
fn a_scan_is_what_no_index_helps() {
    let schemas = sample::schemas();
    let check = |filter: &str, sort_by: Option<&str>, expected| {
        let filter = Some(filter).filter(|it| !it.is_empty());
        let query = ListQuery {
            filter: filter.map(|it| Filter::parse(it, &schemas.user).unwrap()),
            sort: Sort::parse(sort_by, None, &schemas.user).unwrap(),
            ..ListQuery::default()
        };
        let search = search(SqlDialect::Sqlite, ResourceType::User, &query);
        assert_eq!(
            (search.scans(), search.finds_few()),
            expected,
            "{filter:?} {sort_by:?}"
        );
    };
    check("", None, (false, false));
    check("", Some("userName"), (false, false));
    check("", Some("meta.created"), (false, false));
    for unordered in ["meta.lastModified", "id", "externalId", "displayName"] {
        check("", Some(unordered), (true, false));
    }
    check("", Some("emails"), (true, false));
    check("userName sw \"a\"", Some("emails"), (true, false));
    check("userName sw \"a\"", Some("displayName"), (false, false));
    check("userName eq \"a\"", Some("emails"), (true, true));
    check("userName eq \"a\"", Some("displayName"), (false, true));
    check("userName eq \"a\"", None, (false, true));
    check("userName eq \"a\" and title pr", None, (false, true));
    check("userName eq \"a\" or title pr", None, (true, false));
    check("userName sw \"a\"", None, (false, false));
    check("emails.value eq \"a\"", None, (false, true));
    check(
        "emails[type eq \"work\" and value eq \"a\"]",
        None,
        (false, true),
    );
    check("emails.type eq \"work\"", None, (true, false));
    check("employeeNumber eq \"7\" and title pr", None, (false, true));
    check("emails sw \"a\"", None, (false, false));
    check("userName sw \"a\" and title pr", None, (true, false));
    check("userName co \"a\"", None, (true, false));
    check("groups eq \"a\"", None, (false, false));
    check("not (userName eq \"a\")", None, (true, false));
}
