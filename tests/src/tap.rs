//! An OTLP receiver that this project did not write: oteltap, over OTLP/HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::programs;
use crate::wait::wait_until;

/// A running oteltap; dropping it stops it.
#[derive(Debug)]
pub struct Tap {
    child: Child,
    port: u16,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Tap {
    /// Starts the receiver on a free port.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let mut child = Command::new(programs::python())
            .args(["-u", "-m", "oteltap", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("oteltap starts");
        let output = BufReader::new(child.stdout.take().expect("piped above"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&received);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    sink.lock().expect("no holder panics").push(value);
                }
            }
        });
        wait_until("oteltap to listen", Duration::from_secs(20), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, port, received }
    }

    /// Returns the OTLP/HTTP endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns everything received so far, as oteltap prints it.
    #[must_use]
    pub fn received(&self) -> Vec<Value> {
        self.received.lock().expect("no holder panics").clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port that was free a moment ago.
///
/// # Panics
/// When the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
