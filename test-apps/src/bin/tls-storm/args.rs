//! The command line.
//!
//! Must not: decide what makes sense together; that is the plan's, except for what clap can say.

use crate::plan::{Group, Version};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Loads a server with TLS handshakes and HTTP requests from one thread, and checks every answer.
///
/// Its key shares are the base points of their curves, so that a handshake costs the server what
/// it always costs and the client next to nothing. Nothing sent this way is secret.
///
/// Exit codes: 0 no error, 1 errors occurred, 2 bad usage.
#[derive(Debug, Parser)]
#[command(name = "tls-storm", version)]
pub(crate) struct Args {
    /// Address and port of the server
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) connect: SocketAddr,

    /// Name to ask for, in TLS and in the Host header
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    pub(crate) sni: String,

    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,

    /// Begin nothing new after this time [10, unless --handshakes or --requests is given]
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,

    /// Begin this many connections in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) handshakes: Option<u64>,

    /// Send this many requests in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,

    /// Version of TLS
    #[arg(long, value_name = "VERSION", value_enum, default_value_t = Version::Tls13)]
    pub(crate) tls: Version,

    /// Plain HTTP, without TLS
    #[arg(long, conflicts_with_all = ["tls", "group", "resume", "verify_share", "handshakes"])]
    pub(crate) plain: bool,

    /// Group of the key exchange
    #[arg(long, value_name = "GROUP", value_enum, default_value_t = Group::X25519)]
    pub(crate) group: Group,

    /// TLS 1.2 without an ephemeral key: the secret is encrypted to the server's RSA key. By OpenSSL
    /// instead of rustls, which costs more
    #[arg(long, conflicts_with_all = ["plain", "group", "resume", "verify_share"])]
    pub(crate) static_rsa: bool,

    /// Resume earlier sessions where tickets are at hand
    #[arg(long)]
    pub(crate) resume: bool,

    /// Requests on one connection, one after the other; 0: handshake and close
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub(crate) requests_per_connection: u64,

    /// What to ask for; several are asked for in turn
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub(crate) path: Vec<String>,

    /// A further header line of each request; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// SHA-256 that the body has to have; one for each --path, in their order
    #[arg(long, value_name = "HEX", conflicts_with = "expect_file")]
    pub(crate) expect_sha256: Vec<String>,

    /// File that the body has to equal; one for each --path, in their order
    #[arg(long, value_name = "FILE")]
    pub(crate) expect_file: Vec<PathBuf>,

    /// Connections that begin per second, whether or not the server keeps up (an open loop); at
    /// most --connections at a time, and latency counts from when each was due
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<f64>,

    /// Share of the handshakes whose signature is verified, 0 to 1; the first one always is
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub(crate) verify_share: f64,

    /// Give a connection up after so many seconds without a sign of the server
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    pub(crate) timeout: f64,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
