//! An S3-compatible server of the test's own: moto's, which stands for S3 and checks `If-Match` and `If-None-Match`.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::client::http;
use crate::programs;
use crate::wait::wait_until;

/// Name of the bucket that every server has.
pub const BUCKET: &str = "lake";
/// Secret key that the clients of the tests sign with; it must stand in no log and no answer.
pub const SECRET: &str = "canary-secret-of-the-bucket";
/// Starting Python on a loaded machine of two cores.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// moto's server, one request at a time: it checks a condition and writes in two steps, which in S3 are one.
const SERVER: &str = "
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
";

/// A server process with one empty bucket; dropped, it is gone.
#[derive(Debug)]
pub struct ObjectStoreServer {
    process: Child,
    endpoint: String,
}

impl ObjectStoreServer {
    /// Starts a server on a free port and makes the bucket.
    ///
    /// # Panics
    /// When the server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = address.expect("a free port");
        let process = Command::new(programs::python())
            .args(["-c", SERVER, &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("the object store does not start: {error}"));
        let mut server = Self { process, endpoint: format!("http://{address}") };
        wait_until("the object store to listen", READY_DEADLINE, || {
            let ended = server.process.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the object store ended ({ended:?}): run `make tools` for moto");
            std::net::TcpStream::connect(address).is_ok().then_some(())
        });
        http(reqwest::Method::PUT, &format!("{}/{BUCKET}", server.endpoint), None);
        server
    }

    /// Returns the variables with which a process reaches the server.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "tests".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }
}

impl Drop for ObjectStoreServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
