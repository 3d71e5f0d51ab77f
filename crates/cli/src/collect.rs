//! `champion collect`: what nobody needs leaves the lake.

use champion_proto::writer::v1::{CollectRequest, Collected};
use serde_json::json;

use crate::args::Place;
use crate::exit::Exit;
use crate::render::{count, size, table};

/// Removes what is no longer needed, or shows what that is.
///
/// # Errors
/// Fails when the writer cannot be reached or the lake fails.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) async fn run(place: &Place, writer: Option<String>, dry_run: bool) -> anyhow::Result<Exit> {
    let answer = place.writer(writer)?.collect(CollectRequest { remove: !dry_run }).await?.into_inner();
    let kinds = [("staged", answer.staged), ("leftovers", answer.leftovers), ("history", answer.history)];
    let kinds = kinds.map(|(name, collected)| (name, collected.unwrap_or_default()));
    if place.json {
        let of = |Collected { objects, bytes }| json!({"objects": objects, "bytes": bytes});
        let [staged, leftovers, history] = kinds.map(|(_, collected)| of(collected));
        let removed = answer.removed;
        println!("{}", json!({"removed": removed, "staged": staged, "leftovers": leftovers, "history": history}));
        return Ok(Exit::Done);
    }
    let row =
        |(name, Collected { objects, bytes }): (&str, Collected)| vec![name.to_owned(), count(objects), size(bytes)];
    println!("{}", table(&["what", "objects", "bytes"], &["objects", "bytes"], kinds.map(row).to_vec()));
    if answer.removed {
        println!("removed");
    } else {
        println!("nothing was removed; --dry-run=false removes this");
    }
    Ok(Exit::Done)
}
