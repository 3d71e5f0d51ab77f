//! The look after `champion quarantine replay`: what of the file is still set aside, and whether the session is right now.

use champion_market_data::{Dataset, TradeDate};
use serde_json::json;

use crate::args::Place;
use crate::audit::{self, Audit};
use crate::exit::Exit;
use crate::render::count;

/// What the look found.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    /// Lines of the file that are still set aside, the one about the whole file included.
    lines: u64,
    audit: Audit,
}

/// Looks at a file and its session once more, says what remains and returns how the command ends.
///
/// # Errors
/// Fails when warehouse or loader cannot be reached.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) async fn look(
    place: &Place,
    source_sha256: &str,
    (dataset, date): (Dataset, TradeDate),
    ran: Exit,
) -> anyhow::Result<Exit> {
    let sql = "SELECT count() FROM quarantine_current WHERE source_sha256 = ?";
    let lines = place.warehouse()?.query(sql).bind(source_sha256).fetch_one::<u64>().await?;
    let loader = std::env::var("CHAMPION_LOADER_URL").ok();
    let audit = audit::look(place, loader, Some(dataset), (Some(date), Some(date))).await?;
    let look = Look { lines, audit };
    if place.json {
        let answer = json!({"event": "second_look", "set_aside": look.lines, "audit": audit::json(&look.audit)});
        println!("{answer}");
    } else {
        println!("{}", words(&look));
    }
    Ok(exit(&look, ran))
}

/// A run that failed has failed; otherwise the look decides.
fn exit(look: &Look, ran: Exit) -> Exit {
    match (ran, audit::exit(&look.audit)) {
        (Exit::Done, Exit::Done) if look.lines > 0 => Exit::Incomplete,
        (Exit::Done, looked) => looked,
        (ran, _) => ran,
    }
}

fn words(look: &Look) -> String {
    let aside = match look.lines {
        0 => "nothing of the file is set aside any more".to_owned(),
        lines => format!("{} of the file's lines are still set aside", count(lines)),
    };
    format!("{}\n{aside}", audit::words(&look.audit))
}

#[cfg(test)]
mod tests {
    use champion_proto::loader::v1::AuditSummary;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn looked(lines: u64, differences: u64) -> Look {
        let summary = AuditSummary { sessions: 1, differences, explained: 0 };
        Look { lines, audit: Audit { differences: Vec::new(), summary } }
    }

    #[test]
    fn promise_42_a_replay_ends_well_only_if_nothing_of_the_file_is_set_aside_and_the_session_is_in() {
        assert_eq!(exit(&looked(0, 0), Exit::Done), Exit::Done);
        assert_eq!(exit(&looked(3, 0), Exit::Done), Exit::Incomplete);
        assert_eq!(exit(&looked(0, 1), Exit::Done), Exit::Incomplete);
        assert_eq!(exit(&looked(0, 0), Exit::Failed), Exit::Failed);
        assert!(words(&looked(3, 0)).ends_with("3 of the file's lines are still set aside"));
    }

    proptest! {
        #[test]
        fn promise_42_whatever_a_replay_says_its_end_is_that_of_the_look_after_it(
            lines in 0_u64..4, differences in 0_u64..4, ran in select(vec![Exit::Done, Exit::Failed, Exit::Incomplete]),
        ) {
            let ended = exit(&looked(lines, differences), ran);
            let nothing_remains = lines == 0 && differences == 0;
            prop_assert_eq!(ended == Exit::Done, nothing_remains && ran == Exit::Done);
        }
    }
}
