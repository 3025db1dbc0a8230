//! [`Connection`]: HTTP/1.1 by hand, as cheap as it gets: one request at a time over one connection that stays open.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROOM: usize = 4 << 10;

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What a server answered.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The status line and the headers.
    pub head: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; ROOM] })
    }

    /// Sends a request and reads its answer, which has a length.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let (mut filled, mut looked) = (0, 0);
        let mut known = None;
        loop {
            let more = self.stream.read(&mut self.buffer[filled..]).await?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += more;
            if known.is_none() {
                if let Some(end) = find(&self.buffer[looked..filled], b"\r\n\r\n") {
                    let end = looked + end;
                    let all = end + 4 + length(&self.buffer[..end]);
                    if self.buffer.len() < all {
                        self.buffer.resize(all, 0);
                    }
                    known = Some((end, all));
                }
                looked = filled.saturating_sub(3);
                if known.is_none() && filled == self.buffer.len() {
                    self.buffer.resize(filled * 2, 0);
                }
            }
            if let Some((end, all)) = known.filter(|(_, all)| *all <= filled) {
                let head = &self.buffer[..end];
                return Ok(Answer { status: status(head), head, body: &self.buffer[end + 4..all] });
            }
        }
    }
}

impl Answer<'_> {
    /// The answer as an error, to be told.
    pub fn unexpected(&self, to: &str) -> String {
        let (head, body) = (String::from_utf8_lossy(self.head), String::from_utf8_lossy(self.body));
        format!("{to} was answered {head}\r\n\r\n{body:.2000}")
    }

    /// The revision that the tag of availability begins with.
    pub fn revision(&self) -> Option<u64> {
        number(after(self.head, b"\r\netag: \"")?)
    }
}

/// The status of a head: `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> u16 {
    head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0)
}

/// The length of the body after a head, as hyper writes it.
fn length(head: &[u8]) -> usize {
    let told = after(head, b"\r\ncontent-length: ").and_then(number);
    told.and_then(|length| usize::try_from(length).ok()).unwrap_or(0)
}

/// Where something begins.
pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// What stands behind something.
pub fn after<'a>(text: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    find(text, what).map(|at| &text[at + what.len()..])
}

/// The number that a text begins with.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

/// The value of a member of a JSON object that is text without escapes: `"name":"` stands before it.
pub fn text_after<'a>(body: &'a [u8], member: &[u8]) -> Option<&'a str> {
    let rest = after(body, member)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_members_are_read() {
        let head = b"HTTP/1.1 201 Created\r\netag: \"12-map\"\r\ncontent-length: 34\r\n";
        assert_eq!((status(head), length(head)), (201, 34));
        let answer = Answer { status: 201, head, body: b"{\"a\":\"b\",\"n\":7}" };
        assert_eq!(answer.revision(), Some(12));
        assert_eq!(text_after(answer.body, b"\"a\":\""), Some("b"));
        assert_eq!(after(answer.body, b"\"n\":").and_then(number), Some(7));
        assert_eq!((length(b""), find(b"aab", b"ab"), find(b"", b"x")), (0, Some(1), None));
    }
}
