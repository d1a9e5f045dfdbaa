//! `usher mapping`: mappings tried, previewed, and exchanged with Entra; their expressions explained.

mod declared;
mod people;
mod preview;
mod schema;
mod table;

pub(super) use declared::Which;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::expression::{
    self, Environment, Expression, ExpressionError, Flow, Outcome, SourceObject, Value,
};

use super::output;
use crate::plan::mapping::person::untaken;

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
    /// Show what an expression or a UserMapping comes to for sample people, as Entra would evaluate it
    Try(Box<Try>),
    /// Show what a UserMapping would do to a directory: who would be created, changed, disabled or refused, and why
    Preview(Box<preview::Args>),
    /// Print a UserMapping as Entra's synchronization schema
    Export(schema::Export),
    /// Print a synchronization schema of Entra as a UserMapping
    Import(schema::Import),
}

/// An expression or a mapping, and what it is evaluated for.
#[derive(Debug, clap::Args)]
struct Try {
    #[command(flatten)]
    which: Which,
    /// Sample people: a JSON array of objects with Entra's attributes, or CSV with their names in the first line
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "expression",
        requires = "paths"
    )]
    people: Option<PathBuf>,
    /// The expression, such as 'Split([jobTitle], ",")'
    #[arg(long, conflicts_with = "paths")]
    expression: Option<String>,
    /// Entra's attributes of the person in JSON, such as '{"jobTitle": "Deck, Bridge"}'
    #[arg(
        long,
        value_name = "JSON",
        default_value = "{}",
        conflicts_with = "paths"
    )]
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

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Functions { name: None } => output::print(&expression::manual())?,
        Action::Functions { name: Some(name) } => {
            let manual = expression::manual_of(&name).map_err(anyhow::Error::msg)?;
            output::print(&manual)?;
        }
        Action::Try(args) => args.run()?,
        Action::Preview(args) => args.run().await?,
        Action::Export(args) => args.run()?,
        Action::Import(args) => args.run()?,
    }
    Ok(())
}

impl Try {
    fn run(self) -> anyhow::Result<()> {
        let mut environment =
            Environment::at(self.now.unwrap_or_else(|| SystemClock.now()), &SystemRandom);
        environment.default_domain = self.default_domain;
        environment.eager_iif = self.eager_iif;
        environment.drop_empty_attributes = self.drop_empty;
        for value in &self.existing_value {
            environment.take(value);
        }
        match (self.expression, self.people) {
            (Some(expression), _) => {
                let person =
                    SourceObject::from_json(&self.person).context("--person cannot be used")?;
                one(&expression, &person, environment, self.json)
            }
            (None, Some(people)) => {
                let declared = self.which.read()?;
                let people = people::read(&people)?;
                let mut eager = environment.clone();
                eager.eager_iif = true;
                let table = table::of(&declared, &people, [&environment, &eager]);
                output::print(&if self.json {
                    format!("{}\n", serde_json::to_string(&table)?)
                } else {
                    table::drawn(&table)
                })?;
                Ok(())
            }
            (None, None) => bail!("give --expression, or a UserMapping with --people"),
        }
    }
}

/// Says what one expression comes to for one person.
fn one(
    expression: &str,
    person: &SourceObject,
    mut environment: Environment<'_>,
    json: bool,
) -> anyhow::Result<()> {
    let expression = Expression::parse(expression);
    let outcome = evaluated(&expression, person, &environment);
    if json {
        return Ok(output::print(&format!("{}\n", as_json(&outcome)))?);
    }
    say(&outcome)?;
    environment.eager_iif = true;
    if let Err(error) = evaluated(&expression, person, &environment) {
        output::remark(&format!("{}\n", untaken(&error)));
    }
    Ok(())
}

fn evaluated<'a>(
    expression: &'a Result<Expression, ExpressionError>,
    person: &'a SourceObject,
    environment: &'a Environment<'a>,
) -> Result<Outcome<'a>, ExpressionError> {
    expression
        .as_ref()
        .map_err(Clone::clone)?
        .evaluate(person, environment)
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

/// The text of a file, without the mark that editors of Windows put before it.
fn text(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim_start_matches('\u{FEFF}').to_owned())
}

/// The JSON in a file.
fn json(path: &Path) -> anyhow::Result<Json> {
    serde_json::from_str(&text(path)?).with_context(|| format!("{} is not JSON", path.display()))
}

fn print_text(text: &Json) -> anyhow::Result<()> {
    let text = text.as_str().unwrap_or_default();
    output::print(&format!("{text}\n"))?;
    Ok(())
}
