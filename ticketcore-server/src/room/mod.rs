//! Waiting rooms: what the core decides about the crowd, with a clock, keys, measurements and people who ask.

mod desk;
mod guard;
mod measure;
mod metrics;
mod pulse;
mod rooms;
mod status;
mod stream;

pub use desk::Desk;
pub use guard::{Passed, admission};
pub(crate) use guard::{belongs, device_of, holder};
pub use metrics::RoomMetrics;
pub use pulse::Pulse;
pub use rooms::Rooms;
pub(crate) use status::hex;
pub use status::{LotteryShape, RoomStatus, Status, StockHint};
pub use stream::StatusStream;
