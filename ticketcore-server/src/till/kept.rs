//! [`KeptSandbox`]: the sandbox, whose money is there again after a restart.
//!
//! The sandbox does the same each time it is told the same at the same time. So what is kept is what it was told, line by line in a file,
//! before it is told; a start tells it all again. What it says of its own accord (a late payment, a refund that takes its time) follows.
//! A line is written before the call and not forced to the disk: a killed server loses nothing, a power cut may. No money moves here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use ticketcore::gateway::{
    ActionEnd, Authorize, Capture, ChargePage, GatewayKey, Ledger, LookUp, PaymentGateway, Refund, Reply,
    SandboxGateway, SandboxOptions, Void,
};
use ticketcore::order::{Identity, PaymentSeen, RefundSeen, Word};
use ticketcore::{Clock, UtcMs};

/// What a sandbox was told.
#[derive(Serialize, Deserialize)]
struct Line {
    at: UtcMs,
    told: Told,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Authorize(Authorize),
    Capture(Capture),
    Void(Void),
    Refund(Refund),
    Action(GatewayKey, ActionEnd),
}

/// The time as the sandbox sees it: while it is told something, the time that is written down.
struct Pinned {
    real: Arc<dyn Clock>,
    /// 0 if it is not pinned.
    at: AtomicU64,
}

impl Pinned {
    fn pin(&self, at: UtcMs) {
        self.at.store(at.0.max(1), Ordering::Release);
    }

    fn let_go(&self) {
        self.at.store(0, Ordering::Release);
    }
}

impl Clock for Pinned {
    fn now(&self) -> UtcMs {
        match self.at.load(Ordering::Acquire) {
            0 => self.real.now(),
            at => UtcMs(at),
        }
    }
}

/// See the module.
pub struct KeptSandbox {
    sandbox: SandboxGateway,
    clock: Arc<Pinned>,
    file: Mutex<File>,
}

impl KeptSandbox {
    /// The sandbox whose story is in a file, which is made if it is not there. A last line that is cut off was told nobody.
    ///
    /// # Errors
    /// If the file can't be read, or another line of it is none.
    pub fn open(path: &Path, options: SandboxOptions, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let clock = Arc::new(Pinned { real: clock, at: AtomicU64::new(1) });
        let sandbox = SandboxGateway::new(options, Arc::clone(&clock) as _);
        for (at, line) in text[..whole].lines().enumerate() {
            let bad = |error: serde_json::Error| {
                let told = format!("{}, line {}: {error}", path.display(), at + 1);
                io::Error::new(io::ErrorKind::InvalidData, told)
            };
            let line: Line = serde_json::from_str(line).map_err(bad)?;
            clock.pin(line.at);
            tell_again(&sandbox, line.told);
        }
        clock.let_go();
        Ok(Self { sandbox, clock, file: Mutex::new(file) })
    }

    /// Everything that happened to money until now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.sandbox.ledger()
    }

    /// The buyer does what he is asked for. `None` if nothing is asked of him.
    pub fn complete_action(&self, payment: GatewayKey, end: ActionEnd) -> Option<PaymentSeen> {
        self.told(Told::Action(payment, end), |sandbox| sandbox.complete_action(payment, end)).flatten()
    }

    /// Writes down what the sandbox is told, then tells it. What can't be written is not told: nobody knows what became of it.
    fn told<T>(&self, told: Told, tell: impl FnOnce(&SandboxGateway) -> T) -> Option<T> {
        let mut file = self.file.lock();
        let line = Line { at: self.clock.real.now(), told };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            file.write_all(&bytes)
        });
        if let Err(error) = written {
            tracing::error!(%error, "the sandbox can't keep what it is told");
            return None;
        }
        self.clock.pin(line.at);
        let said = tell(&self.sandbox);
        self.clock.let_go();
        Some(said)
    }
}

/// Nobody listens to the answers any more.
fn tell_again(sandbox: &SandboxGateway, told: Told) {
    match told {
        Told::Authorize(call) => sandbox.authorize(call, Reply::pair().0),
        Told::Capture(call) => sandbox.capture(call, Reply::pair().0),
        Told::Void(call) => sandbox.void(call, Reply::pair().0),
        Told::Refund(call) => sandbox.refund(call, Reply::pair().0),
        Told::Action(payment, end) => {
            let _seen = sandbox.complete_action(payment, end);
        }
    }
}

impl PaymentGateway for KeptSandbox {
    fn name(&self) -> &str {
        self.sandbox.name()
    }

