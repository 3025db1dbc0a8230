//! [`Stay`]: the place of one request, which nobody keeps while he is waited for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::code::Code;
use super::gate::Place;
use super::problem::Problem;

/// Who is refused because too much is under way comes back after so long, in milliseconds.
pub const SHED_RETRY_MS: u64 = 1_000;

/// The type of draft-ietf-httpapi-ratelimit-headers-11, section 5.2.
const REDUCED_CAPACITY: &str = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";

/// The answer to who is sent away because too much is under way.
#[must_use]
pub fn shed() -> Problem {
    let told = "Too many requests are under way";
    Problem::new(Code::Overloaded, told).kind(REDUCED_CAPACITY).retry_after_ms(SHED_RETRY_MS)
}

/// A request's place at the gate; `None` for who needs none. Places are for work: while a caller's bytes are waited for, others have it.
#[derive(Default)]
pub struct Stay(Option<Place>);

impl Stay {
    /// With a place.
    #[must_use]
    pub const fn at(place: Place) -> Self {
        Self(Some(place))
    }

    /// Waits for what comes from the caller. What is there at once costs no place; else the place is given back, and there is another once all
    /// of it has come.
    ///
    /// # Errors
    /// What is wrong with what comes; [`Code::Overloaded`] if too many are waited for, or there is no place any more.
    pub async fn while_coming<T>(
        &mut self,
        coming: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let mut coming = pin!(coming);
        let at_once = poll_fn(|context| Poll::Ready(coming.as_mut().poll(context))).await;
        if let Poll::Ready(come) = at_once {
            return come;
        }
        let Some(place) = self.0.take() else { return coming.await };
        let outside = place.leave().ok_or_else(shed)?;
        let come = coming.await?;
        self.0 = Some(outside.come_back().await.ok_or_else(shed)?);
        Ok(come)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::super::gate::{Gate, GateOptions};
    use super::*;

    fn options(places: usize) -> GateOptions {
        let (target, patience) = (Duration::from_millis(20), Duration::from_millis(50));
        GateOptions { places, waiting_max: 10, target, patience }
    }

    #[tokio::test]
    async fn who_is_waited_for_keeps_no_place_and_has_one_when_he_has_come() {
        let gate = Gate::new(options(1));
        let mut stay = Stay::at(gate.enter().await.unwrap());
        assert_eq!(stay.while_coming(async { Ok(1) }).await.unwrap(), 1);
        assert!(gate.enter().await.is_none(), "what is there at once is read without leaving");
        let (send, coming) = oneshot::channel();
        let waiting = tokio::spawn(async move {
            let come = stay.while_coming(async { Ok(coming.await.unwrap()) }).await;
            (come.map_err(|problem| problem.code()), stay)
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        let other = gate.enter().await.unwrap();
        drop(other);
        send.send(2).unwrap();
        let (come, stay) = waiting.await.unwrap();
        assert_eq!(come, Ok(2));
        assert!(gate.enter().await.is_none());
        drop(stay);
        assert!(gate.enter().await.is_some());
    }

    #[tokio::test]
    async fn who_comes_back_to_a_full_gate_and_who_is_one_too_many_are_shed() {
        let gate = Gate::new(options(1));
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let mut stay = Stay::at(gate.enter().await.unwrap());
            let (send, coming) = oneshot::channel();
            let come = tokio::spawn(async move {
                let come = stay.while_coming(async { Ok(coming.await.unwrap()) }).await;
                come.map_err(|problem| problem.code())
            });
            tokio::time::sleep(Duration::from_millis(10)).await;
            waiting.push((send, come));
        }
        let mut stay = Stay::at(gate.enter().await.unwrap());
        let never = std::future::pending::<Result<(), Problem>>();
        assert_eq!(stay.while_coming(never).await.unwrap_err().code(), Code::Overloaded);
        let _place = gate.enter().await.unwrap();
        for (send, come) in waiting {
            send.send(2).unwrap();
            assert_eq!(come.await.unwrap(), Err::<i32, _>(Code::Overloaded));
        }
    }
}
