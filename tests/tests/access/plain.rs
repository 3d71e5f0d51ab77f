//! Plain ports beyond loopback.

use crate::service::{Service, variable};

const SERVICES: [&str; 7] =
    ["scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator", "trace-collector", "exchange-mirror"];

fn listen(service: &str) -> &'static [&'static str] {
    match service {
        "exchange-mirror" => &["SERVER__HTTP_LISTEN"],
        "trace-collector" => &["SERVER__GRPC_LISTEN", "SERVER__HTTP_LISTEN"],
        _ => &["SERVER__GRPC_LISTEN"],
    }
}

/// Starts the service on loopback but for one port.
fn start(service: &str, key: &str, address: &str, more: &[(String, String)], folder: &std::path::Path) -> Service {
    let mut variables: Vec<(String, String)> =
        listen(service).iter().map(|key| (variable(service, key), "127.0.0.1:0".to_owned())).collect();
    variables.push((variable(service, key), address.to_owned()));
    variables.extend_from_slice(more);
    Service::start(service, folder, &variables)
}

#[test]
fn promise_39_a_plain_port_that_other_machines_reach_does_not_start_until_insecure_is_said() {
    for service in SERVICES {
        for key in listen(service) {
            for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
                let folder = tempfile::tempdir().expect("a folder");
                let mut refused = start(service, key, address, &[], folder.path());
                assert_eq!(refused.ended(), Some(1), "{service} on {address}: {}", refused.log());
                for words in [address, "[server.tls]", "insecure = true"] {
                    assert!(refused.log().contains(words), "{service} does not say {words}: {}", refused.log());
                }
            }
            let folder = tempfile::tempdir().expect("a folder");
            let insecure = [(variable(service, "SERVER__INSECURE"), "true".to_owned())];
            let mut started = start(service, key, "0.0.0.0:0", &insecure, folder.path());
            let port = if key.contains("HTTP") { "http" } else { "grpc" };
            assert!(started.address(port).starts_with("0.0.0.0:"), "{service}");
        }
    }
}

#[test]
fn promise_39_an_orchestrator_calls_no_other_machine_plainly_until_insecure_is_said() {
    let stage = (variable("orchestrator", "STAGES__PARSER__URL"), "http://parser.internal:50052".to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    let mut refused = Service::start("orchestrator", folder.path(), std::slice::from_ref(&stage));
    assert_eq!(refused.ended(), Some(1), "{}", refused.log());
    for words in ["http://parser.internal:50052", "https://", "insecure = true"] {
        assert!(refused.log().contains(words), "{words}: {}", refused.log());
    }
    let insecure = (variable("orchestrator", "TLS__INSECURE"), "true".to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    let mut started = Service::start("orchestrator", folder.path(), &[stage, insecure]);
    started.address("grpc");
}
