//! [`SandboxServer`]: answers a caller in another process.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::wire::{self, Hello, NOTIFICATIONS_PER_RESPONSE, Request, Response, VERSION};
use crate::gateway::PaymentGateway;
use crate::gateway::reply::{Answer, Reply};
use crate::gateway::sandbox::SandboxGateway;
use crate::sync::{Condvar, Mutex, thread};

/// Puts a [`SandboxGateway`] at the end of a pipe or connection. The sandbox stays with whoever made it: it may be served to one caller
/// after the other, or to several at once.
#[derive(Clone, Debug)]
pub struct SandboxServer {
    gateway: Arc<SandboxGateway>,
}

impl SandboxServer {
    /// A server for this sandbox. Give it [a timer](crate::gateway::SandboxOptions::timer), or tick it.
    #[must_use]
    pub fn new(gateway: Arc<SandboxGateway>) -> Self {
        Self { gateway }
    }

    /// Serves one [`SandboxClient`](super::SandboxClient) until it says goodbye or is gone, and returns how many requests came. A
    /// request that arrived whole is carried out, whether or not its answer can be told. Both ends are dropped then.
    ///
    /// # Errors
    /// If what comes is no message, or reading fails otherwise than by the end of the connection.
    pub fn serve(&self, mut read: impl Read, write: impl Write + Send + 'static) -> io::Result<u64> {
        let out = Arc::new(Outbox::default());
        let hello = Hello {
            version: VERSION,
            name: self.gateway.name().to_owned(),
            key_retention_ms: self.gateway.key_retention_ms(),
        };
        out.push(wire::encode(&hello)?);
        let sending = Arc::clone(&out);
        // Written by a thread of its own: reading must never wait for a caller who reads slowly, or both would wait for ever.
        let writer = thread::Builder::new().name("ticketcore-sandbox-out".to_owned());
        let writer = writer.spawn(move || sending.send_all(write))?;
        let mut requests = 0;
        let ended = loop {
            match wire::read::<(u64, Request)>(&mut read) {
                Ok((_, Request::Bye)) => break Ok(requests),
                Ok((number, request)) => {
                    requests += 1;
                    self.carry_out(number, request, &out);
                }
                Err(error) => break if is_end(&error) { Ok(requests) } else { Err(error) },
            }
        };
        out.close();
        let joined = writer.join();
        debug_assert!(joined.is_ok(), "the writer does not panic");
        ended
    }

    fn carry_out(&self, number: u64, request: Request, out: &Arc<Outbox>) {
        let gateway = &*self.gateway;
        match request {
            Request::Authorize(call) => gateway.authorize(call, reply(number, out, Response::Payment)),
            Request::Capture(call) => gateway.capture(call, reply(number, out, Response::Payment)),
            Request::Void(call) => gateway.void(call, reply(number, out, Response::Payment)),
            Request::Refund(call) => gateway.refund(call, reply(number, out, Response::Refund)),
            Request::LookUp(call) => gateway.look_up(call, reply(number, out, Response::Payment)),
            Request::LookUpRefund(call) => gateway.look_up_refund(call, reply(number, out, Response::Refund)),
            Request::Charges(after) => gateway.charges(after, reply(number, out, Response::Page)),
            Request::Notifications => {
                let notifications = gateway.notifications_max(NOTIFICATIONS_PER_RESPONSE);
                out.say(number, &Response::Notifications(notifications));
            }
            Request::CompleteAction(key, end) => {
                out.say(number, &Response::Acted(gateway.complete_action(key, end)));
            }
            // Ends the loop before it comes here.
            Request::Bye => {}
        }
    }
}

fn reply<T: 'static>(number: u64, out: &Arc<Outbox>, kind: fn(Answer<T>) -> Response) -> Reply<T> {
    let out = Arc::clone(out);
    Reply::new(move |answer| out.say(number, &kind(answer)))
}

/// Whether the caller is gone, rather than out of his mind.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// What is to be written. As long as what its caller asked for and was not told.
#[derive(Default)]
struct Outbox {
    state: Mutex<(VecDeque<Vec<u8>>, bool)>,
    wake: Condvar,
}

impl Outbox {
    fn say(&self, number: u64, response: &Response) {
        match wire::encode(&(number, response)) {
            Ok(bytes) => self.push(bytes),
            // Too long to be told: the caller learns that he was not told.
            Err(_) => self.close(),
        }
    }

    fn push(&self, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        if !state.1 {
            state.0.push_back(bytes);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn close(&self) {
        self.state.lock().1 = true;
        self.wake.notify_one();
    }

    /// Writes until it is closed and empty, or nobody reads any more.
    fn send_all(&self, mut write: impl Write) {
        loop {
            let mut state = self.state.lock();
            while state.0.is_empty() && !state.1 {
                self.wake.wait(&mut state);
            }
            let Some(bytes) = state.0.pop_front() else { return };
            drop(state);
            if write.write_all(&bytes).and_then(|()| write.flush()).is_err() {
                // The caller is gone: the ledger knows what he was not told.
                let mut state = self.state.lock();
                state.0.clear();
                state.1 = true;
                return;
            }
        }
    }
}
