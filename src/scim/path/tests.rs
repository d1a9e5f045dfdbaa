//! PATCH paths: what is read and what is refused.

use proptest::prelude::*;

use super::*;
use crate::scim::schema::sample;

fn parse(text: &str) -> Result<Path, ScimError> {
    Path::parse(text, &sample::schemas().user)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let printed = match parse(text) {
        Ok(path) => path.to_string(),
        Err(error) => error
            .detail
            .replace("The path is wrong at character ", "error "),
    };
    assert_eq!(printed, expected, "{text}");
}

#[test]
fn paths_are_read_in_every_form_that_entra_writes() {
    check("DisplayName", "displayName");
    check("name.familyName", "name.familyName");
    check(
        "Addresses[Type eq \"work\"].Formatted",
        "addresses[type eq \"work\"].formatted",
    );
    check(
        "roles[primary eq \"True\"].value",
        "roles[primary eq true].value",
    );
    check("emails[type eq \"work\"]", "emails[type eq \"work\"]");
    check("urn:ietf:params:scim:schemas:core:2.0:User:title", "title");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    check("manager", &format!("{enterprise}:manager"));
    check(
        &format!("{enterprise}:manager.value"),
        &format!("{enterprise}:manager.value"),
    );
    check(
        &format!("{enterprise}.department"),
        &format!("{enterprise}:department"),
    );
    check(enterprise, enterprise);
    check(
        &format!("{}:folders", sample::FOLDERS),
        &format!("{}:folders", sample::FOLDERS),
    );
    check(
        &format!("{}:Any-Key", sample::METADATA),
        &format!("{}:Any-Key", sample::METADATA),
    );
    check(
        "folders[value eq \"a\"].value",
        &format!("{}:folders[value eq \"a\"]", sample::FOLDERS),
    );
}

#[test]
fn a_wrong_path_is_refused_with_its_place() {
    check("", "error 1: the name of an attribute is missing.");
    check(
        "favoriteColor",
        "error 1: there is no such attribute in the schema.",
    );
    check(
        "name.nick",
        "error 1: there is no such attribute in the schema.",
    );
    check(
        "emails[type eq \"work\"].nick",
        "error 24: emails has no such sub-attribute.",
    );
    check("emails[type eq \"work\"", "error 22: `]` is missing.");
    check(
        "emails[type eq \"work\"]value",
        "error 23: nothing is expected here.",
    );
    check(
        "name[givenName eq \"x\"]",
        "error 5: name is not a list, so brackets do not apply.",
    );
    check("title x", "error 7: nothing is expected here.");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn a_printed_path_reads_as_itself(
        head in prop::sample::select(vec!["emails", "name", "title", "manager", sample::FOLDERS, sample::METADATA]),
        filter in prop::sample::select(vec!["", "[type eq \"a ] b\"]", "[value eq \"x\" or primary eq true]", "["]),
        tail in prop::sample::select(vec!["", ".value", ".givenName", ":folders", ":k", "."]),
    ) {
        if let Ok(path) = parse(&format!("{head}{filter}{tail}")) {
            prop_assert_eq!(parse(&path.to_string()).unwrap(), path);
        }
    }
}
