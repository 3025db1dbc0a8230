//! [`Pool`]: connections that stay open, for requests one at a time each.

use std::net::SocketAddr;

use parking_lot::Mutex;
use ticketcore_benches::wire::Connection;
use tokio::sync::Semaphore;

use crate::Outcome;

/// Connections that stay open.
pub struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
    room: Semaphore,
}

/// What a server answered.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer as an error.
    pub fn unexpected(&self, to: &str) -> String {
        format!("{to} was answered {}: {:.600}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Pool {
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        Self { address, idle: Mutex::default(), room: Semaphore::new(connections) }
    }

    /// Sends a request and reads the answer, on a connection that is free. The server closes those that idle: then on a new one. Whatever is
    /// asked here may be asked twice.
    pub async fn ask(&self, request: &[u8]) -> Outcome<Reply> {
        let _room = self.room.acquire().await?;
        let idle = self.idle.lock().pop();
        if let Some(connection) = idle
            && let Ok(reply) = self.ask_on(connection, request).await
        {
            return Ok(reply);
        }
        Ok(self.ask_on(Connection::open(self.address).await?, request).await?)
    }

    async fn ask_on(&self, mut connection: Connection, request: &[u8]) -> std::io::Result<Reply> {
        let answer = connection.ask(request).await?;
        let reply = Reply { status: answer.status, body: answer.body.to_vec() };
        self.idle.lock().push(connection);
        Ok(reply)
    }
}
