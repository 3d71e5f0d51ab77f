//! A call for an orchestrator that leads no longer.

use champion_lake::testing::lead_times;
use champion_proto::parser::v1::ParseRequest;
use tonic::Code;

use crate::files::udiff_bhavcopy;
use crate::harness::{DATE, start};

#[tokio::test]
async fn promise_47_for_a_superseded_orchestrator_nothing_is_staged() {
    let parser = start().await;
    let raw_key = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    lead_times(&parser.lake, 2).await.expect("two led");
    let call = async |fencing_token| {
        let request = ParseRequest { run_id: "r1".to_owned(), raw_key: raw_key.clone(), again: false, fencing_token };
        parser.client.clone().parse(request).await
    };
    for token in [1, 3] {
        let refused = call(token).await.expect_err("it does not lead");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().starts_with("superseded by orchestrator epoch 2"), "{refused}");
    }
    assert!(parser.everything_staged().await.is_empty());
    call(2).await.expect("it leads");
    call(0).await.expect("an operator's own call");
}
