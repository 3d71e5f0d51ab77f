//! A gate between two services: it lets connections through, cuts them, or swallows a reply.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest silence after which a swallowed reply counts as whole.
const REPLY_IS_WHOLE: Duration = Duration::from_millis(300);

/// A TCP proxy whose ways can be closed.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    target: Mutex<Option<String>>,
    closed: AtomicBool,
    /// Replies to requests that contain the mark are to be swallowed: so many.
    swallow: AtomicU64,
    swallowed: AtomicU64,
    mark: Mutex<String>,
    open: Mutex<Vec<TcpStream>>,
}

impl Gate {
    /// Opens a gate that leads nowhere yet.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || pass(stream, &shared));
            }
        });
        Arc::new(Self { address, state })
    }

    /// Leads connections to an address from now on and returns the gate's own.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn lead_to(&self, target: &str) -> String {
        *self.state.target.lock().expect("no holder panics") = Some(target.to_owned());
        self.address.to_string()
    }

    /// Cuts every connection and takes no new one.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().expect("no holder panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn reopen(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }

    /// Lets the next requests that contain a text through to their end, and drops the reply with the connection.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn swallow_replies(&self, mark: &str, count: u64) {
        *self.state.mark.lock().expect("no holder panics") = mark.to_owned();
        self.state.swallow.store(count, Ordering::SeqCst);
    }

    /// Returns how many replies were swallowed.
    #[must_use]
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, state: &Arc<State>) {
    let target = state.target.lock().expect("no holder panics").clone();
    let closed = || state.closed.load(Ordering::SeqCst);
    let Some(server) = target.filter(|_| !closed()).and_then(|target| TcpStream::connect(target).ok()) else { return };
    let copies = (client.try_clone(), server.try_clone());
    let (Ok(for_replies), Ok(for_requests)) = copies else { return };
    {
        let mut open = state.open.lock().expect("no holder panics");
        open.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
        if closed() {
            open.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
            return;
        }
    }
    let hold = Arc::new(AtomicBool::new(false));
    let (held, shared) = (Arc::clone(&hold), Arc::clone(state));
    let replies = std::thread::spawn(move || reply(server, for_replies, &held, &shared));
    request(client, for_requests, &hold, state);
    let _ = replies.join();
}

/// Passes requests on; a marked one sets the hold on the connection's replies before its last byte has gone through.
fn request(mut from: TcpStream, mut to: TcpStream, hold: &AtomicBool, state: &State) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mark = state.mark.lock().expect("no holder panics").clone();
        let text = String::from_utf8_lossy(&buffer[..count]);
        let marked = !mark.is_empty()
            && (text.contains(&mark)
                || text.contains(&mark.replace(' ', "+"))
                || text.contains(&mark.replace(' ', "%20")));
        let taken = |left: u64| left.checked_sub(1);
        if marked && state.swallow.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok() {
            hold.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Passes replies back, or reads a held one to its end and breaks the connection.
fn reply(mut from: TcpStream, mut to: TcpStream, hold: &AtomicBool, state: &State) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if hold.load(Ordering::SeqCst) {
            let _ = from.set_read_timeout(Some(REPLY_IS_WHOLE));
            while matches!(from.read(&mut buffer), Ok(1..)) {}
            state.swallowed.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
