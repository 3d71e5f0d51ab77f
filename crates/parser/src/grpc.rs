//! The gRPC face: decode, call, encode, map errors to a status.

use std::sync::Arc;

use champion_market_data::artifact::RawKey;
use champion_proto::parse_name;
use champion_proto::parser::v1 as wire;
use champion_proto::parser::v1::parse_response::Outcome;
use champion_service::ErrorKind;
use tonic::{Request, Response, Status, async_trait};
use tracing::error;

use crate::ParseError;
use crate::parse::{Parse, Parser};
use crate::report::Report;

/// The service behind `champion.parser.v1.ParserService`.
#[derive(Debug, Clone)]
pub(crate) struct ParserGrpc {
    parser: Arc<Parser>,
}

impl ParserGrpc {
    pub(crate) fn new(parser: Parser) -> Self {
        Self { parser: Arc::new(parser) }
    }
}

#[async_trait]
impl wire::parser_service_server::ParserService for ParserGrpc {
    async fn parse(&self, request: Request<wire::ParseRequest>) -> Result<Response<wire::ParseResponse>, Status> {
        let wire::ParseRequest { run_id, raw_key, again, fencing_token } = request.into_inner();
        let raw: RawKey = parse_name("raw_key", &raw_key)?;
        self.parser.check_fencing_token(fencing_token).await.map_err(|error| status(&raw, &error))?;
        let parse = self.parser.parse(&run_id, &raw, again).await.map_err(|error| status(&raw, &error))?;
        Ok(Response::new(parse.into()))
    }
}

fn status(raw: &RawKey, error: &ParseError) -> Status {
    let kind = error.kind();
    if kind == ErrorKind::Internal || kind == ErrorKind::Corrupt {
        error!(key = %raw, %error, "parse failed");
    }
    kind.status(error.to_string())
}

impl From<Parse> for wire::ParseResponse {
    fn from(parse: Parse) -> Self {
        let outcome = match parse {
            Parse::Parsed { mut report, reused } => Outcome::Parsed(wire::Parsed {
                staged: std::mem::take(&mut report.staged).into_iter().map(Into::into).collect(),
                report: Some(report.into()),
                reused,
            }),
            Parse::Refused { refusal, quarantine } => Outcome::Refused(wire::Refused {
                code: refusal.code.as_str().to_owned(),
                reason: refusal.reason,
                counts: Some(refusal.counts.into()),
                quarantine: Some(quarantine.into()),
            }),
        };
        Self { outcome: Some(outcome) }
    }
}

impl From<Report> for wire::Report {
    fn from(report: Report) -> Self {
        Self {
            era: report.era.to_string(),
            counts: Some(report.counts.into()),
            warnings: report.warnings.into_iter().collect(),
            failures: report.failures.into_iter().collect(),
            quarantine: report.quarantine.map(Into::into),
            actions: report.actions.into_iter().collect(),
        }
    }
}
