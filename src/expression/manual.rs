//! The manual of the functions, in Markdown, from their own entries.

use std::fmt;

use super::functions::{Example, Family, Function, Shown, families};

/// Everything there is to say about the functions.
pub fn manual() -> String {
    let mut text = String::from(
        "# Functions of expressions\n\n\
         What an `expression` of a UserMapping may call; `usher mapping functions` prints this page.\n\
         Arguments in brackets may be left out; one before others is left empty, as in `Switch([a], , \"b\", \"c\")`.\n\
         Names are found in any case. What Entra leaves open, and what is done here, is in\n\
         [compatibility.md](compatibility.md).\n\n\
         Examples take the present to be 2021-07-02 15:33:38 UTC, and the default domain to be contoso.com.\n",
    );
    text.extend(families().iter().map(ToString::to_string));
    text
}

/// What there is to say about one function, if there is one of that name.
pub fn manual_of(name: &str) -> Result<String, String> {
    let function = super::functions::named(name).ok_or_else(|| {
        let names = super::functions::all().map(|it| it.name);
        format!(
            "there is no function {name}{}",
            super::error::suggestion(name, names)
        )
    })?;
    Ok(function.to_string())
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\n## {}", self.title)?;
        for function in self.functions {
            write!(formatter, "\n{function}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "### {}\n\n`{}`\n", self.name, self.signature())?;
        let mut sentences = self.description.split('\n');
        writeln!(formatter, "{}", sentences.next().unwrap_or_default())?;
        for (index, mode) in sentences.enumerate() {
            let space = if index == 0 { "\n" } else { "" };
            writeln!(formatter, "{space}* {mode}")?;
        }
        writeln!(formatter, "\n```text")?;
        for example in self.examples {
            example.fmt(formatter)?;
        }
        writeln!(formatter, "```")
    }
}

impl fmt::Display for Example {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.expression)?;
        if self.object != "{}" {
            writeln!(formatter, "    of {}", self.object)?;
        }
        writeln!(formatter, "    {}", self.shows)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "is {text}"),
            Self::List(texts) => {
                formatter.write_str("is the list")?;
                for text in *texts {
                    write!(formatter, "\n        {text}")?;
                }
                Ok(())
            }
            Self::Ignored => formatter.write_str("does not flow"),
            Self::Like(pattern) => write!(formatter, "is like {pattern}"),
            Self::Error(problem) => write!(formatter, "fails: {problem}"),
        }
    }
}
