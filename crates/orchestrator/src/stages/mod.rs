//! The stages as the orchestrator calls them: domain types in, domain types out, patience between.

mod answer;
mod error;
mod peer;

use champion_market_data::{
    CuratedArtifact, Dataset, Exchange, QuarantineArtifact, RawArtifact, StagedArtifact, TradeDate,
};
use champion_proto::loader::v1 as loader;
use champion_proto::loader::v1::loader_service_client::LoaderServiceClient;
use champion_proto::parser::v1 as parser;
use champion_proto::parser::v1::parser_service_client::ParserServiceClient;
use champion_proto::scraper::v1 as scraper;
use champion_proto::scraper::v1::scraper_service_client::ScraperServiceClient;
use champion_proto::writer::v1 as writer;
use champion_proto::writer::v1::writer_service_client::WriterServiceClient;
use champion_service::ClientTlsConfig;
use champion_service::channel::{ChannelError, ChannelOptions, ServiceChannel, connect_lazy_with};
use champion_telemetry::grpc::ClientLayer;
use tokio_util::sync::CancellationToken;

pub(crate) use answer::{Fetched, Loaded, ParseAnswer, Written};
pub(crate) use error::{StageError, Trouble};

use crate::config::{StageConfig, StagesConfig};
use crate::feed::Feed;
use crate::vocabulary::Stage;
use peer::{Patience, Peer};

/// Clients of the four stages.
pub(crate) struct Stages {
    scraper: Peer<ScraperServiceClient<ServiceChannel>>,
    parser: Peer<ParserServiceClient<ServiceChannel>>,
    writer: Peer<WriterServiceClient<ServiceChannel>>,
    loader: Peer<LoaderServiceClient<ServiceChannel>>,
    patience: Patience,
}

/// On whose behalf a stage is called.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) run_id: &'a str,
    /// The epoch of the orchestrator that calls.
    pub(crate) fencing_token: u64,
    /// Ends waits between attempts; a call in progress comes to its end.
    pub(crate) stop: &'a CancellationToken,
    /// Where the run's clients are told of a wait.
    pub(crate) feed: &'a Feed,
}

impl Stages {
    /// Makes the clients; nothing connects before the first call.
    ///
    /// # Errors
    /// [`ChannelError`] for a URL that is none and for files of TLS that cannot be used.
    pub(crate) fn connect(
        config: &StagesConfig,
        tls: &ClientTlsConfig,
        layer: &ClientLayer,
    ) -> Result<Self, ChannelError> {
        let channel = |stage: &StageConfig| {
            let connect_timeout = std::time::Duration::from_millis(config.connect_timeout_ms.get());
            let options = ChannelOptions { timeout: stage.deadline(), connect_timeout, tls: tls.clone() };
            connect_lazy_with(&stage.url, &options, layer)
        };
        let (scraper, parser) = (&config.scraper, &config.parser);
        let (writer, loader) = (&config.parquet_writer, &config.clickhouse_loader);
        Ok(Self {
            scraper: Peer::new(Stage::Fetch, scraper, ScraperServiceClient::new(channel(scraper)?)),
            parser: Peer::new(Stage::Parse, parser, ParserServiceClient::new(channel(parser)?)),
            writer: Peer::new(Stage::Write, writer, WriterServiceClient::new(channel(writer)?)),
            loader: Peer::new(Stage::Load, loader, LoaderServiceClient::new(channel(loader)?)),
            patience: Patience::new(config),
        })
    }

    /// Fetches one report, or learns why there is none; `recheck` asks the exchange although the report is there.
    pub(crate) async fn fetch(
        &self,
        caller: Caller<'_>,
        dataset: Dataset,
        exchange: Exchange,
        trade_date: TradeDate,
        recheck: bool,
    ) -> Result<Fetched, StageError> {
        let request = scraper::FetchRequest {
            run_id: caller.run_id.to_owned(),
            dataset: dataset.to_string(),
            exchange: exchange.to_string(),
            trade_date: trade_date.to_string(),
            recheck,
            fencing_token: caller.fencing_token,
        };
        let response = self
            .scraper
            .ask(&self.patience, caller, request, |mut client, request| async move { client.fetch(request).await })
            .await?;
        answer::fetched(response, dataset, exchange, trade_date).map_err(|reason| self.scraper.bad_answer(reason))
    }

    /// Parses one raw artifact; `again` decodes it although that was done before.
    pub(crate) async fn parse(
        &self,
        caller: Caller<'_>,
        raw: &RawArtifact,
        again: bool,
    ) -> Result<ParseAnswer, StageError> {
        let Caller { run_id, fencing_token, .. } = caller;
        let raw_key = raw.artifact.key.clone();
        let request = parser::ParseRequest { run_id: run_id.to_owned(), raw_key, again, fencing_token };
        let response = self
            .parser
            .ask(&self.patience, caller, request, |mut client, request| async move { client.parse(request).await })
            .await?;
        answer::parsed(response, raw).map_err(|reason| self.parser.bad_answer(reason))
    }

    /// Writes staged artifacts; the results come in their order.
    pub(crate) async fn write(
        &self,
        caller: Caller<'_>,
        staged: &[StagedArtifact],
    ) -> Result<Vec<Written>, StageError> {
        let request = writer::WriteRequest {
            run_id: caller.run_id.to_owned(),
            staged_keys: staged.iter().map(|staged| staged.artifact.key.clone()).collect(),
            fencing_token: caller.fencing_token,
        };
        let response = self
            .writer
            .ask(&self.patience, caller, request, |mut client, request| async move { client.write(request).await })
            .await?;
        answer::written(response, staged).map_err(|reason| self.writer.bad_answer(reason))
    }

    /// Loads curated artifacts and rows that were set aside; the results of the former come in their order.
    pub(crate) async fn load(
        &self,
        caller: Caller<'_>,
        curated: &[CuratedArtifact],
        quarantine: &[QuarantineArtifact],
    ) -> Result<Vec<Loaded>, StageError> {
        let request = loader::LoadRequest {
            run_id: caller.run_id.to_owned(),
            curated: curated.iter().map(|curated| (&curated.artifact).into()).collect(),
            quarantine: quarantine.iter().map(|rows| (&rows.artifact).into()).collect(),
            fencing_token: caller.fencing_token,
        };
        let response = self
            .loader
            .ask(&self.patience, caller, request, |mut client, request| async move { client.load(request).await })
            .await?;
        answer::loaded(response, curated).map_err(|reason| self.loader.bad_answer(reason))
    }
}
