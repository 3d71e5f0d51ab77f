//! Ports that stay those of a fleet while its services come and go.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::plan::{ALL, COLLECTOR, STANDBY};

/// Below the ports that systems give to outgoing connections: one of those could take the place of a killed service, or
/// a client that tries again could meet itself.
const FIRST: u16 = 10_000;
/// Ports of a fleet, the one that marks the block included.
const BLOCK: u16 = 32;
const BLOCKS: u16 = 680;

/// A block of ports; the first one is held for as long as the block is used.
#[derive(Debug)]
pub(super) struct Ports {
    base: u16,
    _mark: TcpListener,
}

impl Ports {
    /// Takes a block that is free.
    pub(super) fn take() -> Self {
        for _ in 0..BLOCKS {
            let base = FIRST + rand::random_range(0..BLOCKS) * BLOCK;
            let Ok(mark) = TcpListener::bind(("127.0.0.1", base)) else { continue };
            let free = (1..BLOCK).all(|offset| TcpListener::bind(("127.0.0.1", base + offset)).is_ok());
            if free {
                return Self { base, _mark: mark };
            }
        }
        panic!("no free block of {BLOCK} ports from {FIRST} on");
    }

    /// Returns the addresses of a service, as the endpoints file has them.
    pub(super) fn endpoint(&self, service: &str) -> Value {
        // The collector has a third port, so the one behind it begins a place later.
        let mut known = ALL.iter().chain([&COLLECTOR, &"", &STANDBY]);
        let index = known.position(|one| *one == service).unwrap_or_else(|| panic!("no service {service}"));
        let port = self.base + 1 + 2 * u16::try_from(index).expect("a handful of services");
        let address = |port| format!("127.0.0.1:{port}");
        if service == COLLECTOR {
            return json!({"grpc": address(port), "admin": address(port + 1), "http": address(port + 2)});
        }
        let kind = if matches!(service, "exchange-mirror" | "embedded-warehouse") { "http" } else { "grpc" };
        json!({kind: address(port), "admin": address(port + 1)})
    }
}
