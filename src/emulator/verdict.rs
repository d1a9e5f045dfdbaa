//! What Entra would think of a server.

use std::fmt;

use serde::Serialize;

use super::client::Connection;
use super::cycle::Summary;
use super::job::Job;
use super::shapes::ShapeCount;

/// Failed objects, in percent, from which a larger job would be in quarantine.
const MOST_PERCENT: u64 = 40;

/// A judgement, with its reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Why Entra would put the job into quarantine.
    pub quarantine: Option<String>,
    /// Objects that failed by now, and all.
    pub failed: [usize; 2],
    /// Requests that changed something although nothing had changed since they were sent before: the server does not give values back
    /// as it got them. None if that was not tried.
    pub needless_writes: Option<u64>,
    /// Shapes of requests that were not taken.
    pub failed_shapes: Vec<FailedShape>,
    /// What is wrong with answers that Entra puts up with.
    pub remarks: Vec<String>,
}

/// A shape that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedShape {
    /// The request without its values.
    pub shape: String,
    /// Requests of this shape, and how many of them failed.
    pub sent: u64,
    /// How many failed.
    pub failed: u64,
    /// The first failure.
    pub first: String,
    /// Operations of its request.
    pub operations: Option<String>,
}

/// Judges by what the job has come to and what was answered. `again` is a cycle after a restart, before which nothing had changed.
pub fn verdict(connection: &Connection, job: &Job, again: Option<&Summary>) -> Verdict {
    let [users, groups, failed] = job.counts();
    let all = users + groups + job.unlinked_escrows();
    let percent = 100 * failed as u64 / (all as u64).max(1);
    let quarantine = match job.quarantine() {
        Some(it) => Some(format!("{}: {}", it.reason, it.detail)),
        None if percent > MOST_PERCENT => Some(format!(
            "{failed} of {all} objects failed; with 5,000 failures or more that is EncounteredEscrowProportionThreshold"
        )),
        None => None,
    };
    let counts = connection.shapes().counts();
    let failed_shapes = counts
        .iter()
        .filter_map(|(shape, count)| failed_shape(shape, count));
    let remarks = counts
        .iter()
        .flat_map(|(shape, count)| count.remarks.iter().map(move |it| format!("{shape}: {it}")));
    Verdict {
        quarantine,
        failed: [failed, all],
        needless_writes: again.map(Summary::writes),
        failed_shapes: failed_shapes.collect(),
        remarks: remarks.collect(),
    }
}

fn failed_shape(shape: &str, count: &ShapeCount) -> Option<FailedShape> {
    let (failure, body) = count.first_failure.as_ref()?;
    Some(FailedShape {
        shape: shape.to_owned(),
        sent: count.sent,
        failed: count.failed,
        first: failure.to_string(),
        operations: body.as_ref().map(|it| match &it["Operations"] {
            serde_json::Value::Null => it.to_string(),
            operations => operations.to_string(),
        }),
    })
}

impl Verdict {
    /// Whether Entra would provision into the server without a word.
    pub fn is_good(&self) -> bool {
        let is_needless = self.needless_writes.is_some_and(|it| it > 0);
        self.quarantine.is_none()
            && self.failed[0] == 0
            && self.failed_shapes.is_empty()
            && !is_needless
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [failed, all] = self.failed;
        match &self.quarantine {
            Some(why) => writeln!(
                formatter,
                "VERDICT  Entra would quarantine this server: {why}"
            )?,
            None if self.is_good() => writeln!(
                formatter,
                "VERDICT  Entra provisions into this server: no failure"
            )?,
            None => writeln!(
                formatter,
                "VERDICT  no quarantine, and not all is well: {failed} of {all} objects failed"
            )?,
        }
        match self.needless_writes {
            Some(0) => writeln!(formatter, "  a second look changes nothing")?,
            Some(writes) => writeln!(
                formatter,
                "  a second look writes {writes} times although nothing has changed: values do not come back as they were sent"
            )?,
            None => {}
        }
        for it in &self.failed_shapes {
            writeln!(
                formatter,
                "  {} of {} failed: {}",
                it.failed, it.sent, it.shape
            )?;
            writeln!(formatter, "    {}", it.first)?;
            if let Some(operations) = &it.operations {
                let short: String = operations.chars().take(300).collect();
                writeln!(formatter, "    sent {short}")?;
            }
        }
        for it in &self.remarks {
            writeln!(formatter, "  remark: {it}")?;
        }
        Ok(())
    }
}
