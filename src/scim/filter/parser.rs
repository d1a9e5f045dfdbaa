//! A recursive descent over the filter grammar; its depth and its terms are bounded.

use jiff::Timestamp;
use serde_json::Number;

use crate::scim::bounds::MAX_FILTER_DEPTH;
use crate::scim::bounds::MAX_FILTER_TERMS;
use crate::scim::deviation::Deviation;
use crate::scim::filter::Comparison;
use crate::scim::filter::Filter;
use crate::scim::filter::Literal;
use crate::scim::filter::Operator;
use crate::scim::scanner::Scanner;
use crate::scim::scanner::SyntaxError;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::sub_attribute;
use crate::scim::value::parse_boolean;

/// What attribute names mean at a place of the filter.
#[derive(Clone, Copy)]
enum Scope<'s> {
    Resource(&'s ResourceSchema),
    /// Inside the brackets of a list.
    Element(&'s Attribute),
}

/// A filter being read.
pub(crate) struct Parser<'t, 's> {
    pub(crate) scanner: Scanner<'t>,
    scope: Scope<'s>,
    depth: usize,
    terms: usize,
    /// Where it had to be generous.
    pub(crate) deviations: Vec<Deviation>,
}

/// A name with its definition.
type Named<'s> = (AttributePath, &'s Attribute);

impl<'t, 's> Parser<'t, 's> {
    /// Reads a whole text as a filter.
    pub(crate) fn filter(
        text: &'t str,
        schema: &'s ResourceSchema,
    ) -> Result<(Filter, Vec<Deviation>), SyntaxError> {
        let mut parser = Self::new(text, schema)?;
        let filter = parser.or()?;
        parser.end()?;
        Ok((filter, parser.deviations))
    }

    pub(crate) fn new(text: &'t str, schema: &'s ResourceSchema) -> Result<Self, SyntaxError> {
        let scanner = Scanner::new(text)?;
        Ok(Self {
            scanner,
            scope: Scope::Resource(schema),
            depth: 0,
            terms: 0,
            deviations: Vec::new(),
        })
    }

    /// Nothing but spaces may follow.
    pub(crate) fn end(&mut self) -> Result<(), SyntaxError> {
        self.scanner.skip_spaces();
        if self.scanner.is_at_end() {
            return Ok(());
        }
        Err(self.scanner.error("nothing is expected here"))
    }

    fn or(&mut self) -> Result<Filter, SyntaxError> {
        let mut terms = vec![self.and()?];
        while self.another("or") {
            terms.push(self.and()?);
        }
        Ok(Filter::any(terms))
    }

    fn and(&mut self) -> Result<Filter, SyntaxError> {
        let mut terms = vec![self.term()?];
        while self.another("and") {
            terms.push(self.term()?);
        }
        Ok(Filter::all(terms))
    }

    fn another(&mut self, keyword: &str) -> bool {
        self.scanner.skip_spaces();
        self.scanner.keyword(keyword)
    }

    fn term(&mut self) -> Result<Filter, SyntaxError> {
        self.scanner.skip_spaces();
        if self.scanner.is_at('(') {
            return self.nested('(', ')');
        }
        let before = self.scanner.clone();
        if self.scanner.keyword("not") {
            self.scanner.skip_spaces();
            if self.scanner.is_at('(') {
                return Ok(Filter::Not(Box::new(self.nested('(', ')')?)));
            }
            self.scanner = before;
        }
        self.attribute_term()
    }

    /// A filter between two brackets, one level deeper.
    fn nested(&mut self, opening: char, closing: char) -> Result<Filter, SyntaxError> {
        if self.depth == MAX_FILTER_DEPTH {
            let message = format!("more than {MAX_FILTER_DEPTH} levels of brackets are not read");
            return Err(self.scanner.error(message));
        }
        self.depth += 1;
        self.scanner.expect(opening)?;
        let filter = self.or()?;
        self.scanner.skip_spaces();
        self.scanner.expect(closing)?;
        self.depth -= 1;
        Ok(filter)
    }

    fn attribute_term(&mut self) -> Result<Filter, SyntaxError> {
        let before = self.scanner.clone();
        let (attribute, definition) = self.name()?;
        if !self.scanner.is_at('[') {
            return self.comparison(attribute, definition, &before);
        }
        let inner = self.brackets(definition)?;
        let filter = if self.scanner.take('.') {
            // Entra: `emails[type eq "work"].value eq "x"` is one more condition on the element.
            self.deviations.push(Deviation::ValuePathFilter);
            let before = self.scanner.clone();
            let outer = std::mem::replace(&mut self.scope, Scope::Element(definition));
            let (sub, definition) = self.name()?;
            self.scope = outer;
            Filter::all(vec![inner, self.comparison(sub, definition, &before)?])
        } else {
            inner
        };
        Ok(Filter::Element {
            attribute,
            filter: Box::new(filter),
        })
    }

    /// `[…]` behind the name of a list: a filter on its elements.
    pub(crate) fn brackets(&mut self, list: &'s Attribute) -> Result<Filter, SyntaxError> {
        if !list.multi_valued {
            let message = format!("{} is not a list, so brackets do not apply", list.name);
            return Err(self.scanner.error(message));
        }
        let outer = std::mem::replace(&mut self.scope, Scope::Element(list));
        let filter = self.nested('[', ']')?;
        self.scope = outer;
        Ok(filter)
    }

