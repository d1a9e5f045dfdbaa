//! From tokens to a tree: recursive descent, one function for each production.
//!
//! ```text
//! expression = operand [ comparator operand ]
//! operand    = call | "[" attribute "]" | text | number | word
//! call       = name "(" [ slot { "," slot } ] ")"
//! slot       = [ expression ]                        an empty slot is an omitted argument
//! ```

mod hints;

use super::bounds::{MAX_DEPTH, MAX_EXPRESSION_CHARS, MAX_PATTERN_SIZE, MAX_PATTERNS};
use super::error::{Fault, Span, quoted, suggestion};
use super::functions::{self, Accepts, Function, Need};
use super::pattern::{self, Budget, Pattern};
use super::syntax::{Call, Comparison, Kind, Node, Slot};
use super::token::{Comparator, Token, Tokens};
use super::value::Flow;
use hints::{arguments, loose_word, no_operator, said};

/// The tree of `source`.
pub(super) fn parse(source: &str) -> Result<Node, Fault> {
    // Entra counts as .NET does, in UTF-16.
    let length = source.encode_utf16().count();
    if length > MAX_EXPRESSION_CHARS {
        let problem =
            format!("the expression has {length} characters; at most {MAX_EXPRESSION_CHARS}");
        return Err(Fault::new(Span::new(0, 0), problem));
    }
    let mut tokens = Tokens::of(source);
    let (token, span) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        token,
        span,
        depth: 0,
        patterns: 0,
        automata: MAX_PATTERN_SIZE,
    };
    if parser.token == Token::End {
        let problem =
            "the expression is empty; write an attribute such as [mail], a text or a function";
        return Err(Fault::new(span, problem));
    }
    let node = parser.expression(&Place::TOP)?;
    match parser.token {
        Token::End => Ok(node),
        Token::Close => Err(parser.fault("this ) closes nothing")),
        Token::Comma => {
            Err(parser.fault("a comma stands only between the arguments of a function"))
        }
        ref other => {
            let problem = format!(
                "the expression ends before {}; remove the rest",
                said(other)
            );
            Err(parser.fault(problem))
        }
    }
}

struct Parser<'s> {
    tokens: Tokens<'s>,
    /// The token that is looked at.
    token: Token<'s>,
    span: Span,
    depth: usize,
    patterns: usize,
    /// Bytes of automata that may still be built.
    automata: usize,
}

/// Where an expression stands: what its place takes, and whether it is the outermost.
struct Place<'p> {
    accepts: &'p Accepts,
    is_top: bool,
}

