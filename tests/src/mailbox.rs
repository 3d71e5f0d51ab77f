//! An SMTP server that keeps the mails it is given: just enough of RFC 5321 for a client that wants neither TLS nor a login.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running server on a free port; it lives as long as the test's process.
#[derive(Debug, Clone)]
pub struct Mailbox {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Mailbox {
    /// Starts the server.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || converse(&client, &kept));
            }
        });
        Self { address, mails }
    }

    /// Returns host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns the mails so far, each with its headers.
    ///
    /// # Panics
    /// When the server panicked.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no holder panics").clone()
    }
}

/// Serves one client to its end; a client that breaks off ends it too.
fn converse(client: &TcpStream, mails: &Mutex<Vec<String>>) {
    let mut reply = client;
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    let mut say = |text: &str| reply.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    say("220 champion-tests");
    while let Some(line) = lines.next() {
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let heard = match verb.as_str() {
            "DATA" => {
                say("354 go on");
                let mail: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                mails.lock().expect("no holder panics").push(mail.join("\n"));
                say("250 kept")
            }
            "QUIT" => {
                say("221 bye");
                return;
            }
            _ => say("250 ok"),
        };
        if !heard {
            return;
        }
    }
}