    fn key_retention_ms(&self) -> u64 {
        self.sandbox.key_retention_ms()
    }

    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        // A reply that is dropped says that nobody knows.
        self.told(Told::Authorize(call.clone()), |sandbox| sandbox.authorize(call, reply));
    }

    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.told(Told::Capture(call.clone()), |sandbox| sandbox.capture(call, reply));
    }

    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.told(Told::Void(call.clone()), |sandbox| sandbox.void(call, reply));
    }

    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.told(Told::Refund(call.clone()), |sandbox| sandbox.refund(call, reply));
    }

    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.sandbox.look_up(call, reply);
    }

    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        self.sandbox.look_up_refund(call, reply);
    }

    fn instrument(&self, method: Word, reply: Reply<Option<Identity>>) {
        self.sandbox.instrument(method, reply);
    }

    fn charges(&self, after: Option<Word>, reply: Reply<ChargePage>) {
        self.sandbox.charges(after, reply);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ticketcore::gateway::{Answer, GatewayAction};
    use ticketcore::{Currency, EventId, HoldNumber, Money, OrderId, Revision};

    use super::*;

    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> UtcMs {
            UtcMs(self.0.load(Ordering::SeqCst))
        }
    }

    struct Desk {
        clock: Arc<Hands>,
        path: PathBuf,
        sandbox: KeptSandbox,
    }

    impl Desk {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ticketcore-sandbox-{name}-{}", std::process::id()));
            let _gone = std::fs::remove_file(&path);
            let clock = Arc::new(Hands(AtomicU64::new(1_000)));
            let sandbox = Self::open(&path, &clock).unwrap();
            Self { clock, path, sandbox }
        }

        fn open(path: &Path, clock: &Arc<Hands>) -> io::Result<KeptSandbox> {
            KeptSandbox::open(path, SandboxOptions::default(), Arc::clone(clock) as _)
        }

        /// Another process.
        fn again(&mut self) {
            self.sandbox = Self::open(&self.path, &self.clock).unwrap();
        }

        fn pass(&self, ms: u64) {
            self.clock.0.fetch_add(ms, Ordering::SeqCst);
        }

        fn pay(&self, number: u64, method: &str) -> Answer<PaymentSeen> {
            let (reply, answered) = Reply::pair();
            let call = Authorize {
                key: key(number, GatewayAction::Authorize),
                amount: euro(),
                method: Word::cut(method),
                capture_now: false,
                return_url: None,
            };
            self.sandbox.authorize(call, reply);
            answered.try_take().unwrap()
        }

        fn look_up(&self, number: u64) -> Answer<PaymentSeen> {
            let (reply, answered) = Reply::pair();
            self.sandbox.look_up(LookUp::by_key(key(number, GatewayAction::Authorize)), reply);
            answered.try_take().unwrap()
        }
    }

    impl Drop for Desk {
        fn drop(&mut self) {
            let _gone = std::fs::remove_file(&self.path);
        }
    }

    fn key(number: u64, action: GatewayAction) -> GatewayKey {
        GatewayKey::new(
            OrderId { event: EventId(1), number: HoldNumber::new(Revision(number), 0) },
            action,
            1,
        )
    }

    const fn euro() -> Money {
        Money { minor: 5_000, currency: Currency::EUR }
    }

    #[test]
    fn money_is_there_again_and_what_is_on_its_way_arrives() {
        let mut desk = Desk::new("money");
        let Answer::Yes(PaymentSeen::Authorized { reference, .. }) = desk.pay(1, "pm_ok#7") else { panic!() };
        desk.pass(10);
        let (reply, answered) = Reply::pair();
        let capture =
            Capture { key: key(1, GatewayAction::Capture), reference: reference.clone(), amount: euro() };
        desk.sandbox.capture(capture, reply);
        let captured = answered.try_take().unwrap();
        desk.pass(10);
        let (reply, answered) = Reply::pair();
        let refund = Refund {
            key: key(1, GatewayAction::Refund),
            payment: key(1, GatewayAction::Authorize),
            reference,
            amount: Money { minor: 2_000, currency: Currency::EUR },
        };
        desk.sandbox.refund(refund, reply);
        assert!(answered.try_take().unwrap().yes().is_some());
        assert!(desk.pay(2, "pm_requires_action").yes().is_some());
        assert!(desk.pay(3, "pm_late:500").yes().is_none());
        assert!(desk.pay(4, "pm_timeout_after").yes().is_none());
        let before = desk.sandbox.ledger();
        for _ in 0..2 {
            desk.again();
            assert_eq!(desk.sandbox.ledger(), before);
            assert_eq!(desk.look_up(1), captured);
        }
        assert!(matches!(desk.look_up(4), Answer::Yes(PaymentSeen::Authorized { .. })));
        let acted = desk.sandbox.complete_action(key(2, GatewayAction::Authorize), ActionEnd::Done);
        assert!(matches!(acted, Some(PaymentSeen::Authorized { .. })));
        assert!(desk.look_up(3).yes().is_none());
        desk.pass(500);
        assert!(matches!(desk.look_up(3), Answer::Yes(PaymentSeen::Authorized { .. })));
        let before = desk.sandbox.ledger();
        desk.again();
        assert!(matches!(desk.look_up(3), Answer::Yes(PaymentSeen::Authorized { .. })));
        assert_eq!(desk.sandbox.ledger().totals(Currency::EUR), before.totals(Currency::EUR));
        // The same key is the same payment.
        assert!(matches!(desk.pay(1, "pm_ok#7"), Answer::Yes(_)));
        assert_eq!(desk.sandbox.ledger().totals(Currency::EUR), before.totals(Currency::EUR));
    }

    #[test]
    fn a_line_that_is_cut_off_is_left_out_and_one_that_is_none_is_refused() {
        let mut desk = Desk::new("lines");
        assert!(desk.pay(1, "pm_ok").yes().is_some());
        let whole = std::fs::read_to_string(&desk.path).unwrap();
        std::fs::write(&desk.path, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
        desk.again();
        assert!(desk.pay(2, "pm_ok").yes().is_some());
        desk.again();
        assert_eq!(desk.sandbox.ledger().charges().count(), 2);
        std::fs::write(&desk.path, format!("nonsense\n{whole}")).unwrap();
        let refused = Desk::open(&desk.path, &desk.clock).err().unwrap();
        assert!(refused.to_string().contains("line 1"), "{refused}");
    }
}