impl Place<'_> {
    const TOP: Place<'static> = Place {
        accepts: &Accepts::Any,
        is_top: true,
    };
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(), Fault> {
        (self.token, self.span) = self.tokens.next()?;
        Ok(())
    }

    fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(self.span, problem)
    }

    fn expression(&mut self, place: &Place<'_>) -> Result<Node, Fault> {
        let left = self.operand(place)?;
        let Token::Comparator(comparator) = self.token else {
            return Ok(left);
        };
        if !matches!(place.accepts, Accepts::Condition) {
            let problem = format!(
                "{} compares only in the condition of IIF or in CBool; write CBool(… {0} …)",
                comparator.as_str()
            );
            return Err(self.fault(problem));
        }
        self.comparison(left, comparator)
    }

    fn comparison(&mut self, left: Node, comparator: Comparator) -> Result<Node, Fault> {
        self.advance()?;
        let inside = Place {
            accepts: &Accepts::Condition,
            is_top: false,
        };
        let right = self.operand(&inside)?;
        if matches!(self.token, Token::Comparator(_)) {
            let problem = "two comparisons in a row; nest IIF, on its true branch for and, on its false branch for or";
            return Err(self.fault(problem));
        }
        let span = Span::new(left.span.start, right.span.end);
        let comparison = Comparison {
            left,
            comparator,
            right,
        };
        Ok(Node {
            kind: Kind::Comparison(Box::new(comparison)),
            span,
        })
    }

    fn operand(&mut self, place: &Place<'_>) -> Result<Node, Fault> {
        let span = self.span;
        let kind = match &mut self.token {
            Token::Attribute(name) => Kind::Attribute((*name).to_owned()),
            Token::Text(text) => {
                let text = std::mem::take(text);
                if matches!(place.accepts, Accepts::Pattern) {
                    self.pattern(text)?
                } else {
                    Kind::Text(text)
                }
            }
            Token::Number(spelling) => Kind::Number((*spelling).to_owned()),
            Token::Hexadecimal(spelling) => hexadecimal(spelling, span)?,
            Token::Word(word) => {
                let word = *word;
                self.advance()?;
                return if self.token == Token::Open {
                    self.call(word, span, place)
                } else {
                    let kind = bare_word(word, span, place)?;
                    Ok(Node { kind, span })
                };
            }
            other => {
                let problem = format!(
                    "{} stands where an attribute, a text, a number or a function is wanted",
                    said(other)
                );
                return Err(self.fault(problem));
            }
        };
        self.advance()?;
        Ok(Node { kind, span })
    }

    fn pattern(&mut self, text: String) -> Result<Kind, Fault> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let problem = format!("there are more than {MAX_PATTERNS} regular expressions");
            return Err(self.fault(problem));
        }
        let mut spend = pattern::from_what_is(&mut self.automata);
        let pattern = Pattern::new(&text, &mut Budget::new(&mut spend)).map(Box::new);
        Ok(Kind::Pattern(text, pattern))
    }

    fn call(&mut self, name: &str, span: Span, place: &Place<'_>) -> Result<Node, Fault> {
        let function = function(name, span)?;
        if function.top_only && !place.is_top {
            let problem = format!("{} must be the outermost function", function.name);
            return Err(Fault::new(span, problem));
        }
        if function.drops_flow && matches!(place.accepts, Accepts::Condition) {
            let problem = format!("{} is no condition; put it around the IIF", function.name);
            return Err(Fault::new(span, problem));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let problem = format!("functions are nested more than {MAX_DEPTH} deep");
            return Err(Fault::new(span, problem));
        }
        let opening = self.span;
        self.advance()?;
        let slots = self.slots(function, opening)?;
        let end = self.span.end;
        self.advance()?;
        self.depth -= 1;
        let call = Call {
            function,
            slots,
            span,
        };
        complete(&call, end)?;
        Ok(Node {
            kind: Kind::Call(Box::new(call)),
            span: Span::new(span.start, end),
        })
    }

    /// The slots up to the closing parenthesis, at which this stops.
    fn slots(&mut self, function: &'static Function, opening: Span) -> Result<Vec<Slot>, Fault> {
        let mut slots = Vec::new();
        if self.token == Token::Close {
            return Ok(slots);
        }
        loop {
            slots.push(self.slot(function, slots.len())?);
            match &self.token {
                Token::Comma => self.advance()?,
                Token::Close => return Ok(slots),
                Token::End => {
                    let problem = format!("the parenthesis of {} is not closed", function.name);
                    return Err(Fault::new(opening, problem));
                }
                other => {
                    let problem = format!(
                        "{}: a comma or ) is wanted before {}{}",
                        function.name,
                        said(other),
                        no_operator(other)
                    );
                    return Err(self.fault(problem));
                }
            }
        }
    }

    fn slot(&mut self, function: &'static Function, index: usize) -> Result<Slot, Fault> {
        let start = self.span;
        if matches!(self.token, Token::Comma | Token::Close) {
            return Ok(Slot {
                node: None,
                span: Span::new(start.start, start.start),
            });
        }
        if self.token == Token::End {
            let problem = format!(
                "{}: the expression ends within its arguments",
                function.name
            );
            return Err(self.fault(problem));
        }
        // How many there will be is not known here, and matters only for what is judged when all are read.
        let Some(parameter) = function.parameter(index, usize::MAX) else {
            let problem = format!(
                "{} takes {}, and this is argument {}; it is written {}",
                function.name,
                arguments(function.parameters.len()),
                index + 1,
                function.signature()
            );
            return Err(self.fault(problem));
        };
        let place = Place {
            accepts: &parameter.accepts,
            is_top: false,
        };
        let node = self.expression(&place)?;
        let span = node.span;
        Ok(Slot {
            node: Some(node),
            span,
        })
    }
}

