//! [`SandboxClient`]: a sandbox that lives in another process.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use hashbrown::HashMap;

use super::wire::{self, Hello, Request, Response, VERSION};
use crate::gateway::PaymentGateway;
use crate::gateway::call::{Authorize, Capture, ChargePage, LookUp, Refund, Void};
use crate::gateway::key::GatewayKey;
use crate::gateway::reply::{Answer, Reply};
use crate::gateway::sandbox::{ActionEnd, Notification};
use crate::order::{PaymentSeen, RefundSeen, Word};
use crate::sync::{Mutex, thread};

/// A gateway at the other end of a pipe or connection, where a [`SandboxServer`](super::SandboxServer) is. When the connection breaks,
/// every call under way and every later one is [`Answer::Unknown`].
///
/// One thread reads the answers and tells them. It ends when the server's end is closed, which it is after the client was dropped.
pub struct SandboxClient {
    name: String,
    key_retention_ms: u64,
    shared: Arc<Shared>,
}

struct Shared {
    /// None once nothing more can be sent.
    out: Mutex<Option<Box<dyn Write + Send>>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    number: u64,
    calls: HashMap<u64, Call>,
}

/// Who waits for a response.
enum Call {
    Payment(Reply<PaymentSeen>),
    Refund(Reply<RefundSeen>),
    Page(Reply<ChargePage>),
    Notifications(Reply<Vec<Notification>>),
    Acted(Reply<Option<PaymentSeen>>),
}

impl Call {
    /// False if the response is to something else; whoever waits is told that nobody knows.
    fn answer(self, response: Response) -> bool {
        match (self, response) {
            (Self::Payment(reply), Response::Payment(answer)) => reply.answer(answer),
            (Self::Refund(reply), Response::Refund(answer)) => reply.answer(answer),
            (Self::Page(reply), Response::Page(answer)) => reply.answer(answer),
            (Self::Notifications(reply), Response::Notifications(list)) => reply.answer(Answer::Yes(list)),
            (Self::Acted(reply), Response::Acted(seen)) => reply.answer(Answer::Yes(seen)),
            _ => return false,
        }
        true
    }

    fn broken(self) {
        const REASON: &str = "the connection to the sandbox is broken";
        match self {
            Self::Payment(reply) => reply.answer(Answer::unknown(REASON)),
            Self::Refund(reply) => reply.answer(Answer::unknown(REASON)),
            Self::Page(reply) => reply.answer(Answer::unknown(REASON)),
            Self::Notifications(reply) => reply.answer(Answer::unknown(REASON)),
            Self::Acted(reply) => reply.answer(Answer::unknown(REASON)),
        }
    }
}

impl SandboxClient {
    /// Waits for the server's greeting.
    ///
    /// # Errors
    /// If none comes, or it is not one of this version.
    pub fn connect(
        mut read: impl Read + Send + 'static,
        write: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let hello: Hello = wire::read(&mut read)?;
        if hello.version != VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a sandbox of another version"));
        }
        let shared = Arc::new(Shared { out: Mutex::new(Some(Box::new(write))), waiting: Mutex::default() });
        let reading = Arc::clone(&shared);
        let thread = thread::Builder::new().name("ticketcore-sandbox-in".to_owned());
        let _detached = thread.spawn(move || reading.read_all(read))?;
        Ok(Self { name: hello.name, key_retention_ms: hello.key_retention_ms, shared })
    }

    /// Takes notifications as [`SandboxGateway::notifications`](crate::gateway::SandboxGateway::notifications) does, some at a time. Those
    /// in an answer that is lost are lost.
    pub fn notifications(&self, reply: Reply<Vec<Notification>>) {
        self.shared.send(Request::Notifications, Call::Notifications(reply));
    }

    /// The buyer does what a `pm_requires_action` asks for. `None` if nothing is asked of him.
    pub fn complete_action(&self, payment: GatewayKey, end: ActionEnd, reply: Reply<Option<PaymentSeen>>) {
        self.shared.send(Request::CompleteAction(payment, end), Call::Acted(reply));
    }
}

impl Shared {
    fn send(&self, request: Request, call: Call) {
        let mut waiting = self.waiting.lock();
        waiting.number += 1;
        let number = waiting.number;
        waiting.calls.insert(number, call);
        drop(waiting);
        if !self.write(&(number, request)) {
            self.close();
        }
    }

    /// False if it can't be sent, or only a part of it was.
    fn write(&self, message: &(u64, Request)) -> bool {
        let mut out = self.out.lock();
        let sent = out.as_mut().is_some_and(|out| wire::write(message, out).is_ok());
        if !sent {
            *out = None;
        }
        sent
    }

    fn read_all(&self, mut read: impl Read) {
        // Whatever ends this, a panic of somebody who was told included, ends the connection.
        let _end = End(self);
        while let Ok((number, response)) = wire::read::<(u64, Response)>(&mut read) {
            let call = self.waiting.lock().calls.remove(&number);
            if !call.is_some_and(|call| call.answer(response)) {
                break;
            }
        }
    }

    /// Tells all who wait that nobody knows. By then nothing more can be sent, and who tries comes here.
    fn close(&self) {
        let calls = std::mem::take(&mut self.waiting.lock().calls);
        calls.into_values().for_each(Call::broken);
    }
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.out.lock() = None;
        self.0.close();
    }
}

impl Drop for SandboxClient {
    fn drop(&mut self) {
        let _said = self.shared.write(&(0, Request::Bye));
        *self.shared.out.lock() = None;
        self.shared.close();
    }
}

impl PaymentGateway for SandboxClient {
    fn name(&self) -> &str {
        &self.name
    }
    fn key_retention_ms(&self) -> u64 {
        self.key_retention_ms
    }
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        self.shared.send(Request::Authorize(call), Call::Payment(reply));
    }
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.shared.send(Request::Capture(call), Call::Payment(reply));
    }
    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.shared.send(Request::Void(call), Call::Payment(reply));
    }
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.shared.send(Request::Refund(call), Call::Refund(reply));
    }
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.shared.send(Request::LookUp(call), Call::Payment(reply));
    }
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        self.shared.send(Request::LookUpRefund(call), Call::Refund(reply));
    }
    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        self.shared.send(Request::Charges(after), Call::Page(reply));
    }
}

impl fmt::Debug for SandboxClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxClient").field("name", &self.name).finish_non_exhaustive()
    }
}
