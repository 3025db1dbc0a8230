//! Shoppers who want seats: [`Holder`], [`Releaser`], [`Refused`], [`Buyer`].

use std::sync::Arc;

use parking_lot::Mutex;
use ticketcore_benches::Random;
use tokio::time::Instant;

use crate::load::{Shopper, Timing, Verdict, run};
use crate::shop::{Desk, Pair, Shop};
use crate::{CONNECTIONS, Outcome};
use ticketcore_benches::wire::{Answer, after, number, text_after};

/// A hold somebody has.
pub struct Held {
    user: u64,
    id: String,
}

/// Revisions that were acknowledged, and when that was heard.
pub type Acknowledged = Arc<Mutex<Vec<(u64, Instant)>>>;

/// Holds pair after pair, each as a new buyer.
pub struct Holder {
    desk: Arc<Desk>,
    asked: Option<Pair>,
    user: u64,
    /// Whether the server may say that it is overloaded.
    lenient: bool,
    acknowledged: Option<Acknowledged>,
    pub held: Vec<Held>,
}

impl Holder {
    pub fn new(desk: &Arc<Desk>) -> Self {
        Self {
            desk: Arc::clone(desk),
            asked: None,
            user: 0,
            lenient: false,
            acknowledged: None,
            held: Vec::new(),
        }
    }

    /// The server may say that it is overloaded.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Acknowledgements are noted.
    pub fn noting(mut self, acknowledged: &Acknowledged) -> Self {
        self.acknowledged = Some(Arc::clone(acknowledged));
        self
    }
}

impl Shopper for Holder {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        let Some(pair) = self.asked.or_else(|| self.desk.free.lock().pop()) else { return false };
        (self.asked, self.user) = (Some(pair), Desk::newcomer());
        self.desk.write_hold(into, self.user, pair);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        match (answer.status, text_after(answer.body, b"\"holdId\":\"")) {
            (201, Some(id)) => {
                self.asked = None;
                self.held.push(Held { user: self.user, id: id.to_owned() });
                if let Some(acknowledged) = &self.acknowledged {
                    let revision = after(answer.body, b"\"revision\":").and_then(number);
                    acknowledged.lock().push((revision.ok_or("no revision")?, Instant::now()));
                }
                Ok(Verdict::Done)
            }
            (503, _) if self.lenient => Ok(Verdict::Refused),
            _ => Err(answer.unexpected("a hold").into()),
        }
    }
}

/// Gives holds back.
struct Releaser {
    desk: Arc<Desk>,
    held: Vec<Held>,
}

impl Shopper for Releaser {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        let Some(Held { user, id }) = self.held.pop() else { return false };
        self.desk.write(into, format_args!("DELETE /v1/holds/{id}"), user, None);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        if answer.status == 204 { Ok(Verdict::Done) } else { Err(answer.unexpected("a release").into()) }
    }
}

/// Gives back what holders hold.
pub async fn release(shop: &Shop, holders: Vec<Holder>) -> Outcome<()> {
    let desk = shop.desk(0);
    let mut releasers = Vec::new();
    releasers.resize_with(CONNECTIONS, || Releaser { desk: Arc::clone(&desk), held: Vec::new() });
    for (at, held) in holders.into_iter().flat_map(|holder| holder.held).enumerate() {
        releasers[at % CONNECTIONS].held.push(held);
    }
    run(&shop.child, releasers, Timing { time: None, pace: None }).await?;
    Ok(())
}

/// Asks for pairs that others hold.
pub struct Refused {
    desk: Arc<Desk>,
    random: Random,
    taken: u32,
}

impl Refused {
    /// Wants some of the first `taken` pairs of the first stadium.
    pub fn new(desk: &Arc<Desk>, seed: u64, taken: u32) -> Self {
        Self { desk: Arc::clone(desk), random: Random::new(seed), taken }
    }
}

impl Shopper for Refused {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        let pair = Pair { event: 0, first: 2 * self.random.below(self.taken) as usize };
        self.desk.write_hold(into, Desk::newcomer(), pair);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        if answer.status == 409 { Ok(Verdict::Done) } else { Err(answer.unexpected("a hold").into()) }
    }
}

enum Step {
    Hold,
    Order(String),
    Tickets(String),
}

/// Buys pair after pair, each as a new buyer: hold, order and payment, tickets.
pub struct Buyer {
    desk: Arc<Desk>,
    user: u64,
    step: Step,
}

impl Buyer {
    pub fn new(desk: &Arc<Desk>) -> Self {
        Self { desk: Arc::clone(desk), user: 0, step: Step::Hold }
    }
}

impl Shopper for Buyer {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        match &self.step {
            Step::Hold => {
                let Some(pair) = self.desk.free.lock().pop() else { return false };
                self.user = Desk::newcomer();
                self.desk.write_hold(into, self.user, pair);
            }
            Step::Order(hold) => {
                let body = format_args!(
                    r#"{{"holdId":"{hold}","paymentMethodId":"pm_ok","customer":{{"email":"ann@example.org"}}}}"#
                );
                self.desk.write(into, format_args!("POST /v1/orders"), self.user, Some(body));
            }
            Step::Tickets(order) => {
                self.desk.write(into, format_args!("GET /v1/orders/{order}/tickets"), self.user, None);
            }
        }
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        let member = |member| text_after(answer.body, member).map(str::to_owned);
        let next = match &self.step {
            Step::Hold if answer.status == 201 => member(b"\"holdId\":\"").map(Step::Order),
            // 202: the server's patience was over first. Its tickets are asked for until they are there.
            Step::Order(_) if [201, 202].contains(&answer.status) => {
                member(b"\"orderId\":\"").map(Step::Tickets)
            }
            Step::Tickets(order) if answer.status == 200 => {
                let order = order.clone();
                Some(member(b"\"code\":\"").map_or(Step::Tickets(order), |_| Step::Hold))
            }
            _ => None,
        };
        self.step = next.ok_or_else(|| answer.unexpected("a purchase"))?;
        Ok(if matches!(self.step, Step::Hold) { Verdict::Done } else { Verdict::Step })
    }
}
