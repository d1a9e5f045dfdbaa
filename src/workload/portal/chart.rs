//! Bars of requests over time, drawn as SVG; a sentence says the same.

use jiff::Timestamp;

use super::parts::{At, counted};

/// Units from one bar to the next.
const STEP: u32 = 12;
/// Units of the greatest bar.
const HIGH: u64 = 100;
/// Where bars stand.
const GROUND: u64 = 119;
/// The times below the bars.
const LABELS: usize = 3;

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) at: Timestamp,
    pub(super) requests: u64,
    pub(super) failed: u64,
}

/// Bars over time.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) bars: Vec<Bar>,
}

/// A bar as it is drawn.
pub(super) struct Drawn {
    pub(super) class: &'static str,
    pub(super) x: u32,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) failed_y: Option<u64>,
}

impl Chart {
    pub(super) fn is_empty(&self) -> bool {
        self.bars.iter().all(|it| it.requests == 0)
    }

    fn most(&self) -> u64 {
        let all = self.bars.iter().map(|it| it.requests);
        all.max().unwrap_or_default().max(1)
    }

    pub(super) fn width(&self) -> u32 {
        STEP * u32::try_from(self.bars.len()).unwrap_or_default().max(1)
    }

    /// The bars that are there.
    pub(super) fn drawn(&self) -> Vec<Drawn> {
        let most = self.most();
        let drawn = self.bars.iter().zip((0..).step_by(STEP as usize));
        let drawn = drawn.filter(|(bar, _)| bar.requests > 0);
        drawn
            .map(|(bar, x)| {
                let height = (bar.requests.saturating_mul(HIGH) / most).max(3);
                let y = GROUND - height;
                Drawn {
                    class: if bar.requests.saturating_mul(5) < most {
                        "quiet"
                    } else {
                        "busy"
                    },
                    x: x + 2,
                    y,
                    height,
                    failed_y: (bar.failed > 0).then_some(y - 8),
                }
            })
            .collect()
    }

    /// What somebody hears who does not see the bars.
    pub(super) fn text(&self) -> String {
        let all: u64 = self.bars.iter().map(|it| it.requests).sum();
        let failed: u64 = self.bars.iter().map(|it| it.failed).sum();
        let requests = counted(all, "request", "requests");
        let refused = counted(failed, "was", "were");
        match self.bars.iter().max_by_key(|it| it.requests) {
            Some(most) => {
                let (count, at) = (most.requests, most.at.strftime("%Y-%m-%d %H:%M"));
                format!("{requests}, most of them ({count}) from {at} UTC on; {refused} refused.")
            }
            None => format!("{requests}; {refused} refused."),
        }
    }

    /// The first time, one in the middle, and the last.
    pub(super) fn axis(&self) -> Vec<At> {
        let last = self.bars.len().saturating_sub(1);
        let places = (0..LABELS).map(|it| last * it / (LABELS - 1));
        let bars = places.filter_map(|it| self.bars.get(it));
        bars.map(|it| At::on_axis(it.at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn chart(counts: &[(u64, u64)]) -> Chart {
        let begin: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let bars = counts
            .iter()
            .zip(0..)
            .map(|(&(requests, failed), hour)| Bar {
                at: begin + SignedDuration::from_hours(hour),
                requests,
                failed,
            });
        Chart {
            title: "Requests",
            bars: bars.collect(),
        }
    }

    #[test]
    fn bars_stand_on_the_ground_and_stay_in_the_picture() {
        let chart = chart(&[(0, 0), (1, 1), (u64::MAX / 200, 3)]);

        let drawn = chart.drawn();

        assert_eq!(drawn.len(), 2);
        assert!(drawn.iter().all(|it| it.y + it.height == GROUND));
        assert_eq!(drawn[0].height, 3);
        assert_eq!(drawn[1].height, HIGH);
        assert!(drawn.iter().all(|it| it.failed_y.is_some()));
        assert!(drawn.iter().all(|it| it.x < chart.width()));
    }

    #[test]
    fn a_sentence_says_what_the_bars_show() {
        let chart = chart(&[(4, 0), (38, 1)]);
        assert_eq!(
            chart.text(),
            "42 requests, most of them (38) from 2026-11-23 13:00 UTC on; 1 was refused."
        );
        assert_eq!(chart.axis().len(), LABELS);
        assert!(self::chart(&[(0, 0)]).is_empty());
        assert!(self::chart(&[]).axis().is_empty());
    }
}
