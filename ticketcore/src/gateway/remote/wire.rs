//! The messages between a sandbox and who calls it: a length of four bytes, lowest first, and so many bytes of postcard.
//!
//! The server says [`Hello`] first. Then each request bears a number, and its response the same, in any order.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize as SerializeDerive};

use crate::gateway::call::{Authorize, Capture, ChargePage, LookUp, Refund, Void};
use crate::gateway::key::GatewayKey;
use crate::gateway::reply::Answer;
use crate::gateway::sandbox::{ActionEnd, Notification};
use crate::limits::GATEWAY_MESSAGE_BYTES_MAX;
use crate::order::{PaymentSeen, RefundSeen, Word};

/// Changes whenever a message does.
pub(super) const VERSION: u32 = 2;
/// Notifications in one response.
pub(super) const NOTIFICATIONS_PER_RESPONSE: usize = 256;

/// What a server says first.
#[derive(Debug, PartialEq, SerializeDerive, Deserialize)]
pub(super) struct Hello {
    pub version: u32,
    pub name: String,
    pub key_retention_ms: u64,
}

#[derive(Debug, PartialEq, SerializeDerive, Deserialize)]
pub(super) enum Request {
    Authorize(Authorize),
    Capture(Capture),
    Void(Void),
    Refund(Refund),
    LookUp(LookUp),
    LookUpRefund(LookUp),
    Charges(Option<Word>),
    Notifications,
    CompleteAction(GatewayKey, ActionEnd),
    /// Nothing more will come.
    Bye,
}

#[derive(Debug, PartialEq, SerializeDerive, Deserialize)]
pub(super) enum Response {
    Payment(Answer<PaymentSeen>),
    Refund(Answer<RefundSeen>),
    Page(Answer<ChargePage>),
    Notifications(Vec<Notification>),
    Acted(Option<PaymentSeen>),
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The bytes of a message.
pub(super) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    bytes.extend(postcard::to_allocvec(message).map_err(invalid)?);
    let len = bytes.len() - 4;
    match u32::try_from(len) {
        Ok(len32) if len <= GATEWAY_MESSAGE_BYTES_MAX => bytes[..4].copy_from_slice(&len32.to_le_bytes()),
        _ => return Err(invalid("the message is too long")),
    }
    Ok(bytes)
}

/// Writes a message, and out it is.
pub(super) fn write(message: &impl Serialize, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&encode(message)?)?;
    to.flush()
}

/// Reads a message.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > GATEWAY_MESSAGE_BYTES_MAX {
        return Err(invalid("the message is too long"));
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(invalid)
}
