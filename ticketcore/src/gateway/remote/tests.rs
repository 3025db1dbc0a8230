//! A connection that breaks at every byte.

use std::io::{self, Write, pipe};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::gateway::sandbox::desk::{Desk, START, eur};
use crate::gateway::*;
use crate::order::{PaymentSeen, RefundSeen, Word};
use crate::time::UtcMs;

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(20);

/// Lets so many bytes pass; then it is broken.
struct CutAfter<W> {
    left: usize,
    to: Option<W>,
}

impl<W: Write> Write for CutAfter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.left);
        self.left -= fits;
        match &mut self.to {
            Some(to) if fits > 0 => to.write(&bytes[..fits]),
            _ => {
                self.to = None;
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Serves a client over pipes whose way back breaks after `left` bytes, does `then`, and returns how many requests came.
fn served(gateway: &Arc<SandboxGateway>, left: usize, then: impl FnOnce(io::Result<SandboxClient>)) -> u64 {
    let (there, to_server) = pipe().unwrap();
    let (back, to_client) = pipe().unwrap();
    let server = SandboxServer::new(Arc::clone(gateway));
    let serving = std::thread::spawn(move || server.serve(there, CutAfter { left, to: Some(to_client) }));
    then(SandboxClient::connect(back, to_server));
    serving.join().unwrap().unwrap()
}

fn pay(client: &SandboxClient, method: &str) -> Answer<PaymentSeen> {
    let (reply, answered) = Reply::pair();
    client.authorize(Desk::pay(method), reply);
    answered.wait_timeout(LONG)
}

fn desk() -> (Arc<SandboxGateway>, Arc<crate::gateway::sandbox::desk::TestClock>) {
    let desk = Desk::new(SandboxOptions::default());
    (Arc::new(desk.gateway), desk.clock)
}

#[test]
fn a_connection_that_breaks_at_any_byte_of_an_answer_leaves_unknown_and_one_charge() {
    // The length of the greeting and of the whole answer.
    let hello =
        wire::encode(&wire::Hello { version: 1, name: "sandbox".to_owned(), key_retention_ms: 86_400_000 });
    let hello = hello.unwrap().len();
    let (gateway, _clock) = desk();
    let mut said = None;
    served(&gateway, usize::MAX, |client| said = Some(pay(&client.unwrap(), "pm_ok")));
    let said = said.unwrap();
    let whole = hello + wire::encode(&(1u64, wire::Response::Payment(said.clone()))).unwrap().len();
    assert!(whole > hello + 20, "there is an answer to cut: {hello} {whole}");

    for left in 0..=whole {
        let (gateway, _clock) = desk();
        let came = served(&gateway, left, |client| match client {
            Err(error) => assert!(left < hello, "{left}: {error}"),
            Ok(client) => {
                assert!(left >= hello, "{left}: greeted");
                let (tell, told) = channel();
                client.authorize(Desk::pay("pm_ok"), Reply::new(move |answer| tell.send(answer).unwrap()));
                let answer = told.recv_timeout(LONG).unwrap();
                if left == whole {
                    assert_eq!(answer, said);
                } else {
                    assert!(matches!(answer, Answer::Unknown { .. }), "{left}: {answer:?}");
                    // Nothing more is said, and later calls are unknown at once.
                    assert!(told.recv_timeout(LONG).is_err(), "the reply was dropped after it was answered");
                    assert!(matches!(pay(&client, "pm_ok"), Answer::Unknown { .. }));
                }
            }
        });
        // What was asked is in the books whether or not it could be told; the same key finds it.
        assert_eq!(gateway.ledger().charges().count() as u64, came.min(1), "{left}");
        if came > 0 {
            served(&gateway, usize::MAX, |client| assert_eq!(pay(&client.unwrap(), "pm_ok"), said));
            assert_eq!(gateway.ledger().charges().count(), 1, "{left}");
        }
    }
}

#[test]
fn every_call_comes_through() {
    let (gateway, clock) = desk();
    let came = served(&gateway, usize::MAX, |client| {
        let client = client.unwrap();
        assert_eq!((client.name(), client.key_retention_ms()), ("sandbox", 86_400_000));
        assert!(matches!(
            pay(&client, "pm_requires_action"),
            Answer::Yes(PaymentSeen::ActionRequired { .. })
        ));
        let key = |action| Desk::key(action, 1);
        let payment = key(GatewayAction::Authorize);
        let (reply, answered) = Reply::pair();
        client.complete_action(payment, ActionEnd::Done, reply);
        let Answer::Yes(Some(PaymentSeen::Authorized { reference, .. })) = answered.wait_timeout(LONG) else {
            panic!("not authorised");
        };
        let (reply, answered) = Reply::pair();
        let amount = eur(10_000);
        client.capture(
            Capture { key: key(GatewayAction::Capture), reference: reference.clone(), amount },
            reply,
        );
        assert!(matches!(answered.wait_timeout(LONG), Answer::Yes(PaymentSeen::Captured { .. })));
        let (reply, answered) = Reply::pair();
        client.void(Void { key: key(GatewayAction::Void), reference: None }, reply);
        assert_eq!(answered.wait_timeout(LONG), Answer::never("already_captured"));
        let (reply, answered) = Reply::pair();
        let refund = key(GatewayAction::Refund);
        client.refund(Refund { key: refund, payment, reference, amount }, reply);
        assert!(matches!(answered.wait_timeout(LONG), Answer::Yes(RefundSeen::Succeeded { .. })));
        let (reply, answered) = Reply::pair();
        client.look_up(
            LookUp { reference: Some(Word::cut("sbx_1")), since: UtcMs(START), ..LookUp::by_key(payment) },
            reply,
        );
        assert!(matches!(answered.wait_timeout(LONG), Answer::Yes(PaymentSeen::Captured { .. })));
        let (reply, answered) = Reply::pair();
        client.look_up_refund(LookUp::by_key(refund), reply);
        assert!(matches!(answered.wait_timeout(LONG), Answer::Yes(RefundSeen::Succeeded { .. })));
        let (reply, answered) = Reply::pair();
        client.charges(None, reply);
        let page = answered.wait_timeout(LONG).yes().unwrap();
        assert_eq!((page.charges.len(), page.charges[0].refunded_minor, page.next), (1, 10_000, None));
        let (reply, answered) = Reply::pair();
        client.notifications(reply);
        assert_eq!(answered.wait_timeout(LONG).yes().unwrap().len(), 4);
    });
    assert_eq!(came, 9);
    drop(clock);
}

#[test]
fn many_threads_share_a_connection_and_slow_answers_hold_nobody_up() {
    let options = SandboxOptions { timer: true, ..SandboxOptions::default() };
    let gateway = Arc::new(SandboxGateway::new(options, Arc::new(crate::time::SystemClock)));
    served(&gateway, usize::MAX, |client| {
        let client = client.unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let client = &client;
                scope.spawn(move || {
                    for number in 0..50 {
                        let order = crate::gateway::sandbox::desk::order(thread * 100 + number);
                        let key = GatewayKey::new(order, GatewayAction::Authorize, 1);
                        let method = Word::cut(if number % 10 == 0 { "pm_slow:5" } else { "pm_ok" });
                        let (reply, answered) = Reply::pair();
                        client.authorize(Authorize { key, method, ..Desk::pay("") }, reply);
                        let answer = answered.wait_timeout(LONG);
                        assert!(matches!(answer, Answer::Yes(PaymentSeen::Authorized { .. })), "{answer:?}");
                    }
                });
            }
        });
    });
    assert_eq!(gateway.ledger().charges().count(), 200);
}

