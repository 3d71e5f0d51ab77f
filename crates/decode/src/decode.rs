//! The two doors of the crate: decode a file, or only look into it.

use champion_market_data::{Dataset, Sha256};

use crate::equity::{Bhavcopy, FullBhavcopy};
use crate::{Decoded, Inspection, Limits, Refusal, Request, container, corporate_actions, equity};

/// Version of the decoders; raised when the same bytes give other tables than before.
pub const DECODER_VERSION: u32 = 2;

/// Decodes a file into its tables. The bhavcopies are taken as plain CSV and as a zip archive of one CSV file; the
/// format is recognised from the content, whatever the date.
///
/// # Errors
/// Returns why the whole file is refused. Single bad rows do not refuse it: they are in [`Decoded::quarantined`].
pub fn decode(bytes: &[u8], request: &Request) -> Result<Decoded, Refusal> {
    let sha256 = Sha256::of(bytes);
    match request.dataset {
        Dataset::Bhavcopy => {
            let text = container::open(bytes, &request.limits)?;
            equity::decode::<Bhavcopy>(&text, request, sha256)
        }
        Dataset::FullBhavcopy => {
            let text = container::open(bytes, &request.limits)?;
            equity::decode::<FullBhavcopy>(&text, request, sha256)
        }
        Dataset::CorporateActions => corporate_actions::decode(bytes, request, sha256),
    }
}

/// Looks into a file without building tables: which format, which date, how many rows.
///
/// # Errors
/// Returns why the whole file would be refused, as far as a cheap look shows it.
pub fn inspect(bytes: &[u8], dataset: Dataset) -> Result<Inspection, Refusal> {
    match dataset {
        Dataset::Bhavcopy | Dataset::FullBhavcopy => {
            equity::inspect(&container::open(bytes, &Limits::default())?, dataset)
        }
        Dataset::CorporateActions => corporate_actions::inspect(bytes),
    }
}
