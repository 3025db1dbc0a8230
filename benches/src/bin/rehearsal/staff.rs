//! What staff does: sets the room up, closes the prequeue, draws, opens the sale.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ticketcore::admission::{DrawRecord, EntrantTag, Permutation};
use ticketcore::{Clock, SystemClock};

use crate::crowd::Crowd;
use crate::pool::{Pool, Reply};
use crate::{Args, Outcome, pool};

/// Staff at work.
pub struct Staff {
    crowd: Arc<Crowd>,
    pool: Arc<Pool>,
}

/// Entries whose proofs are checked.
const PROOFS: u32 = 100;

impl Staff {
    pub fn new(crowd: &Arc<Crowd>) -> Self {
        Self { crowd: Arc::clone(crowd), pool: pool(crowd, 1) }
    }

    async fn ask(&self, line: &str, body: Option<&str>) -> Outcome<Reply> {
        let request = match body {
            Some(body) => self.crowd.plain(line, true, Some(body)),
            None => self.crowd.plain(line, true, None),
        };
        let reply = self.pool.ask(&request).await?;
        if reply.status == 200 { Ok(reply) } else { Err(reply.unexpected(line).into()) }
    }

    /// Sets the room up and opens the prequeue.
    pub async fn prepare(&self, args: &Args) -> Outcome<()> {
        let event = &self.crowd.ready.event;
        let target = target(args);
        let calls = target / 4;
        let config = format!(
            r#"{{"entry":"account","entropySource":"the rehearsal's clock","absenceMs":20000,"claimMs":5000,"admissionMs":60000,"browseMs":8000,"ticketsPerAdmission":4,
            "control":{{"targetActive":{target},"floorActive":{},"callsPerSMax":{calls},"increasePerStep":{},"ticketsPerPersonCenti":170}}}}"#,
            (target / 20).max(1),
            (target / 10).max(1),
        );
        self.ask(&format!("PUT /v1/admin/waiting-rooms/{event}"), Some(&config)).await?;
        let phase = format!("POST /v1/admin/waiting-rooms/{event}/phase");
        self.ask(&phase, Some(r#"{"phase":"prequeue"}"#)).await?;
        Ok(())
    }

    /// Closes the prequeue and draws; checks the draw as anybody can.
    pub async fn draw(&self) -> Outcome<Permutation> {
        let event = &self.crowd.ready.event;
        let room = format!("/v1/admin/waiting-rooms/{event}");
        let before = self.ask(&format!("POST {room}/phase"), Some(r#"{"phase":"drawing"}"#)).await?;
        let before: Value = serde_json::from_slice(&before.body)?;
        let now = SystemClock.now();
        self.ask(&format!("POST {room}/draw"), Some(&format!(r#"{{"entropy":"{now}"}}"#))).await?;
        let draw = self.ask(&format!("GET /v1/waiting-room/{event}/draw"), None).await?;
        let draw: Value = serde_json::from_slice(&draw.body)?;
        if draw["root"] != before["lottery"]["root"] || draw["entrants"] != before["lottery"]["entrants"] {
            return Err("the draw is not of what was published".into());
        }
        let record = DrawRecord {
            event: event.parse()?,
            commitment: hash(&draw["commitment"])?,
            entropy_source: draw["entropySource"].as_str().unwrap_or_default().to_owned(),
            entrants: u32::try_from(draw["entrants"].as_u64().unwrap_or_default())?,
            root: hash(&draw["root"])?,
            entropy: draw["entropy"].as_str().unwrap_or_default().to_owned(),
            key: hash(&draw["key"])?,
        };
        for one in 0..PROOFS {
            self.prove(&record, one * (self.crowd.early / PROOFS)).await?;
        }
        Ok(record.order()?)
    }

    async fn prove(&self, record: &DrawRecord, user: u32) -> Outcome<()> {
        let token = self.crowd.token(user).ok_or("he has joined")?;
        let body = format!(r#"{{"positionToken":"{token}"}}"#);
        let request = self.crowd.request("POST /v1/waiting-room/proof", user, "", Some(&body));
        let proof: Value = serde_json::from_slice(&self.pool.ask(&request).await?.body)?;
        let number = u32::try_from(proof["number"].as_u64().ok_or("no number")?)?;
        let tag = EntrantTag::from_hex(proof["entrant"].as_str().unwrap_or_default()).ok_or("no entrant")?;
        let path =
            proof["path"].as_array().ok_or("no path")?.iter().map(hash).collect::<Outcome<Vec<_>>>()?;
        record.check(number, tag, &path)?;
        Ok(())
    }

    /// Opens the sale, and waits until the room has followed.
    pub async fn open(&self) -> Outcome<()> {
        let event = &self.crowd.ready.event;
        let state = format!("POST /v1/admin/events/{event}/sale-state");
        self.ask(&state, Some(r#"{"state":"onsale"}"#)).await?;
        for _try in 0..100 {
            let status = self.ask(&format!("GET /v1/waiting-room/{event}"), None).await?;
            if serde_json::from_slice::<Value>(&status.body)?["phase"] == "open" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the room does not open".into())
    }
}

/// People inside at once: a twentieth of the seats, and no more than leave time for everything that is read.
pub fn target(args: &Args) -> u32 {
    (args.seats / 20).clamp(40, 1_200)
}

fn hash(text: &Value) -> Outcome<[u8; 32]> {
    let text = text.as_str().filter(|text| text.len() == 64 && text.is_ascii()).ok_or("no hash")?;
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16)?;
    }
    Ok(hash)
}
