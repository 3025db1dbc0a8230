//! A round trip against localstripe, which `scripts/localstripe` installs and starts. `LOCALSTRIPE_URL` names one that runs already. It knows
//! no keys, accepts refunds beyond what was taken and captures after a cancellation; so those are the stand-in's.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use ticketcore::SystemClock;
use ticketcore::gateway::{
    Answer, Authorize, Capture, GatewayAction, GatewayKey, LookUp, PaymentGateway, Refund, Seen, Void,
};
use ticketcore::order::{PaymentSeen, RefundSeen};
use ticketcore_server::stripe::{Report, Secret, StripeGateway, StripeOptions, Webhook, WebhookOptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::shop::{AMOUNT, ask, authorization, euro, key, order, runtime, word};

/// One that runs, and is ended with the test if the test started it.
struct Local {
    base: String,
    pid: Option<String>,
}

impl Local {
    fn start() -> Self {
        if let Ok(base) = std::env::var("LOCALSTRIPE_URL") {
            return Self { base, pid: None };
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/localstripe");
        let started = Command::new(script).arg(port.to_string()).stderr(Stdio::inherit()).output();
        let started = started.unwrap_or_else(|error| panic!("{script}: {error}"));
        assert!(
            started.status.success(),
            "localstripe can't be started; there is no other way to pass this test"
        );
        let pid = String::from_utf8(started.stdout).unwrap().trim().to_owned();
        assert!(!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()), "{pid}");
        Self { base: format!("http://127.0.0.1:{port}"), pid: Some(pid) }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(pid) = &self.pid {
            let _gone = Command::new("kill").arg(pid).status();
        }
    }
}

type Heard = Arc<Mutex<Vec<(String, Bytes)>>>;

/// Hears deliveries: signature and body.
fn listen(runtime: &Runtime) -> (String, Heard) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard: Heard = Arc::default();
    let kept = Arc::clone(&heard);
    runtime.spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    let signature = request.headers()["stripe-signature"].to_str().unwrap().to_owned();
                    let body = request.into_body().collect().await?.to_bytes();
                    kept.lock().push((signature, body));
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service),
            );
        }
    });
    (url, heard)
}

/// Tells localstripe where to report to.
fn register(runtime: &Runtime, base: &str, name: &str, url: &str, secret: &str) {
    let host = base.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let body = serde_json::json!({ "url": url, "secret": secret }).to_string();
    runtime.block_on(async {
        let socket = TcpStream::connect(&host).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(format!("/_config/webhooks/{name}"))
            .header("host", &host)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let status = sender.send_request(request).await.unwrap().status();
        assert!(status.is_success(), "{status}");
    });
}

