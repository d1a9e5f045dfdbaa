//! Answers of the API as people read them.

use serde_json::Value;

use super::table::{harmless, table};

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn rows(all: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    let row = |it: &Value| columns.iter().map(|name| text(&it[name])).collect();
    all.iter().map(row).collect()
}

/// The list, and how it goes on.
fn listed(titles: &[&str], rows: &[Vec<String>], answer: &Value) -> String {
    let goes_on = answer["nextCursor"].is_string();
    let mut shown = if rows.is_empty() && goes_on {
        "nothing was found so far\n".to_owned()
    } else if rows.is_empty() {
        "nothing was found\n".to_owned()
    } else {
        table(titles, rows)
    };
    if let Some(cursor) = answer["nextCursor"].as_str() {
        shown.extend([format!("more: --cursor {}\n", harmless(cursor))]);
    }
    shown
}

const PERSON: [&str; 7] = [
    "name",
    "userName",
    "userType",
    "signInMethod",
    "role",
    "state",
    "id",
];
const PERSON_TITLES: [&str; 7] = [
    "NAME",
    "USER NAME",
    "TYPE",
    "SIGN-IN",
    "ROLE",
    "STATE",
    "ID",
];

/// The list, with groups before the ids.
pub(super) fn people(answer: &Value) -> String {
    let mut people = rows(&answer["people"], &PERSON);
    let before_id = PERSON.len() - 1;
    let all = answer["people"].as_array().into_iter().flatten();
    for (row, person) in people.iter_mut().zip(all) {
        row.insert(before_id, count(&person["groups"]));
    }
    let mut titles = PERSON_TITLES.to_vec();
    titles.insert(before_id, "GROUPS");
    listed(&titles, &people, answer)
}

/// Members of a group.
fn members(answer: &Value) -> String {
    listed(&PERSON_TITLES, &rows(&answer["people"], &PERSON), answer)
}

/// One person, as in a list.
pub(super) fn person_row(answer: &Value) -> String {
    let all = Value::Array(vec![answer.clone()]);
    table(&PERSON_TITLES, &rows(&all, &PERSON))
}

