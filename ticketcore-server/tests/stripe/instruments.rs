//! Whose instrument a payment method is.

use ticketcore::gateway::{Answer, PaymentGateway};

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
    assert!(matches!(instrument(), Answer::Yes(Some(_))), "it is asked for again");
    let untold = Shop::with(|options| options.fingerprint_secret = None);
    let unasked = ask(|reply| untold.gateway.instrument(word("pm_card_visa"), reply));
    assert_eq!((unasked, untold.stub.count(Asked::Method)), (Answer::Yes(None), 0));
}
