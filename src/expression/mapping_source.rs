//! An expression as Microsoft Graph has it: the tree of `attributeMappingSource`.

use serde_json::{Value as Json, json};

use super::Expression;
use super::syntax::{Call, Kind, Node};

/// Names that Graph gives to parameters, where they are others than those of the manual; from schemas that Microsoft has published.
const OTHER_NAMES: &[(&str, &str, &str)] = &[
    ("Replace", "oldValue", "Find"),
    ("Replace", "replacementValue", "Replacement"),
    ("SingleAppRoleAssignment", "appRoleAssignments", "source"),
    ("Switch", "key", "switchValue"),
    ("Switch", "value", "switchValue"),
];

impl Expression {
    /// `{type, name, expression, parameters}`. The text is the one that was read; what stands within it is written anew.
    pub fn mapping_source(&self) -> Json {
        let mut source = of(&self.root);
        source["expression"] = self.source.as_str().into();
        source
    }
}

/// The tree of a source that is an attribute.
pub fn attribute_source(name: &str) -> Json {
    leaf("Attribute", name, &format!("[{name}]"))
}

/// The tree of a source that is a constant.
pub fn constant_source(text: &str) -> Json {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    leaf("Constant", text, &format!("\"{escaped}\""))
}

fn leaf(type_: &str, name: &str, expression: &str) -> Json {
    json!({"type": type_, "name": name, "expression": expression, "parameters": []})
}

fn of(node: &Node) -> Json {
    match &node.kind {
        Kind::Attribute(name) => attribute_source(name),
        Kind::Text(text) | Kind::Pattern(text, _) => constant_source(text),
        // Graph has numbers and words as texts.
        Kind::Number(_) | Kind::Hexadecimal(..) | Kind::Word(_) | Kind::Flow(_) => {
            constant_source(&node.to_string())
        }
        Kind::Comparison(_) => leaf("Function", &node.to_string(), &node.to_string()),
        Kind::Call(call) => json!({
            "type": "Function",
            "name": call.function.name,
            "expression": node.to_string(),
            "parameters": parameters(call),
        }),
    }
}

/// An omitted argument is left out, a repeated one has the same key again.
fn parameters(call: &Call) -> Vec<Json> {
    let count = call.slots.len();
    let slots = call.slots.iter().enumerate();
    let parameters = slots.filter_map(|(index, slot)| {
        let node = slot.node.as_ref()?;
        let name = call.function.parameter(index, count)?.name;
        let other = OTHER_NAMES
            .iter()
            .find(|(function, own, _)| *function == call.function.name && *own == name);
        let key = other.map_or(name, |(_, _, other)| other);
        Some(json!({"key": key, "value": of(node)}))
    });
    parameters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &Json) {
        let read = Expression::parse(expression).expect("an expression");
        assert_eq!(read.mapping_source(), *expected, "{expression}");
    }

    /// The tree without its empty lists of parameters, to be read more easily.
    fn shape(source: &Json) -> String {
        let name = source["name"].as_str().expect("a name");
        let parameters = source["parameters"].as_array().expect("parameters");
        let below = parameters.iter().map(|it| {
            let key = it["key"].as_str().expect("a key");
            format!("{key}: {}", shape(&it["value"]))
        });
        match source["type"].as_str() {
            Some("Function") => format!("{name}({})", below.collect::<Vec<_>>().join(", ")),
            Some("Attribute") => format!("[{name}]"),
            _ => format!("{name:?}"),
        }
    }

    #[test]
    fn a_tree_is_what_graph_makes_of_the_expression() {
        // As published with `parseExpression`.
        check(
            r#"Split([extensionAttribute5], ",")"#,
            &json!({"type": "Function", "name": "Split", "expression": "Split([extensionAttribute5], \",\")", "parameters": [
                {"key": "source", "value": {"type": "Attribute", "name": "extensionAttribute5", "expression": "[extensionAttribute5]", "parameters": []}},
                {"key": "delimiter", "value": {"type": "Constant", "name": ",", "expression": "\",\"", "parameters": []}},
            ]}),
        );
        check(
            "[mail]",
            &json!({"type": "Attribute", "name": "mail", "expression": "[mail]", "parameters": []}),
        );
    }

    #[test]
    fn parameters_have_the_names_of_published_schemas() {
        let check = |expression: &str, expected: &str| {
            let read = Expression::parse(expression).expect("an expression");
            assert_eq!(shape(&read.mapping_source()), expected);
        };
        check(
            r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#,
            r#"Switch(source: [IsSoftDeleted], switchValue: "False", switchValue: "True", switchValue: "True", switchValue: "False")"#,
        );
        check(
            r#"Join(" ", [givenName], [surname])"#,
            r#"Join(separator: " ", source: [givenName], source: [surname])"#,
        );
        check(
            "Mid([userPrincipalName], 1, 8)",
            r#"Mid(source: [userPrincipalName], start: "1", length: "8")"#,
        );
        check(
            r#"Replace([preferredLanguage], "-", , , "_", , )"#,
            r#"Replace(source: [preferredLanguage], Find: "-", Replacement: "_")"#,
        );
        check(
            "SingleAppRoleAssignment([appRoleAssignments])",
            "SingleAppRoleAssignment(source: [appRoleAssignments])",
        );
    }
}
