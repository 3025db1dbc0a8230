//! What the network does: no connection, silence, connections that end, TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketcore::gateway::Answer;
use ticketcore::order::PaymentSeen;
use ticketcore_server::stripe::{Secret, StripeError, StripeGateway, StripeOptions};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::shop::{AMOUNT, Shop, authorization, options};
use crate::stub::{Asked, Fault};

#[test]
fn nobody_there_is_a_no_for_now() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = Shop::with(|options| options.base = format!("http://{free}"));
    assert_eq!(shop.authorize(&authorization(1, "pm_card_visa")), Answer::not_now("not_connected"));
    assert_eq!(shop.look_up(1, None, shop.now()), Answer::not_now("not_connected"));
}

#[test]
fn silence_is_unknown_after_a_while() {
    let shop = Shop::with(|options| options.answer_timeout_ms = 300);
    shop.stub.fault(Asked::Create, Fault::Slow(30_000));
    let began = Instant::now();
    let seen = shop.authorize(&authorization(1, "pm_card_visa"));
    assert_eq!(seen, Answer::unknown("no answer within 300 ms"));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(matches!(shop.look_up(1, None, shop.now()), Answer::Yes(PaymentSeen::Authorized { .. })));
    // A call of many requests has an end, too.
    let shop = Shop::with(|options| options.call_timeout_ms = 300);
    shop.stub.fault(Asked::List, Fault::Slow(4_000));
    assert_eq!(shop.look_up(1, None, shop.now()), Answer::unknown("no answer within 300 ms"));
}

#[test]
fn a_kept_connection_that_has_ended_is_no_reason_for_doubt() {
    let shop = Shop::new();
    let reference = shop.reserved(1, "pm_card_visa");
    for round in 0..5 {
        shop.stub.hang_up();
        // The end of the connection may be on its way still: then it is unknown, and never anything else.
        std::thread::sleep(Duration::from_millis(50));
        let seen = shop.look_up(1, Some(&reference), shop.now());
        assert!(matches!(seen, Answer::Yes(PaymentSeen::Authorized { .. })), "{round} {seen:?}");
    }
}

#[test]
fn tls_is_spoken_and_checked() {
    let shop = Shop::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = shop.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stub = shop.stub.clone();
    shop.runtime.spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let (acceptor, stub) = (acceptor.clone(), stub.clone());
            tokio::spawn(async move {
                if let Ok(secured) = acceptor.accept(socket).await {
                    stub.connection(secured).await;
                }
            });
        }
    });
    let over = |trusted: Option<Vec<u8>>, host: &str| {
        let base = format!("https://{host}:{port}");
        let options = StripeOptions { base, trusted_root_der: trusted, ..options(&shop.stub) };
        let handle = shop.runtime.handle().clone();
        let gateway = StripeGateway::new(options, Arc::new(shop.stub.clock.clone()), handle).unwrap();
        let shop = &shop;
        move |number| {
            crate::shop::ask(|reply| {
                ticketcore::gateway::PaymentGateway::authorize(
                    &gateway,
                    authorization(number, "pm_card_visa"),
                    reply,
                );
            })
            .yes()
            .map(|_| shop.stub.with(|bank| bank.totals()[0]))
        }
    };
    assert_eq!(over(Some(der.to_vec()), "localhost")(1), Some(AMOUNT));
    assert_eq!(over(None, "localhost")(2), None, "nobody vouches for it");
    assert_eq!(over(Some(der.to_vec()), "127.0.0.1")(3), None, "it is somebody else");
    assert_eq!(shop.stub.with(|bank| bank.totals()[0]), AMOUNT);
}

#[test]
fn nothing_shows_a_secret() {
    let shop = Shop::new();
    let shown = format!("{:?} {:?}", shop.gateway, options(&shop.stub));
    assert!(!shown.contains("sk_test") && !shown.contains("pepper"), "{shown}");
    let refused = |change: fn(&mut StripeOptions)| {
        let mut options = options(&shop.stub);
        change(&mut options);
        let clock = Arc::new(shop.stub.clock.clone());
        StripeGateway::new(options, clock, shop.runtime.handle().clone()).err()
    };
    let key = refused(|options| options.api_key = Secret::new("pk_live_hidden"));
    assert!(matches!(key, Some(StripeError::ApiKey)) && !key.unwrap().to_string().contains("hidden"));
    assert!(matches!(refused(|o| o.base = "http://api.stripe.com".to_owned()), Some(StripeError::Base(_))));
    assert!(matches!(refused(|o| o.call_timeout_ms = 0), Some(StripeError::Option(_))));
    assert!(matches!(refused(|o| o.method_types.clear()), Some(StripeError::Option(_))));
    assert!(matches!(refused(|o| o.name = "x".repeat(300)), Some(StripeError::Option(_))));
    assert!(refused(|o| o.trusted_root_der = Some(vec![1])).is_none(), "not needed without TLS");
}
