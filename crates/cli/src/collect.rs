//! `champion collect`: what nobody needs leaves the lake.

use champion_proto::writer::v1::{CollectFailure, CollectRequest, CollectResponse, Collected};
use serde_json::json;

use crate::args::Place;
use crate::exit::Exit;
use crate::render::{count, harmless, say, say_json, short_key, size, table};

/// Failures a person takes in at once; `--json` has more.
const MOST_SHOWN: usize = 100;

/// Removes what is no longer needed, or shows what that is. What could not be removed ends with its own code.
///
/// # Errors
/// Fails when the writer cannot be reached or the lake cannot be listed.
pub(crate) async fn run(place: &Place, writer: Option<String>, dry_run: bool) -> anyhow::Result<Exit> {
    let answer = place.writer(writer)?.collect(CollectRequest { remove: !dry_run }).await?.into_inner();
    if place.json {
        say_json(json(&answer));
    } else {
        say(words(&answer));
    }
    Ok(exit(&answer))
}

/// What is left although it was to go remains.
const fn exit(answer: &CollectResponse) -> Exit {
    if answer.failures_total == 0 { Exit::Done } else { Exit::Incomplete }
}

fn kinds(answer: &CollectResponse) -> [(&'static str, Collected); 4] {
    let CollectResponse { staged, leftovers, history, locks, .. } = *answer;
    [("staged", staged), ("leftovers", leftovers), ("history", history), ("locks", locks)]
        .map(|(name, collected)| (name, collected.unwrap_or_default()))
}

fn json(answer: &CollectResponse) -> serde_json::Value {
    let mut object = json!({"removed": answer.removed, "failures_total": answer.failures_total});
    for (name, Collected { objects, bytes }) in kinds(answer) {
        object[name] = json!({"objects": objects, "bytes": bytes});
    }
    let failure =
        |CollectFailure { kind, key, reason }: &CollectFailure| json!({"kind": kind, "key": key, "reason": reason});
    object["failures"] = answer.failures.iter().map(failure).collect();
    object
}

fn words(answer: &CollectResponse) -> String {
    let row =
        |(name, Collected { objects, bytes }): (&str, Collected)| vec![name.to_owned(), count(objects), size(bytes)];
    let mut text =
        table(&["what", "objects", "bytes"], &["objects", "bytes"], kinds(answer).map(row).to_vec()).to_string();
    text.push_str(if answer.removed { "\nremoved" } else { "\nnothing was removed; --dry-run=false removes this" });
    if answer.failures_total > 0 {
        let row = |CollectFailure { kind, key, reason }: &CollectFailure| {
            vec![harmless(kind), short_key(key), harmless(reason)]
        };
        let rows = answer.failures.iter().take(MOST_SHOWN).map(row).collect();
        let remain = count(answer.failures_total);
        text = format!(
            "{}\n{text}; {remain} could not be looked at or removed",
            table(&["what", "key", "why"], &[], rows)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_removed_is_named_and_ends_with_its_own_code() {
        let failure =
            CollectFailure { kind: "staged".to_owned(), key: "staged/a".to_owned(), reason: "why".to_owned() };
        let some = Some(Collected { objects: 2, bytes: 9 });
        let mut answer = CollectResponse { removed: true, locks: some, ..CollectResponse::default() };
        assert_eq!(exit(&answer), Exit::Done);
        assert!(words(&answer).ends_with("removed"));
        (answer.failures, answer.failures_total) = (vec![failure], 1);
        assert_eq!(exit(&answer), Exit::Incomplete);
        assert!(words(&answer).contains("staged/a") && words(&answer).ends_with("1 could not be looked at or removed"));
        assert_eq!(
            (&json(&answer)["locks"]["objects"], &json(&answer)["failures"][0]["reason"]),
            (&json!(2), &json!("why"))
        );
    }
}
