//! A call for an orchestrator that leads no longer.

use champion_lake::testing::lead_times;
use champion_proto::scraper::v1::FetchRequest;
use tonic::Code;

use crate::exchange::file;
use crate::harness::{DATE, full_bhavcopy, request, start};

#[tokio::test]
async fn promise_47_for_a_superseded_orchestrator_no_exchange_is_asked_and_nothing_kept() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    lead_times(&scraper.lake, 2).await.expect("two led");
    let call = async |fencing_token| {
        let request = FetchRequest { fencing_token, ..request("full_bhavcopy", DATE) };
        scraper.client.clone().fetch(request).await
    };
    let refused = call(1).await.expect_err("it does not lead");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("superseded by orchestrator epoch 2"), "{refused}");
    assert!(scraper.lake.list("raw").await.expect("listed").is_empty());
    // The one reply of the exchange is still there for the one that leads.
    call(2).await.expect("it leads");
    assert!(!scraper.lake.list("raw").await.expect("listed").is_empty());
}