#[test]
fn a_round_trip() {
    let local = Local::start();
    let runtime = runtime();
    let options =
        StripeOptions { base: local.base.clone(), ..StripeOptions::new(Secret::new("sk_test_12345")) };
    let gateway = StripeGateway::new(options, Arc::new(SystemClock), runtime.handle().clone()).unwrap();
    let (url, heard) = listen(&runtime);
    // Two endpoints at one address: every event comes twice.
    register(&runtime, &local.base, "one", &url, "whsec_local");
    register(&runtime, &local.base, "two", &url, "whsec_local");
    let authorize = |number, method: &str| {
        // localstripe knows no return addresses.
        let call = Authorize { return_url: None, ..authorization(number, method) };
        ask(|reply| gateway.authorize(call, reply))
    };
    let reserved = |number| match authorize(number, "pm_card_visa") {
        Answer::Yes(PaymentSeen::Authorized { reference, .. }) => reference,
        other => panic!("{other:?}"),
    };
    let look_up = |number, reference| {
        let key = key(number, GatewayAction::Authorize);
        ask(|reply| gateway.look_up(LookUp { reference, ..LookUp::by_key(key) }, reply))
    };

    // Reserved, captured, refunded.
    let reference = reserved(1);
    let call = |minor| Capture {
        key: key(1, GatewayAction::Capture),
        reference: reference.clone(),
        amount: euro(minor),
    };
    let over = ask(|reply| gateway.capture(call(AMOUNT + 1), reply));
    assert!(matches!(over, Answer::No { retry_may_help: false, .. }), "{over:?}");
    let captured =
        PaymentSeen::Captured { reference: reference.clone(), amount_minor: AMOUNT, fingerprint: None };
    assert_eq!(ask(|reply| gateway.capture(call(AMOUNT), reply)), Answer::Yes(captured.clone()));
    assert_eq!(look_up(1, Some(reference.clone())), Answer::Yes(captured.clone()));
    assert_eq!(look_up(1, None), Answer::Yes(captured.clone()), "its name is known");
    let refund_key = GatewayKey::new(order(1), GatewayAction::Refund, 1);
    let refund = Refund {
        key: refund_key,
        payment: key(1, GatewayAction::Authorize),
        reference: reference.clone(),
        amount: euro(2_000),
    };
    let refunded = ask(|reply| gateway.refund(refund, reply));
    assert!(matches!(refunded, Answer::Yes(RefundSeen::Succeeded { .. })), "{refunded:?}");
    assert_eq!(ask(|reply| gateway.look_up_refund(LookUp::by_key(refund_key), reply)), refunded);

    // Reserved and given back.
    let reference = reserved(2);
    let void = || Void { key: key(2, GatewayAction::Void), reference: Some(reference.clone()) };
    assert_eq!(ask(|reply| gateway.void(void(), reply)), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(ask(|reply| gateway.void(void(), reply)), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(look_up(2, Some(reference.clone())), Answer::Yes(PaymentSeen::Voided));

    // Declined; and what it can't prove it does not say.
    let declined = Answer::Yes(PaymentSeen::Declined { code: word("card_declined") });
    assert_eq!(authorize(3, "pm_card_chargeCustomerFail"), declined);
    assert!(matches!(look_up(9, None), Answer::Unknown { .. } | Answer::Yes(PaymentSeen::NotFound)));

    let twice = reported_twice(&heard);
    check(&runtime, &gateway, captured, &twice);
}

/// The two deliveries of the capture.
fn reported_twice(heard: &Heard) -> Vec<(String, Bytes)> {
    let ours = |(_, body): &(String, Bytes)| {
        let text = std::str::from_utf8(body).unwrap();
        text.contains("payment_intent.succeeded") && text.contains(&order(1).to_string())
    };
    for _ in 0..200 {
        let twice: Vec<_> = heard.lock().iter().filter(|delivery| ours(delivery)).cloned().collect();
        if twice.len() >= 2 {
            return twice;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("localstripe does not report: {:?}", heard.lock());
}

/// They are signed, say what a look-up says, and the second says nothing.
fn check(runtime: &Runtime, gateway: &StripeGateway, captured: PaymentSeen, twice: &[(String, Bytes)]) {
    assert_eq!(twice.len(), 2);
    let secret = |text: &str| WebhookOptions::new(vec![Secret::new(text)]);
    let webhook = Webhook::new(secret("whsec_local"), Arc::new(SystemClock));
    let first = webhook.receive(&twice[0].0, &twice[0].1).unwrap();
    let told = Report::Seen {
        key: key(1, GatewayAction::Authorize),
        payment: match &captured {
            PaymentSeen::Captured { reference, .. } => Some(reference.as_str().to_owned()),
            _ => None,
        },
        seen: Seen::Payment(captured),
    };
    assert_eq!(first.report, Some(told.clone()));
    assert_eq!(runtime.block_on(gateway.resolve(told.clone())), Some(told));
    webhook.noted(&first);
    let second = webhook.receive(&twice[1].0, &twice[1].1).unwrap();
    assert!(second.again && second.report.is_none() && second.event == first.event);
    let other = Webhook::new(secret("whsec_other"), Arc::new(SystemClock));
    assert!(other.receive(&twice[0].0, &twice[0].1).is_err());
}
