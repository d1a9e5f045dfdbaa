//! `usher mapping`: the expressions of mappings, explained and tried.

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::expression::{
    self, Environment, Expression, ExpressionError, Flow, Outcome, SourceObject, Value,
};

use super::output;

/// What to do with mappings.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the manual of the functions that expressions may call
    Functions {
        /// Only this function
        name: Option<String>,
    },
    /// Evaluate an expression for one person, as Entra would
    Try(Try),
}

/// An expression, and what it is evaluated for.
#[derive(Debug, clap::Args)]
struct Try {
    /// The expression, such as 'Split([jobTitle], ",")'
    #[arg(long)]
    expression: String,
    /// Entra's attributes of the person in JSON, such as '{"jobTitle": "Deck, Bridge"}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    person: String,
    #[arg(
        long,
        help = r#"Print {"outcome": "value|ignore_flow|error", "value": …, "error": …}, and exit with 0 whatever it is"#
    )]
    json: bool,
    #[arg(
        long,
        value_name = "TIME",
        help = "What Now() says [default: the present]"
    )]
    now: Option<Timestamp>,
    #[arg(long, value_name = "DOMAIN", help = "What DefaultDomain() says")]
    default_domain: Option<String>,
    /// A value that the target has already, which is not unique; may be repeated
    #[arg(long, value_name = "VALUE")]
    existing_value: Vec<String>,
    /// Evaluate both branches of IIF: one that fails fails it, taken or not
    #[arg(long)]
    eager_iif: bool,
    /// Take empty attributes for missing ones
    #[arg(long)]
    drop_empty: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Functions { name: None } => output::print(&expression::manual())?,
        Action::Functions { name: Some(name) } => {
            let manual = expression::manual_of(&name).map_err(anyhow::Error::msg)?;
            output::print(&manual)?;
        }
        Action::Try(args) => args.run()?,
    }
    Ok(())
}

impl Try {
    fn run(self) -> anyhow::Result<()> {
        let person = SourceObject::from_json(&self.person).context("--person cannot be used")?;
        let mut environment =
            Environment::at(self.now.unwrap_or_else(|| SystemClock.now()), &SystemRandom);
        environment.default_domain = self.default_domain;
        environment.eager_iif = self.eager_iif;
        environment.drop_empty_attributes = self.drop_empty;
        for value in &self.existing_value {
            environment.take(value);
        }
        let expression = Expression::parse(&self.expression);
        let outcome = match &expression {
            Ok(expression) => expression.evaluate(&person, &environment),
            Err(error) => Err(error.clone()),
        };
        if self.json {
            output::print(&format!("{}\n", as_json(&outcome)))?;
            return Ok(());
        }
        say(&outcome)?;
        environment.eager_iif = true;
        if let Ok(Err(error)) = expression.map(|it| it.evaluate(&person, &environment).map(drop)) {
            output::remark(&format!(
                "a branch of IIF that is not taken fails; Entra may evaluate it all the same: {error}\n"
            ));
        }
        Ok(())
    }
}

fn as_json(outcome: &Result<Outcome<'_>, ExpressionError>) -> Json {
    let (word, value, error) = match outcome {
        Ok(Outcome::Value(value)) => ("value", value.to_json(), None),
        Ok(Outcome::Ignored(_)) => ("ignore_flow", Json::Null, None),
        Err(error) => ("error", Json::Null, Some(error.to_string())),
    };
    json!({"outcome": word, "value": value, "error": error})
}

/// The value goes to standard output, one text on a line; what there is to say about it to standard error.
fn say(outcome: &Result<Outcome<'_>, ExpressionError>) -> anyhow::Result<()> {
    match outcome {
        Ok(Outcome::Value(Value::Null)) => {
            output::remark("no value: the default of the line applies when a person is created\n");
        }
        Ok(Outcome::Value(value)) => match value.to_json() {
            Json::Array(texts) => {
                for text in &texts {
                    print_text(text)?;
                }
                output::remark(&format!("a list of {}\n", texts.len()));
            }
            text => print_text(&text)?,
        },
        Ok(Outcome::Ignored(Flow::IgnoreAttribute)) => {
            output::remark("nothing flows: the attribute is left as it is\n");
        }
        Ok(Outcome::Ignored(Flow::IgnoreObject)) => {
            output::remark("nothing flows: the person is left as it is\n");
        }
        Err(error) => bail!("{error}\n{}", error.excerpt()),
    }
    Ok(())
}

fn print_text(text: &Json) -> anyhow::Result<()> {
    let text = text.as_str().unwrap_or_default();
    output::print(&format!("{text}\n"))?;
    Ok(())
}