#[test]
fn a_dropped_client_leaves_no_call_without_an_answer() {
    let (gateway, _clock) = desk();
    served(&gateway, usize::MAX, |client| {
        let client = client.unwrap();
        let (reply, answered) = Reply::pair();
        client.authorize(Desk::pay("pm_slow"), reply);
        drop(client);
        assert!(matches!(answered.wait_timeout(LONG), Answer::Unknown { .. }));
    });
    assert_eq!(gateway.ledger().charges().count(), 1);
}

#[test]
fn nonsense_ends_a_connection_and_harms_nobody() {
    let (gateway, _clock) = desk();
    let server = SandboxServer::new(Arc::clone(&gateway));
    for nonsense in [&[255u8; 64][..], &[1, 0, 0, 0, 200], &[3, 0, 0, 0, 1, 99, 0]] {
        assert!(server.serve(nonsense, io::sink()).is_err(), "{nonsense:?}");
    }
    assert_eq!(server.serve(&[9u8, 0, 0][..], io::sink()).unwrap(), 0, "cut short is an end");
    let hello = wire::Hello { version: wire::VERSION + 1, name: String::new(), key_retention_ms: 0 };
    let greeting = io::Cursor::new(wire::encode(&hello).unwrap());
    let refused = SandboxClient::connect(greeting, io::sink()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}
