//! The server's program.
#![forbid(unsafe_code)]

fn main() {}
