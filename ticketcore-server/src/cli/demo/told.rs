//! What the demo says when it is ready: lines that work as pasted.

use super::crowd::PREQUEUE_S;
use super::venues::DemoEvent;

/// Payment methods of the sandbox, and what happens with them.
const METHODS: [(&str, &str); 13] = [
    ("pm_ok", "goes well"),
    ("pm_declined", "is declined; the seats stay yours to try again"),
    ("pm_insufficient_funds", "is declined"),
    ("pm_requires_action", "wants the buyer to act: POST /v1/sandbox/actions"),
    ("pm_slow:5000", "is answered after 5 seconds"),
    ("pm_timeout_before", "the first call is lost before it has an effect"),
    ("pm_timeout_after", "the first answer is lost; the money is not"),
    ("pm_late:20000", "nobody knows for 20 seconds, then it succeeds"),
    ("pm_late_declined:20000", "nobody knows for 20 seconds, then it is declined"),
    ("pm_refund_fails", "the first two refunds fail, the third works"),
    ("pm_refund_stuck", "refunds fail for good, and are listed"),
    ("pm_refund_pending:5000", "refunds take 5 seconds"),
    ("pm_refund_bounces:5000", "the first refund comes back after 5 seconds, and is sent again"),
];

/// Says it; `base` is the server's address as a URL, `kept` whether what is done is there after the end, `crowded` whether one must stand in line.
pub fn tell(base: &str, events: &[DemoEvent], (staff, buyer): (&str, &str), (kept, crowded): (bool, bool)) {
    println!("ticketcore demo: {base}/");
    println!();
    for event in events {
        println!("  {}  {:>6} seats  {}", event.id, event.seats, event.name);
    }
    println!();
    println!("Payment methods of the sandbox (no money moves):");
    for (method, happens) in METHODS {
        println!("  {method:<24} {happens}");
    }
    println!();
    println!("Paste this, line by line:");
    println!();
    println!("BASE={base}");
    println!("STAFF={staff}");
    println!("BUYER={buyer}");
    if let Some(event) = events.first().filter(|_| crowded) {
        println!("curl -s $BASE/v1/waiting-room/{}; echo", event.id);
        println!();
        println!("The lottery is open for {PREQUEUE_S} seconds: join it in the page above.");
    } else if let Some(event) = events.first() {
        for line in lines(event) {
            println!("{line}");
        }
    }
    println!();
    println!("Ctrl-C ends it; {}.", if kept { "everything is kept" } else { "nothing is kept" });
}

/// From an event to a ticket that is verified and used.
fn lines(event: &DemoEvent) -> Vec<String> {
    let id = event.id;
    let post = r#"curl -s -X POST -H "Authorization: Bearer $BUYER" -H "Content-Type: application/json""#;
    vec![
        "curl -s $BASE/v1/events; echo".to_owned(),
        format!("curl -s $BASE/v1/events/{id}/availability; echo"),
        format!(
            r#"HOLD=$({post} -H "Idempotency-Key: hold-1" $BASE/v1/holds -d '{{"eventId":"{id}","seatIds":["{}"]}}' | sed 's/.*"holdId":"\([^"]*\)".*/\1/'); echo $HOLD"#,
            event.seat
        ),
        format!(
            r#"ORDER=$({post} -H "Idempotency-Key: order-1" $BASE/v1/orders -d '{{"holdId":"'$HOLD'","paymentMethodId":"pm_ok","customer":{{"email":"ann@example.org","name":"Ann"}}}}' | sed 's/.*"orderId":"\([^"]*\)".*/\1/'); echo $ORDER"#
        ),
        r#"curl -s -H "Authorization: Bearer $BUYER" $BASE/v1/orders/$ORDER/tickets; echo"#.to_owned(),
        r#"curl -s -H "Authorization: Bearer $BUYER" $BASE/v1/orders/$ORDER/tickets/0/qr.png -o ticket.png"#.to_owned(),
        r#"CODE=$(curl -s -H "Authorization: Bearer $BUYER" $BASE/v1/orders/$ORDER/tickets | sed 's/.*"code":"\([^"]*\)".*/\1/')"#.to_owned(),
        r#"curl -s $BASE/v1/checkin/keys | cargo run --quiet --release -p ticketcore-server -- verify-ticket $CODE"#.to_owned(),
        r#"curl -s -X POST -H "Authorization: Bearer $STAFF" -H "Content-Type: application/json" $BASE/v1/checkin/redeem -d '{"code":"'$CODE'"}'; echo"#.to_owned(),
    ]
}