/// Whether the slots are as many as the function takes, and none is empty that must not be.
fn complete(call: &Call, end: usize) -> Result<(), Fault> {
    let Call {
        function,
        slots,
        span,
    } = call;
    let whole = Span::new(span.start, end);
    for (index, slot) in slots.iter().enumerate() {
        match function.parameter(index, slots.len()) {
            None => {
                let problem = format!(
                    "{} takes {}, and there are {}; it is written {}",
                    function.name,
                    arguments(function.parameters.len()),
                    slots.len(),
                    function.signature()
                );
                return Err(Fault::new(whole, problem));
            }
            Some(parameter)
                if slot.node.is_none()
                    && !matches!(parameter.need, Need::Optional | Need::Omissible) =>
            {
                let problem = format!(
                    "{}, argument {}: must not be empty",
                    function.name, parameter.name
                );
                return Err(Fault::new(slot.span, problem));
            }
            Some(_) => {}
        }
    }
    let missing = (slots.len()..function.parameters.len())
        .filter_map(|it| function.parameter(it, slots.len()))
        .find(|it| it.need == Need::Required);
    if let Some(missing) = missing {
        let problem = format!(
            "{}: the argument {} is missing; it is written {}",
            function.name,
            missing.name,
            function.signature()
        );
        return Err(Fault::new(whole, problem));
    }
    if let Some(check) = function.check {
        check(slots)
            .map_err(|problem| Fault::new(whole, format!("{}: {problem}", function.name)))?;
    }
    Ok(())
}

fn function(name: &str, span: Span) -> Result<&'static Function, Fault> {
    functions::named(name).ok_or_else(|| {
        let near = suggestion(name, functions::all().map(|it| it.name));
        let problem = match name.to_ascii_lowercase().as_str() {
            "and" => "there is no And; nest IIF on its true branch".to_owned(),
            "or" => "there is no Or; nest IIF on its false branch".to_owned(),
            "if" => "there is no function If; write IIF".to_owned(),
            _ => format!(
                "there is no function {}{near}",
                quoted(name).trim_matches('"')
            ),
        };
        Fault::new(span, problem)
    })
}

fn hexadecimal(spelling: &str, span: Span) -> Result<Kind, Fault> {
    let digits = &spelling[2..];
    match u64::from_str_radix(digits, 16) {
        Ok(number) => Ok(Kind::Hexadecimal(number.cast_signed(), spelling.to_owned())),
        Err(_) => Err(Fault::new(
            span,
            "the number is too big; it has 16 digits at most",
        )),
    }
}

/// A word that is no function stands only where its enumeration is wanted, and the flow markers where a value is.
fn bare_word(word: &str, span: Span, place: &Place<'_>) -> Result<Kind, Fault> {
    if let Accepts::Word(known) = place.accepts {
        let chosen = super::arguments::word(known, word);
        return chosen.map(Kind::Word).map_err(|it| Fault::new(span, it));
    }
    let flow = [Flow::IgnoreAttribute, Flow::IgnoreObject]
        .into_iter()
        .find(|it| it.as_str().eq_ignore_ascii_case(word));
    match flow {
        Some(flow) if matches!(place.accepts, Accepts::Any) => Ok(Kind::Flow(flow)),
        Some(_) => {
            let problem = format!("{word} stands only for a whole value, as in a branch of IIF");
            Err(Fault::new(span, problem))
        }
        None => Err(Fault::new(span, loose_word(word))),
    }
}
