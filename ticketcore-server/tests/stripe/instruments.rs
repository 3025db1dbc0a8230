//! Whose instrument a payment method is.

use serde_json::json;
use ticketcore::gateway::{Answer, PaymentGateway};

use crate::returns::served_with;
use crate::shop::{Shop, ask, authorization, word};
use crate::stub::{Asked, Fault};

#[test]
fn a_card_is_the_same_before_it_pays_and_under_another_method() {
    let shop = Shop::new();
    let instrument = |method: &str| ask(|reply| shop.gateway.instrument(word(method), reply));
    let paid = shop.authorize(&authorization(1, "pm_card_visa")).yes().unwrap().fingerprint();
    assert!(paid.is_some());
    assert_eq!(instrument("pm_card_visa"), Answer::Yes(paid));
    assert_eq!(instrument("pm_card_visa_again"), Answer::Yes(paid));
    assert_ne!(instrument("pm_card_other"), Answer::Yes(paid));
    assert_eq!(instrument("pm_nobodys"), Answer::Yes(None));
    assert_eq!(shop.stub.count(Asked::Method), 4);
    // Known by now, and what is no name of a method becomes no part of a path.
    assert_eq!(instrument("pm_card_visa"), Answer::Yes(paid));
    for method in ["pm_", "pm_1/../../v1/refunds", "pm_1?x", "tok_visa", "none"] {
        assert_eq!(instrument(method), Answer::Yes(None), "{method}");
    }
    assert_eq!(shop.stub.count(Asked::Method), 4);
}

#[test]
fn whose_instrument_it_is_may_stay_unknown() {
    let shop = Shop::new();
    shop.stub.fault(Asked::Method, Fault::Broken);
    let instrument = || ask(|reply| shop.gateway.instrument(word("pm_card_visa"), reply));
    assert!(matches!(instrument(), Answer::Unknown { .. }));
    assert_eq!((instrument(), shop.stub.count(Asked::Method)), (Answer::Yes(None), 1), "not at once again");
    shop.stub.clock.advance(5_000);
    assert!(matches!(instrument(), Answer::Yes(Some(_))), "it is asked for again");
    let untold = Shop::with(|options| options.fingerprint_secret = None);
    let unasked = ask(|reply| untold.gateway.instrument(word("pm_card_visa"), reply));
    assert_eq!((unasked, untold.stub.count(Asked::Method)), (Answer::Yes(None), 0));
}

#[test]
fn a_card_that_failed_too_often_is_known_under_a_new_method_and_nobody_waits_for_who_does_not_tell() {
    let rule = "guard.risk.velocity=[{ name = 'card', counts = 'payment_failures', by = 'payment', seconds = 600, over = 1, points = 60 }]";
    let served =
        served_with("cards", &["guard.allow=[]", "guard.challenge.cost=1", "guard.risk.new_device=0", rule]);
    for from in [0, 1] {
        let buyer = served.server.new_buyer();
        served.order(&buyer, from, "pm_card_declined", None).ok(402).problem("payment_declined");
    }
    let again = served.order(&served.server.new_buyer(), 2, "pm_card_declined_again", None);
    again.ok(403).problem("challenge_required");
    assert_eq!(served.stub.count(Asked::Method), 2, "once for each method");
    served.order(&served.server.new_buyer(), 3, "pm_card_visa", None).ok(201);
    served.stub.fault(Asked::Method, Fault::Broken);
    served.order(&served.server.new_buyer(), 4, "pm_card_other", None).ok(201);
    // Who has nothing to pay has nothing asked.
    let invented = served.server.event.replacen("evt_", "hld_", 1) + "00000000000zz";
    let nothing = json!({"holdId": invented, "paymentMethodId": "pm_card_x"});
    let before = served.stub.count(Asked::Method);
    served.server.new_buyer().with("idempotency-key", "x").post("/v1/orders", &nothing).ok(404);
    assert_eq!(served.stub.count(Asked::Method), before);
}