    /// An attribute that exists where we are.
    pub(crate) fn name(&mut self) -> Result<Named<'s>, SyntaxError> {
        let before = self.scanner.clone();
        let word = self.scanner.word();
        if word.is_empty() {
            return Err(before.error("the name of an attribute is missing"));
        }
        match self.scope {
            Scope::Resource(schema) => match schema.resolve(word) {
                Some(Resolved::Attribute { path, target, .. }) => {
                    if schema.has_dotted_urn(word) {
                        self.deviations.push(Deviation::DottedUrn);
                    }
                    Ok((path, target))
                }
                Some(Resolved::Extension(_)) => {
                    Err(before.error("an attribute is missing behind the URN of the extension"))
                }
                None => Err(before.error("there is no such attribute in the schema")),
            },
            Scope::Element(list) => element_name(list, word)
                .ok_or_else(|| before.error(format!("{} has no such sub-attribute", list.name))),
        }
    }

    fn comparison(
        &mut self,
        attribute: AttributePath,
        definition: &'s Attribute,
        start: &Scanner<'t>,
    ) -> Result<Filter, SyntaxError> {
        self.terms += 1;
        if self.terms > MAX_FILTER_TERMS {
            let message = format!("more than {MAX_FILTER_TERMS} comparisons are not read");
            return Err(self.scanner.error(message));
        }
        self.scanner.skip_spaces();
        if self.scanner.keyword("pr") {
            return Ok(Filter::Present(attribute));
        }
        let before = self.scanner.clone();
        let operator = Operator::parse(self.scanner.word()).ok_or_else(|| {
            before.error("an operator is expected: eq, ne, co, sw, ew, gt, ge, lt, le or pr")
        })?;
        let (attribute, definition) = comparable(attribute, definition).ok_or_else(|| {
            start.error(format!(
                "{} is an object; compare one of its sub-attributes",
                definition.name
            ))
        })?;
        self.scanner.skip_spaces();
        let before = self.scanner.clone();
        let value = self.literal(definition.type_, operator, &before)?;
        Ok(Filter::Compare(Comparison {
            attribute,
            operator,
            value,
            case_exact: definition.case_exact,
        }))
    }

    /// A value of the attribute's type; Entra's older samples leave the quotes away.
    fn literal(
        &mut self,
        type_: AttributeType,
        operator: Operator,
        before: &Scanner<'t>,
    ) -> Result<Literal, SyntaxError> {
        let is_text = !matches!(
            type_,
            AttributeType::Boolean | AttributeType::Integer | AttributeType::Decimal
        );
        let text = if self.scanner.is_at('"') {
            if !is_text {
                self.deviations.push(match type_ {
                    AttributeType::Boolean => Deviation::StringBoolean,
                    _ => Deviation::StringNumber,
                });
            }
            self.scanner.quoted()?
        } else {
            let word = self.scanner.word();
            if word.is_empty() {
                return Err(before.error("a value is missing behind the operator"));
            }
            if word.eq_ignore_ascii_case("null") {
                return match operator {
                    Operator::Equal | Operator::NotEqual => Ok(Literal::Null),
                    _ => Err(before.error("null can only be compared by eq and ne")),
                };
            }
            if is_text {
                self.deviations.push(Deviation::UnquotedValue);
            }
            word.to_owned()
        };
        if operator.is_textual() {
            return if is_text {
                Ok(Literal::Text(text))
            } else {
                Err(before.error("co, sw and ew apply to texts only"))
            };
        }
        match type_ {
            AttributeType::Boolean => match operator {
                Operator::Equal | Operator::NotEqual => parse_boolean(&text)
                    .map(Literal::Boolean)
                    .ok_or_else(|| before.error("true or false is expected")),
                _ => Err(before.error("true and false can only be compared by eq and ne")),
            },
            AttributeType::Integer | AttributeType::Decimal => {
                serde_json::from_str::<Number>(&text)
                    .map(Literal::Number)
                    .map_err(|_| before.error("a number is expected"))
            }
            AttributeType::DateTime => text
                .parse::<Timestamp>()
                .map(Literal::Time)
                .map_err(|_| before.error("a time such as 2026-01-31T08:00:00Z is expected")),
            AttributeType::String
            | AttributeType::Reference
            | AttributeType::Binary
            | AttributeType::Complex => Ok(Literal::Text(text)),
        }
    }
}

/// A sub-attribute of a list's elements; the elements of a simple list are their own `value`.
fn element_name<'s>(list: &'s Attribute, word: &str) -> Option<Named<'s>> {
    if list.type_ != AttributeType::Complex {
        return word
            .eq_ignore_ascii_case("value")
            .then(|| (AttributePath::core("value"), list));
    }
    let (name, definition) = sub_attribute(list, word)?;
    Some((AttributePath::core(&name), definition))
}

/// What is compared when a filter names `attribute`: a complex one is compared by its `value`.
fn comparable(attribute: AttributePath, definition: &Attribute) -> Option<Named<'_>> {
    if definition.type_ != AttributeType::Complex {
        return Some((attribute, definition));
    }
    let value = definition.sub_attribute("value")?;
    Some((
        attribute.with_sub_attribute(Some(value.name.clone())),
        value,
    ))
}
