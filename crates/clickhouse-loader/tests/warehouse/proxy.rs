//! A proxy before the warehouse that loses replies, holds inserts back or cuts everybody off.
//!
//! It understands as much of HTTP as it needs: the request line of an insert names its table, and requests of one
//! connection do not overlap.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Longest wait for a condition.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest request line of an insert.
const LINE_BYTES: usize = 8 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Inserts wait before the warehouse.
    Hold,
    /// Connections end, and new ones end at once.
    Cut,
}

#[derive(Debug, Default)]
struct Tally {
    /// Table whose replies get lost, and how many are to.
    lose: Option<(String, u32)>,
    lost: u32,
    held: usize,
    most_held: usize,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    mode: watch::Sender<Mode>,
    tally: Arc<Mutex<Tally>>,
}

impl Proxy {
    /// Stands before the warehouse of a URL.
    pub(crate) async fn before(url: &str) -> Self {
        let warehouse = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("bound");
        let (mode, modes) = watch::channel(Mode::Pass);
        let tally: Arc<Mutex<Tally>> = Arc::default();
        let shared = Arc::clone(&tally);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Line { tally: Arc::clone(&shared), modes: modes.clone() };
                tokio::spawn(line.serve(client, warehouse.clone()));
            }
        });
        Self { url: format!("http://{address}"), mode, tally }
    }

    /// Loses the replies to the next inserts into a table: the warehouse commits, the client never hears of it.
    pub(crate) fn lose_replies(&self, table: &str, count: u32) {
        let mut tally = lock(&self.tally);
        tally.lose = Some((table.to_owned(), count));
        tally.lost = 0;
    }

    pub(crate) fn lost(&self) -> u32 {
        lock(&self.tally).lost
    }

    pub(crate) fn hold_inserts(&self) {
        self.mode.send_replace(Mode::Hold);
    }

    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    pub(crate) fn pass(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// Most inserts that were held at once.
    pub(crate) fn most_held(&self) -> usize {
        lock(&self.tally).most_held
    }

    pub(crate) async fn until_held(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while lock(&self.tally).held < count {
            assert!(Instant::now() < until, "{count} inserts are not held within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().expect("no test panics with the lock")
}

/// One connection.
struct Line {
    tally: Arc<Mutex<Tally>>,
    modes: watch::Receiver<Mode>,
}

impl Line {
    async fn serve(self, client: TcpStream, warehouse: String) {
        if *self.modes.borrow() == Mode::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(warehouse).await else { return };
        let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let doomed = Arc::new(Mutex::new(false));
        let mut cut = self.modes.clone();
        let requests =
            requests(Arc::clone(&self.tally), self.modes.clone(), Arc::clone(&doomed), from_client, to_server);
        let replies = replies(Arc::clone(&self.tally), doomed, from_server, to_client);
        tokio::select! {
            () = requests => {}
            () = replies => {}
            _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
        }
    }
}

/// Passes requests on and looks for inserts.
async fn requests(
    tally: Arc<Mutex<Tally>>,
    mut modes: watch::Receiver<Mode>,
    doomed: Arc<Mutex<bool>>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) {
    let (mut buffer, mut seen) = (vec![0; 64 << 10], Vec::new());
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        seen.extend_from_slice(&buffer[..count]);
        if let Some(table) = inserted_table(&seen) {
            seen.clear();
            {
                let tally = lock(&tally);
                let lose = tally.lose.as_ref().is_some_and(|(name, left)| *name == table && *left > 0);
                *doomed.lock().expect("no test panics with the lock") = lose;
            }
            if *modes.borrow() == Mode::Hold {
                let _held = Held::new(&tally);
                if modes.wait_for(|mode| *mode != Mode::Hold).await.is_err() {
                    return;
                }
            }
        }
        let surplus = seen.len().saturating_sub(LINE_BYTES);
        seen.drain(..surplus);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes replies on; the first byte of a doomed one ends the connection.
async fn replies(tally: Arc<Mutex<Tally>>, doomed: Arc<Mutex<bool>>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        if *doomed.lock().expect("no test panics with the lock") {
            let mut tally = lock(&tally);
            tally.lost += 1;
            if let Some((_, left)) = &mut tally.lose {
                *left -= 1;
            }
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Reads the table out of `POST /?…query=INSERT+INTO+database.table+…`.
fn inserted_table(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("INSERT+INTO+")?;
    let (name, _) = rest.split_once('+')?;
    name.split_once('.').map(|(_, table)| table.to_owned())
}

/// Counts an insert while it is held.
struct Held<'a>(&'a Mutex<Tally>);

impl<'a> Held<'a> {
    fn new(tally: &'a Mutex<Tally>) -> Self {
        let mut counts = lock(tally);
        counts.held += 1;
        counts.most_held = counts.most_held.max(counts.held);
        Self(tally)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        lock(self.0).held -= 1;
    }
}
