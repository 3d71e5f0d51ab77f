//! What a look after a repair says of what the look before it found: pure.

use super::{Finding, Repair};

/// Joins the findings before and after a repair. What the second look finds remains, whatever the repair took itself to
/// have done; what only the second look finds is a finding of its own.
pub(super) fn judged(first: Vec<Finding>, mut second: Vec<Finding>) -> Vec<Finding> {
    let mut all = Vec::with_capacity(first.len());
    for mut finding in first {
        // Moving bytes aside makes a missing file of a damaged one: it is the same trouble under another key.
        let same_key = |other: &Finding| (other.zone, &other.key) == (finding.zone, &finding.key);
        let same_session =
            |other: &Finding| other.zone == finding.zone && other.session.is_some() && other.session == finding.session;
        let position = second.iter().position(same_key).or_else(|| second.iter().position(same_session));
        finding.remains = position.is_some();
        if let Some(position) = position {
            let now = second.remove(position);
            finding.detail = format!("{}; after the repair: {} ({})", finding.detail, now.detail, now.problem);
            if finding.repair == Repair::Restored {
                finding.repair = Repair::NeedsReplay;
            }
        }
        all.push(finding);
    }
    all.extend(second);
    all
}

#[cfg(test)]
mod tests {
    use champion_market_data::{Dataset, Exchange};

    use super::*;
    use crate::verify::{Problem, Zone};

    fn finding(key: &str, repair: Repair) -> Finding {
        Finding {
            zone: Zone::Curated,
            problem: Problem::Flipped,
            key: key.to_owned(),
            detail: "before".to_owned(),
            repair,
            moved_to: None,
            session: key.parse().ok().map(|date| (Dataset::Bhavcopy, Exchange::Nse, date)),
            remains: true,
        }
    }

    #[test]
    fn promise_42_only_what_the_second_look_no_longer_finds_is_restored() {
        let first = vec![
            finding("2025-02-24", Repair::Restored),
            finding("a", Repair::Restored),
            finding("b", Repair::NeedsReplay),
        ];
        let second = vec![finding("a", Repair::None), finding("new", Repair::None)];
        let judged: Vec<(String, Repair, bool)> =
            judged(first, second).into_iter().map(|found| (found.key, found.repair, found.remains)).collect();
        let expected = [
            ("2025-02-24", Repair::Restored, false),
            ("a", Repair::NeedsReplay, true),
            ("b", Repair::NeedsReplay, false),
            ("new", Repair::None, true),
        ];
        assert_eq!(judged, expected.map(|(key, repair, remains)| (key.to_owned(), repair, remains)));
    }
}
