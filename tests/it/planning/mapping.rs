//! What a `UserMapping` is told about its lines, filters and groups.

use usher::api::UserMapping;
use usher::plan::mapping::{self, person};

use super::{object, people, tenant};

#[test]
fn a_mapping_is_checked_line_by_line() {
    let tenant = tenant(
        "
  schema:
    userTypes: [Premium, Standard]
    roles: [User, Admin]
    extensions:
      - {urn: 'urn:example:Metadata', open: true}
      - {urn: 'urn:example:Folders', attributes: [{name: folders, multiValued: true}]}",
    );
    let check = |lines: &str| {
        let checked = mapping::check(&people(lines).spec, &tenant.spec);
        let errors = checked.errors.iter().map(ToString::to_string);
        errors.collect::<Vec<_>>().join("\n")
    };

    insta::assert_snapshot!(check("      - {target: shoeSize, source: mail}"), @r#"spec.users.attributes[0]: target "shoeSize" is not an attribute that the ScimTenant takes (the path is wrong at character 1: there is no such attribute in the schema); declare it in spec.schema.extensions of the ScimTenant or correct it"#);
    insta::assert_snapshot!(check("      - {target: 'urn:example:Folders:other', source: mail}"), @r#"spec.users.attributes[0]: target "urn:example:Folders:other" is not an attribute that the ScimTenant takes (the path is wrong at character 1: there is no such attribute in the schema); declare it in spec.schema.extensions of the ScimTenant or correct it"#);
    insta::assert_snapshot!(check("      - {target: 'urn:example:Metadata', source: mail}"), @r#"spec.users.attributes[0]: target "urn:example:Metadata" is a whole extension; add the attribute, as in urn:example:Metadata:name"#);
    insta::assert_snapshot!(check("      - {target: id, source: objectId}"), @r#"spec.users.attributes[0]: target "id" is written by the server only; remove the line"#);
    insta::assert_snapshot!(check("      - {target: groups, source: mail}"), @r#"spec.users.attributes[0]: target "groups" is written by the server only; remove the line"#);
    insta::assert_snapshot!(check("      - {target: name, source: displayName}"), @r#"spec.users.attributes[0]: target "name" has parts; name one of them, as in name.formatted"#);
    insta::assert_snapshot!(check("      - {target: userType, constant: premium}"), @r#"spec.users.attributes[0].constant: constant "premium" is not among the userTypes of the ScimTenant; it must be exactly Premium or Standard"#);
    insta::assert_snapshot!(check("      - {target: userType, source: companyName, default: Gold}"), @r#"spec.users.attributes[0].default: default "Gold" is not among the userTypes of the ScimTenant; it must be exactly Premium or Standard"#);
    insta::assert_snapshot!(check("      - {target: 'roles[primary eq \"True\"].value', constant: Owner}"), @r#"spec.users.attributes[0].constant: constant "Owner" is not among the roles of the ScimTenant; it must be exactly User or Admin"#);
    insta::assert_snapshot!(check("      - {target: active, constant: 'yes'}"), @r#"spec.users.attributes[0].constant: constant "yes" does not fit active, which is boolean; it must be True or False"#);
    insta::assert_snapshot!(check("      - {target: title, expression: 'ToUper([jobTitle])'}"), @"spec.users.attributes[0].expression: column 1: there is no function ToUper (did you mean ToUpper?)");
    insta::assert_snapshot!(check("      - {target: title, expression: 'DateAdd(\"min\", 1, Now())'}"), @r#"spec.users.attributes[0].expression: column 9: DateAdd, argument interval: must be yyyy, m, ww, d, h, n or s, got "min""#);
    insta::assert_snapshot!(check("      - {target: title, source: jobTitle}\n      - {target: TITLE, source: mail}"), @r#"spec.users.attributes[1]: target "TITLE" is the attribute of line 0 in another spelling; keep one of them"#);
}

#[test]
fn a_mapping_declares_keys_and_warns_of_likely_mistakes() {
    let tenant = tenant(
        "
  schema:
    userTypes: [Premium, Standard]
    extensions: [{urn: 'urn:example:Metadata', open: true, attributes: [{name: site}]}]",
    );
    let mapping = people(
        "
      - {target: userType, source: companyName}
      - {target: 'urn:example:Metadata:costCentre', source: extensionAttribute1}
      - {target: 'urn:example:Metadata:SITE', source: extensionAttribute2}
      - {target: name.givenName, source: givenName}
      - {target: 'emails[type eq \"work\"].value', source: mail}",
    );

    let checked = mapping::check(&mapping.spec, &tenant.spec);

    assert_eq!(checked.errors, []);
    let schemas = person::schemas(&[], Some(&tenant.spec));
    assert_eq!(
        mapping::declared(&mapping.spec, &schemas),
        [("urn:example:Metadata".to_owned(), "costCentre".to_owned())]
    );
    let warnings: Vec<String> = checked.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r#"
    spec.users.attributes[0]: userType comes from companyName without a default: whoever has no companyName arrives without a userType; add default: Premium or default: Standard
    spec.users.attributes[3]: name.givenName is required and comes from givenName: whoever has none is refused; make sure that everybody has one, or write a default or expression: Coalesce([givenName], [displayName])
    spec.users.attributes: no line has the target name.familyName, which the ScimTenant requires: keep Entra's own line for it, or nobody can be created
    spec.users.attributes[4]: emails is required and comes from mail: whoever has none is refused; make sure that everybody has one, or write a default or expression: Coalesce([mail], [userPrincipalName])
    "#);
}

/// A mapping whose spec goes on with `spec`, in YAML.
fn mapping(spec: &str) -> UserMapping {
    object(&format!(
        "
apiVersion: usher.dev/v1alpha1
kind: UserMapping
metadata: {{name: people}}
spec:
  connectorRef: {{name: entra}}
{spec}"
    ))
}

/// What is said of a mapping, errors first: each begins with its severity and its field.
fn said(spec: &str) -> Vec<String> {
    let tenant = tenant(
        "
  schema:
    required: []
    userTypes: [Premium, Standard]
    roles: [User, Admin]
    extensions:
      - {urn: 'urn:example:Metadata', open: true}
      - urn: 'urn:example:Typed'
        attributes:
          - {name: folders, multiValued: true}
          - {name: level, type: integer}
          - {name: hired, type: dateTime}
          - {name: remote, type: boolean}",
    );
    let checked = mapping::check(&mapping(spec).spec, &tenant.spec);
    let errors = checked.errors.iter().map(|it| format!("error: {it}"));
    let warnings = checked.warnings.iter().map(|it| format!("warning: {it}"));
    errors.chain(warnings).collect()
}

/// Holds what is said of a mapping against the beginnings of its sentences.
#[track_caller]
fn check(spec: &str, expected: &[&str]) {
    let found = said(spec);
    let fits = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(it, wanted)| it.contains(wanted));
    assert!(fits, "{spec}\nsays {found:#?}\nwanted {expected:#?}");
}

/// The same of one line for users.
#[track_caller]
fn check_line(line: &str, expected: &[&str]) {
    check(&format!("  users: {{attributes: [{{{line}}}]}}"), expected);
}

/// The same of clauses of one scoping filter for users.
#[track_caller]
fn check_scope(clauses: &str, expected: &[&str]) {
    let lines = "attributes: [{target: userName, source: userPrincipalName}]";
    check(
        &format!("  users: {{{lines}, scope: [{{clauses: [{clauses}]}}]}}"),
        expected,
    );
}

#[test]
fn sources_are_attributes_that_entra_has() {
    check_line("target: title, source: jobTitle", &[]);
    check_line("target: title, source: extensionAttribute15", &[]);
    check_line(
        "target: title, source: extension_53c9e2c0e1b24a2b9d3f0a1b2c3d4e5f_rank",
        &[],
    );
    check_line(
        "target: title, source: jobTitel",
        &[
            "warning: spec.users.attributes[0].source: Microsoft lists no attribute jobTitel of a user (did you mean jobTitle?)",
        ],
    );
    check_line(
        "target: userType, source: userType, default: Standard",
        &["error: spec.users.attributes[0].source: Entra does not offer userType as a source"],
    );
    check_line(
        "target: title, source: shoeSize",
        &["warning: spec.users.attributes[0].source: Microsoft lists no attribute shoeSize"],
    );
    check_line(
        "target: title, expression: 'ToUpper([jobTitel])'",
        &[
            "warning: spec.users.attributes[0].expression: column 9: Microsoft lists no attribute jobTitel of a user (did you mean jobTitle?)",
        ],
    );
    check_line(
        "target: title, expression: 'Join([shoeSize], [jobtitle], [mail])'",
        &[
            "error: spec.users.attributes[0].expression: column 18: Entra's names of attributes are case-sensitive",
            "warning: spec.users.attributes[0].expression: column 6: Microsoft lists no attribute shoeSize",
        ],
    );
    check_line(
        "target: title, expression: 'ToUpper([shoeSize])'",
        &[
            "warning: spec.users.attributes[0].expression: column 9: Microsoft lists no attribute shoeSize",
        ],
    );
}

#[test]
fn values_fit_the_type_of_their_target() {
    let level = "'urn:example:Typed:level'";
    check_line(&format!("target: {level}, constant: '7'"), &[]);
    check_line(
        &format!("target: {level}, constant: seven"),
        &[
            "error: spec.users.attributes[0].constant: constant \"seven\" does not fit urn:example:Typed:level, which is a whole number; it must be digits such as 42",
        ],
    );
    check_line(
        "target: 'urn:example:Typed:hired', source: employeeHireDate, default: yesterday",
        &["error: spec.users.attributes[0].default: default \"yesterday\" does not fit"],
    );
    check_line(
        &format!("target: {level}, source: employeeId"),
        &[
            "warning: spec.users.attributes[0].source: urn:example:Typed:level is a whole number, and employeeId is not",
        ],
    );
    check_line(
        "target: 'urn:example:Typed:remote', source: accountEnabled",
        &[],
    );
    check_line(
        "target: title, source: proxyAddresses",
        &[
            "warning: spec.users.attributes[0].source: proxyAddresses has several values, and title holds one; write expression: Item([proxyAddresses], 1)",
        ],
    );
    check_line(
        "target: title, expression: 'Split([jobTitle], \",\")'",
        &["warning: spec.users.attributes[0].expression: column 1: this comes to a list"],
    );
    check_line(
        "target: 'urn:example:Typed:folders', expression: 'Split([jobTitle], \",\")'",
        &[],
    );
}

#[test]
fn what_an_expression_can_come_to_is_among_what_is_allowed() {
    check_line(
        "target: userType, expression: 'IIF([country] = \"NO\", \"Premium\", \"Standard\")'",
        &[],
    );
    check_line(
        "target: userType, expression: 'IIF([country] = \"NO\", \"Premium\", \"Basic\")'",
        &[
            "error: spec.users.attributes[0].expression: column 34: \"Basic\" is not among the userTypes of the ScimTenant; it must be exactly Premium or Standard",
        ],
    );
    check_line(
        "target: 'roles[primary eq \"True\"].value', expression: 'Switch([department], \"User\", \"IT\", \"Owner\")'",
        &[
            "error: spec.users.attributes[0].expression: column 36: \"Owner\" is not among the roles",
        ],
    );
    check_line(
        "target: 'roles[primary eq \"True\"].display', constant: Boss",
        &[],
    );
}

#[test]
fn references_go_where_ids_are_taken_and_nowhere_else() {
    check_line("target: manager, source: manager", &[]);
    check_line(
        "target: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager', source: manager",
        &[],
    );
    check_line(
        "target: title, source: manager",
        &["error: spec.users.attributes[0].source: manager is a reference"],
    );
    for value in ["source: mail", "constant: ana", "expression: '[manager]'"] {
        check_line(
            &format!("target: manager, {value}"),
            &[
                "error: spec.users.attributes[0]: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager takes the ids of those whom Entra has provisioned; only a reference gives them: write source: manager",
            ],
        );
    }
}

#[test]
fn app_roles_go_to_one_role_or_to_the_whole_list() {
    let one = "'roles[primary eq \"True\"].value'";
    let function = |name: &str| format!("expression: '{name}([appRoleAssignments])'");
    let single = function("SingleAppRoleAssignment");
    let complex = function("AppRoleAssignmentsComplex");
    let assertive = function("AssertiveAppRoleAssignmentsComplex");
    check_line(&format!("target: {one}, {single}"), &[]);
    check_line(&format!("target: roles, {assertive}"), &[]);
    check_line(
        &format!("target: roles, {complex}"),
        &[
            "warning: spec.users.attributes[0].expression: column 1: with AppRoleAssignmentsComplex Entra adds roles and takes none away",
        ],
    );
    check_line(
        &format!("target: roles, {single}"),
        &["error: spec.users.attributes[0]: SingleAppRoleAssignment gives the name of one role"],
    );
    check_line(
        &format!("target: {one}, {assertive}"),
        &[
            "error: spec.users.attributes[0]: AssertiveAppRoleAssignmentsComplex gives roles with all their parts",
        ],
    );
    check_line(
        "target: roles, source: appRoleAssignments",
        &["error: spec.users.attributes[0].source: appRoleAssignments cannot be sent as it is"],
    );
}

#[test]
fn brackets_describe_an_element_that_entra_can_make() {
    check_line(
        "target: 'phoneNumbers[type eq \"mobile\"].value', source: mobile",
        &[],
    );
    check_line(
        "target: 'emails[type eq \"werk\"].value', source: mail",
        &[
            "warning: spec.users.attributes[0]: \"werk\" is not among the values of type that SCIM knows for emails: work, home, other",
        ],
    );
    check_line(
        "target: 'emails[type sw \"w\"].value', source: mail",
        &["error: spec.users.attributes[0]: [type sw \"w\"] does not say what to create"],
    );
}

#[test]
fn matching_attributes_are_tried_one_after_the_other() {
    let lines = |lines: &str| format!("  users: {{attributes: [{lines}]}}");
    check(
        &lines(
            "{target: userName, source: userPrincipalName, matchingPriority: 1}, {target: externalId, source: objectId, matchingPriority: 2}",
        ),
        &[],
    );
    check(
        &lines(
            "{target: userName, source: userPrincipalName, matchingPriority: 1}, {target: externalId, source: objectId, matchingPriority: 1}",
        ),
        &[
            "error: spec.users.attributes[1].matchingPriority: 1 is the matchingPriority of userName as well",
        ],
    );
    check(
        &lines("{target: title, source: displayName, matchingPriority: 1}"),
        &[
            "warning: spec.users.attributes[0].matchingPriority: several people may have the same title",
        ],
    );
    check(
        &lines("{target: externalId, source: employeeId, matchingPriority: 1}"),
        &[
            "warning: spec.users.attributes[0].matchingPriority: who has no value of employeeId cannot be matched",
        ],
    );
}

#[test]
fn a_matching_attribute_tells_people_apart_without_its_default() {
    check_line(
        "target: displayName, source: displayName, matchingPriority: 1",
        &[
            "warning: spec.users.attributes[0].matchingPriority: several people may have the same displayName",
        ],
    );
    check_line(
        "target: externalId, source: employeeId, default: none, matchingPriority: 1",
        &[
            "warning: spec.users.attributes[0].matchingPriority: who has no value of employeeId cannot be matched",
        ],
    );
}

#[test]
fn what_is_required_may_come_from_several_lines() {
    let tenant = tenant(
        "
  schema: {required: [userType, emails], userTypes: [Premium, Standard]}",
    );
    let check = |lines: &str, expected: &[&str]| {
        let checked = mapping::check(&people(lines).spec, &tenant.spec);
        let found: Vec<String> = checked.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{lines}");
    };
    let user_type = "      - {target: userType, source: companyName, default: Standard}\n";
    let work = "      - {target: 'emails[type eq \"work\"].value', source: mail}\n";
    let other = "      - {target: 'emails[type eq \"other\"].value', source: userPrincipalName}\n";
    let home = "      - {target: 'emails[type eq \"home\"].value', source: otherMail}\n";
    let unlisted = "spec.users.attributes[2].source: Microsoft lists no attribute otherMail of a user (did you mean otherMails?); unless Entra's portal offers it as a source, write one that it does, such as extensionAttribute1";
    check(&format!("{user_type}{work}{other}"), &[]);
    check(
        &format!("{user_type}{work}{home}"),
        &[
            unlisted,
            "spec.users.attributes[1]: emails is required and comes from mail and otherMail: whoever has none is refused; make sure that everybody has one, or write a default or expression: Coalesce([mail], [userPrincipalName])",
        ],
    );
    check(
        &format!("      - {{target: userType, source: companyName}}\n{other}"),
        &[
            "spec.users.attributes[0]: userType is required and comes from companyName: whoever has none is refused; make sure that everybody has one, or write default: Premium or default: Standard",
        ],
    );
}

#[test]
fn regular_expressions_of_scoping_filters_are_bounded_in_all() {
    let clause = "{attribute: mail, operator: REGEX MATCH, value: '(a?){900}'}";
    let filter = |count: usize| {
        let clauses = vec![clause; count].join(", ");
        format!("{{clauses: [{clauses}]}}")
    };
    let spec = |users: &str, groups: &str| {
        format!(
            "  users: {{attributes: [{{target: userName, source: userPrincipalName}}], scope: [{users}]}}\n  groups: {{enabled: true, scope: [{groups}]}}"
        )
    };
    let full = vec![filter(16); 16].join(", ");
    check(
        &spec(&full, &filter(1)),
        &["error: spec: the scoping filters have 257 regular expressions; at most 32 are read"],
    );
    let half = "{clauses: [{attribute: mail, operator: REGEX MATCH, value: a}]}";
    let half = vec![half; 16].join(", ");
    check(&spec(&half, &half), &[]);
}

#[test]
fn who_leaves_is_still_disabled() {
    check_line(
        "target: active, expression: 'Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")'",
        &[],
    );
    check_line(
        "target: active, constant: 'True'",
        &[
            "warning: spec.users.attributes[0].constant: a constant active disables nobody who leaves",
        ],
    );
    check_line(
        "target: active, source: accountEnabled, apply: OnlyDuringCreation",
        &["warning: spec.users.attributes[0].apply: OnlyDuringCreation disables nobody who leaves"],
    );
}

#[test]
fn scoping_filters_ask_for_what_entra_can_tell() {
    check_scope(
        "{attribute: department, operator: EQUALS, value: Sales}, {attribute: accountEnabled, operator: IS TRUE}",
        &[],
    );
    check_scope(
        "{attribute: departmnet, operator: EQUALS, value: Sales}",
        &[
            "warning: spec.users.scope[0].clauses[0].attribute: Microsoft lists no attribute departmnet of a user (did you mean department?)",
        ],
    );
    check_scope(
        "{attribute: shoeSize, operator: REGEX MATCH, value: '('}",
        &[
            "error: spec.users.scope[0].clauses[0]: \"(\" is no regular expression that can be used",
            "warning: spec.users.scope[0].clauses[0].attribute: Microsoft lists no attribute shoeSize",
        ],
    );
    check_scope(
        "{attribute: mail, operator: EQUALS, value: ana}, {attribute: mail, operator: REGEX MATCH, value: '('}",
        &["error: spec.users.scope[0].clauses[1]: \"(\" is no regular expression that can be used"],
    );
    for name in ["userType", "manager", "appRoleAssignments"] {
        check_scope(
            &format!("{{attribute: {name}, operator: IS NOT NULL}}"),
            &[&format!(
                "error: spec.users.scope[0].clauses[0].attribute: Entra's scoping filters do not take {name}"
            )],
        );
    }
    check_scope(
        "{attribute: otherMails, operator: IS NOT NULL}",
        &["error: spec.users.scope[0].clauses[0].attribute: otherMails has several values"],
    );
    check_scope(
        "{attribute: department, operator: IS TRUE}",
        &["error: spec.users.scope[0].clauses[0]: department is not boolean"],
    );
    check_scope(
        "{attribute: accountEnabled, operator: EQUALS, value: 'True'}",
        &[
            "error: spec.users.scope[0].clauses[0]: accountEnabled is boolean; write operator: IS TRUE",
        ],
    );
    check_scope(
        "{attribute: employeeId, operator: Greater_Than, value: ten}",
        &[
            "error: spec.users.scope[0].clauses[0]: Greater_Than compares whole numbers, got \"ten\"",
        ],
    );
    check_scope(
        "{attribute: mail, operator: REGEX MATCH, value: '('}",
        &["error: spec.users.scope[0].clauses[0]: \"(\" is no regular expression that can be used"],
    );
    check_scope(
        "{attribute: userPrincipalName, operator: IS NULL}",
        &["error: spec.users.scope[0].clauses[0]: every user has userPrincipalName"],
    );
}

#[test]
fn a_scoping_filter_that_contradicts_itself_is_refused() {
    check_scope(
        "{attribute: department, operator: EQUALS, value: Sales}, {attribute: department, operator: EQUALS, value: Legal}",
        &[
            "error: spec.users.scope[0].clauses[1]: department EQUALS Sales and department EQUALS Legal never hold together",
        ],
    );
    check_scope(
        "{attribute: mail, operator: IS NULL}, {attribute: mail, operator: ENDS_WITH, value: '.com'}",
        &[
            "error: spec.users.scope[0].clauses[1]: mail IS NULL and mail ENDS_WITH .com never hold together",
        ],
    );
}

#[test]
fn groups_have_lines_and_filters_of_their_own() {
    let users = "  users: {attributes: [{target: userName, source: userPrincipalName}]}\n";
    let groups = |groups: &str| format!("{users}  groups: {{enabled: true, {groups}}}");
    check(&groups("attributes: []"), &[]);
    check(
        &groups(
            "attributes: [{target: displayName, source: displayName, matchingPriority: 1}, {target: externalId, source: objectId}, {target: members, source: members}]",
        ),
        &[],
    );
    check(
        &groups(
            "attributes: [{target: displayName, source: jobTitle}, {target: members, source: members}]",
        ),
        &[
            "warning: spec.groups.attributes[0].source: Microsoft lists no attribute jobTitle of a group",
            "warning: spec.groups.attributes[0]: displayName is required",
        ],
    );
    check(
        &groups("attributes: [{target: displayName, source: displayName}]"),
        &["warning: spec.groups.attributes: no line has the target members"],
    );
    check(
        &groups(
            "attributes: [{target: displayName, source: displayName}, {target: members, source: displayName}]",
        ),
        &[
            "error: spec.groups.attributes[1]: members takes the ids of those whom Entra has provisioned; only a reference gives them: write source: members",
        ],
    );
    check(
        &groups("attributes: [{target: title, source: displayName}]"),
        &[
            "error: spec.groups.attributes[0]: target \"title\" is not an attribute",
            "warning: spec.groups.attributes: no line has the target displayName",
            "warning: spec.groups.attributes: no line has the target members",
        ],
    );
    check(
        &groups("scope: [{clauses: [{attribute: members, operator: IS NOT NULL}]}]"),
        &[
            "error: spec.groups.scope[0].clauses[0].attribute: Entra's scoping filters do not take members",
        ],
    );
}
