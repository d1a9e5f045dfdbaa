//! Objects as `kubectl get` prints them: the columns are those of the definitions.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::api::{self, Kind};

/// Blanks between two columns, as kubectl has them.
const PADDING: usize = 3;

/// The columns of every kind.
#[derive(Debug)]
pub(super) struct Tables(Vec<(Kind, String, Vec<Column>)>);

#[derive(Debug)]
struct Column {
    title: String,
    path: JsonPath,
    is_date: bool,
}

/// What to print where a time is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ages {
    /// How long ago, seen from now.
    Until(Timestamp),
    /// Whether there is a time at all: the same as long as nothing happens.
    Hidden,
}

impl Tables {
    /// The columns in the definitions that this program would install.
    pub(super) fn of_our_kinds() -> Self {
        let tables = api::custom_resource_definitions()
            .into_iter()
            .filter_map(|crd| {
                let kind = Kind::ALL
                    .into_iter()
                    .find(|it| it.as_str() == crd.spec.names.kind)?;
                let name = format!(
                    "{}.{}",
                    crd.spec.names.singular.unwrap_or_default(),
                    crd.spec.group
                );
                let columns = crd
                    .spec
                    .versions
                    .into_iter()
                    .next()?
                    .additional_printer_columns?;
                let shown = columns
                    .into_iter()
                    .filter(|it| it.priority.unwrap_or(0) == 0);
                let columns = shown.map(|it| Column {
                    title: it.name.to_uppercase(),
                    // Kubernetes leaves the root out; apart from that its paths are those of RFC 9535.
                    path: JsonPath::parse(&format!("${}", it.json_path))
                        .expect("our columns have paths"),
                    is_date: it.type_ == "date",
                });
                Some((kind, name, columns.collect()))
            });
        Self(tables.collect())
    }

    /// The table of `objects`, which are all of `kind`; nothing when there are none.
    pub(super) fn rendered(&self, kind: Kind, objects: &[Value], ages: Ages) -> String {
        let Some((_, prefix, columns)) = self.0.iter().find(|it| it.0 == kind) else {
            return String::new();
        };
        if objects.is_empty() {
            return String::new();
        }
        let mut rows = vec![["NAMESPACE", "NAME"].map(str::to_owned).to_vec()];
        rows[0].extend(columns.iter().map(|it| it.title.clone()));
        for object in objects {
            let text = |key: &str| {
                object["metadata"][key]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let mut row = vec![text("namespace"), format!("{prefix}/{}", text("name"))];
            row.extend(columns.iter().map(|it| it.cell(object, ages)));
            rows.push(row);
        }
        aligned(&rows)
    }
}

impl Column {
    fn cell(&self, object: &Value, ages: Ages) -> String {
        let found = self.path.query(object);
        match (found.first(), ages) {
            (None | Some(Value::Null), _) => String::new(),
            (Some(Value::String(time)), Ages::Until(now)) if self.is_date => {
                time.parse::<Timestamp>().map_or_else(
                    |_| "<invalid>".to_owned(),
                    |since| age(now.duration_since(since)),
                )
            }
            (Some(_), Ages::Hidden) if self.is_date => "·".to_owned(),
            (Some(Value::String(text)), _) => text.clone(),
            (Some(other), _) => other.to_string(),
        }
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|it| it.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                width - cell.chars().count() + PADDING,
            ));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A duration as kubectl shortens it: two units at most, and only as exact as it matters.
fn age(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: i64, name: &str, small: i64, unit: &str| {
        if small == 0 {
            format!("{large}{name}")
        } else {
            format!("{large}{name}{small}{unit}")
        }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_are_shortened_as_kubectl_does() {
        for (seconds, expected) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (599, "9m59s"),
            (3599, "59m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (864_000, "10d"),
        ] {
            assert_eq!(
                age(SignedDuration::from_secs(seconds)),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn columns_are_those_of_the_definitions() {
        let object = json!({
            "metadata": {"namespace": "identity", "name": "contoso", "creationTimestamp": "2026-11-24T12:00:00Z"},
            "spec": {"host": "contoso.id.example.com"},
            "status": {"users": 51, "conditions": [{"type": "Stalled", "status": "No"}, {"type": "Ready", "status": "True"}]}
        });
        let now = "2026-11-24T12:03:00Z".parse().unwrap();

        let table = Tables::of_our_kinds().rendered(Kind::ScimTenant, &[object], Ages::Until(now));

        assert_eq!(
            table,
            "NAMESPACE   NAME                           READY   HOST                     USERS   ACTIVE   GROUPS   AGE\n\
             identity    scimtenant.usher.dev/contoso   True    contoso.id.example.com   51                        3m\n"
        );
    }
}
