//! The life of the service.

use champion_lake::Lake;
use champion_market_data::TradeDate;
use champion_proto::parser::v1::parser_service_server::ParserServiceServer;
use champion_proto::{DESCRIPTORS, MAX_MESSAGE_BYTES};
use champion_service::{Listeners, Server, Shutdown};
use champion_telemetry::Registry;
use chrono::Utc;

use crate::Error;
use crate::config::Config;
use crate::grpc::ParserGrpc;
use crate::metrics::Metrics;
use crate::parse::Parser;

/// Serves until the shutdown.
///
/// # Errors
/// Fails when the configuration is invalid, the lake cannot be opened or the server fails.
pub async fn run(config: Config, listeners: Listeners, registry: Registry, shutdown: Shutdown) -> Result<(), Error> {
    config.validate()?;
    let lake = Lake::open(&config.lake.folder)?;
    let metrics = Metrics::register(&registry, TradeDate::at(Utc::now()))?;
    let parser = Parser::new(&config, lake, metrics, Utc::now);
    let service = ParserServiceServer::new(ParserGrpc::new(parser)).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Server::new(listeners, registry, &config.server)
        .add_service(service)
        .reflection(DESCRIPTORS)
        .serve(shutdown)
        .await?;
    Ok(())
}
