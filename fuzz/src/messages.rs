//! Messages of the contract: bytes of the wire to the domain's types and back.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use champion_market_data::artifact::{CuratedKey, FactsKey, HistoryKey, QuarantineKey, RawKey, StagedKey};
use champion_market_data::{ArtifactRef, CuratedArtifact, QuarantineArtifact, RawArtifact, RowCounts, StagedArtifact};
use champion_proto::artifact::v1 as artifact;
use champion_proto::{WireError, loader, orchestrator, parser, scraper, writer};
use prost::Message;

use crate::memory::peak_of;

/// The first byte says which message, the others are its bytes.
pub(crate) fn messages(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let (_, peak) = peak_of(|| match choice {
        0 => converts::<artifact::ArtifactRef, ArtifactRef>(bytes),
        1 => converts::<artifact::RawArtifact, RawArtifact>(bytes),
        2 => converts::<artifact::QuarantineArtifact, QuarantineArtifact>(bytes),
        3 => converts::<artifact::RowCounts, RowCounts>(bytes),
        4 => converts::<artifact::StagedArtifact, StagedArtifact>(bytes),
        5 => converts::<artifact::CuratedArtifact, CuratedArtifact>(bytes),
        6 => drop(travels::<scraper::v1::FetchRequest>(bytes)),
        7 => drop(travels::<scraper::v1::FetchResponse>(bytes)),
        8 => drop(travels::<parser::v1::ParseRequest>(bytes)),
        9 => drop(travels::<parser::v1::ParseResponse>(bytes)),
        10 => drop(travels::<writer::v1::WriteRequest>(bytes)),
        11 => drop(travels::<writer::v1::WriteResponse>(bytes)),
        12 => drop(travels::<loader::v1::LoadRequest>(bytes)),
        13 => drop(travels::<loader::v1::LoadResponse>(bytes)),
        14 => drop(travels::<orchestrator::v1::BackfillRequest>(bytes)),
        15 => drop(travels::<orchestrator::v1::RunEvent>(bytes)),
        16 => drop(travels::<orchestrator::v1::ListRunsResponse>(bytes)),
        17 => drop(travels::<orchestrator::v1::GetStatusResponse>(bytes)),
        18 => drop(travels::<artifact::Reference>(bytes).map(|reference| {
            champion_proto::parse_reference::<CuratedKey>("curated", &reference).map_err(|error| short(&error))
        })),
        _ => names(bytes),
    });
    // A repeated empty message is two bytes on the wire and a few hundred in memory.
    assert!(peak <= (1 << 20) + 1024 * data.len(), "{peak} bytes of memory for {} bytes", data.len());
}

/// A message comes back from the wire as it was sent.
fn travels<M: Message + Default + PartialEq + Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let again = M::decode(message.encode_to_vec().as_slice()).expect("what is encoded decodes");
    assert_eq!(again, message);
    Some(message)
}

/// What converts into the domain converts back, and once more into the same.
fn converts<M, D>(bytes: &[u8])
where
    M: Message + Default + PartialEq + Clone + Debug + From<D>,
    D: TryFrom<M, Error = WireError> + Clone + PartialEq + Debug,
{
    let Some(message) = travels::<M>(bytes) else { return };
    match D::try_from(message) {
        Ok(domain) => {
            let sent = M::from(domain.clone());
            let received = M::decode(sent.encode_to_vec().as_slice()).expect("what is encoded decodes");
            assert_eq!(received, sent);
            assert_eq!(D::try_from(received).as_ref(), Ok(&domain), "{sent:?}");
        }
        Err(error) => short(&error),
    }
}

/// Any text is taken or refused as a date, an instant and a hash.
fn names(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match champion_proto::parse_instant("at", text) {
        Ok(at) => assert_eq!(champion_proto::parse_instant("at", &champion_proto::instant(at)), Ok(at)),
        Err(error) => short(&error),
    }
    match champion_proto::parse_date("date", text) {
        Ok(date) => assert_eq!(date.to_string(), text),
        Err(error) => short(&error),
    }
    if let Err(error) = champion_proto::parse_name::<champion_market_data::Sha256>("sha256", text) {
        short(&error);
    }
    key::<RawKey>(text);
    key::<FactsKey>(text);
    key::<StagedKey>(text);
    key::<QuarantineKey>(text);
    key::<CuratedKey>(text);
    key::<HistoryKey>(text);
    if let Err(error) = champion_proto::parse_name::<champion_market_data::Table>("table", text) {
        short(&error);
    }
}

/// A key is of one thing, and reads as it is written.
fn key<K: FromStr + Display>(text: &str)
where
    K::Err: Display,
{
    match champion_proto::parse_name::<K>("key", text) {
        Ok(key) => assert_eq!(key.to_string(), text),
        Err(error) => short(&error),
    }
}

/// A refusal travels in a header of the answer: it has to stay short, whatever was sent.
fn short(error: &WireError) {
    let text = error.to_string();
    assert!(text.len() < 1024, "{} bytes of refusal", text.len());
}