pub(super) fn person(answer: &Value) -> String {
    let mut shown = person_row(answer);
    let attributes = answer["attributes"].as_array().into_iter().flatten();
    let attributes: Vec<Vec<String>> = attributes
        .map(|it| {
            let origin = &it["origin"];
            vec![text(&it["name"]), text(&it["value"]), text(&origin["name"])]
        })
        .collect();
    shown.extend([format!(
        "\n{}",
        table(&["ATTRIBUTE", "VALUE", "FROM"], &attributes)
    )]);
    let groups = rows(&answer["groups"], &["name", "id"]);
    if !groups.is_empty() {
        shown.extend([format!("\n{}", table(&["GROUP", "ID"], &groups))]);
    }
    shown.extend([format!("\n{}", sessions(answer))]);
    let audit = answer["audit"].as_array().into_iter().flatten();
    let audit: Vec<Vec<String>> = audit
        .map(|it| {
            let events = it["events"].as_array().into_iter().flatten().map(text);
            let by = it["administrator"].as_str().or(it["client"].as_str());
            vec![
                text(&it["at"]),
                events.collect::<Vec<_>>().join(", "),
                by.unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    shown.extend([format!("\n{}", table(&["WHEN", "WHAT", "BY"], &audit))]);
    shown.extend([format!("\n{}", story(&answer["story"]))]);
    shown
}

pub(super) fn groups(answer: &Value) -> String {
    let all = answer["groups"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = all.map(group_row).collect();
    listed(&["NAME", "MEMBERS", "ID"], &rows, answer)
}

fn group_row(group: &Value) -> Vec<String> {
    let members = count(&group["members"]);
    vec![text(&group["name"]), members, text(&group["id"])]
}

/// So many, or more.
fn count(counted: &Value) -> String {
    let more = if counted["orMore"] == true { "+" } else { "" };
    format!("{}{more}", counted["count"])
}

pub(super) fn group(answer: &Value) -> String {
    let row = table(&["NAME", "MEMBERS", "ID"], &[group_row(answer)]);
    format!("{row}\n{}", members(answer))
}

pub(super) fn requests(answer: &Value) -> String {
    let columns = [
        "at", "client", "number", "method", "path", "status", "detail",
    ];
    let titles = [
        "WHEN", "CLIENT", "NUMBER", "METHOD", "PATH", "STATUS", "WHY",
    ];
    listed(&titles, &rows(&answer["requests"], &columns), answer)
}

pub(super) fn request(answer: &Value) -> String {
    let names = [
        "at",
        "client",
        "method",
        "path",
        "query",
        "status",
        "detail",
        "requestId",
    ];
    let mut shown = String::new();
    for name in names.iter().filter(|it| !answer[**it].is_null()) {
        shown.extend([format!("{name}: {}\n", harmless(&text(&answer[*name])))]);
    }
    for name in ["body", "answer"] {
        if !answer[name].is_null() {
            let json = format!("{:#}", answer[name]);
            let lines: Vec<String> = json.lines().map(harmless).collect();
            shown.extend([format!("{name}:\n{}\n", lines.join("\n"))]);
        }
    }
    shown
}

pub(super) fn held(answer: &Value) -> String {
    let how = harmless(&text(&answer["how"]));
    let Some(since) = answer["since"].as_str() else {
        let limits = answer["limits"].as_array().into_iter().flatten();
        let limits: Vec<String> = limits.map(text).collect();
        return if limits.is_empty() {
            format!("{how}\n")
        } else {
            format!("nothing is held; at most {}\n", limits.join(", "))
        };
    };
    let so_many = |of: &str, what: &str| {
        let ending = if answer[of] == 1 { "" } else { "s" };
        format!("{} {what}{ending}", answer[of])
    };
    let mut shown = format!(
        "held since {since}: {}, {}, {} of members\n",
        so_many("deactivations", "deactivation"),
        so_many("deletions", "deletion"),
        so_many("membershipRemovals", "removal")
    );
    let examples = rows(&answer["examples"], &["name", "id"]);
    shown.extend([format!(
        "{}let it pass:\n{how}\n",
        table(&["OF", "ID"], &examples)
    )]);
    shown
}

/// The command that lets everything pass.
pub(super) fn release(answer: &Value) -> String {
    format!("{}\n", harmless(&text(&answer["how"])))
}

pub(super) fn sessions(answer: &Value) -> String {
    let columns = ["device", "by", "opened", "seen", "id"];
    let rows = rows(&answer["sessions"], &columns);
    if rows.is_empty() {
        return "not signed in\n".to_owned();
    }
    table(&["DEVICE", "BY", "SINCE", "LAST USED", "SESSION"], &rows)
}

pub(super) fn ended(answer: &Value) -> String {
    match answer["ended"].as_u64() {
        None | Some(1) => "1 session has ended\n".to_owned(),
        Some(count) => format!("{count} sessions have ended\n"),
    }
}

pub(super) fn link(answer: &Value) -> String {
    format!("{}\n", harmless(&text(&answer["link"])))
}

pub(super) fn second_factor(answer: &Value) -> String {
    if answer["hadSecondFactor"] == true {
        "the second factor is removed\n".to_owned()
    } else {
        "there was no second factor\n".to_owned()
    }
}

pub(super) fn story(answer: &Value) -> String {
    let mut shown = String::new();
    for step in answer["steps"].as_array().into_iter().flatten() {
        let mark = match step["state"].as_str() {
            Some("Good") => "+",
            Some("Bad") => "!",
            _ => " ",
        };
        let at = step["at"].as_str().map(|it| format!(" ({it})"));
        shown.extend([format!(
            "{mark} {}: {}{}\n",
            harmless(&text(&step["name"])),
            harmless(&text(&step["says"])),
            at.unwrap_or_default()
        )]);
    }
    shown.extend([format!("next: {}\n", harmless(&text(&answer["next"])))]);
    shown
}
