//! The clients of a soak, by kind. Each kind loads a server until the round's end.

use super::http2;
use super::stage::Front;
use crate::crowd::{Crowd, Tally, Transport, Uploads};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Instant;

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// HTTP, connections kept.
    Plain,
    /// HTTP, many compressed answers at the same time.
    Many,
    /// A full handshake of TLS 1.3 for each request.
    Full13,
    /// A full handshake of TLS 1.2 for each request.
    Full12,
    /// A resumed handshake of TLS 1.3 for each request.
    Resumed13,
    /// A resumed handshake of TLS 1.2 for each request.
    Resumed12,
    /// Proxied pages over kept connections of TLS 1.3.
    ProxiedTls,
    /// Proxied pages over HTTP.
    Proxied,
    /// Pages that come compressed from the server behind, by clients that take none compressed.
    Unpacked,
    /// Clients that read slowly.
    Slow,
    /// Large bodies, sent at a limited rate.
    Throttled,
    /// Files put up and fetched.
    Uploads,
    /// The same, to the server behind.
    ProxiedUploads,
    /// HTTP/2, several streams at a time; half of the clients killed.
    Http2,
}

impl Act {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Plain,
        Self::Many,
        Self::Full13,
        Self::Full12,
        Self::Resumed13,
        Self::Resumed12,
        Self::ProxiedTls,
        Self::Proxied,
        Self::Unpacked,
        Self::Slow,
        Self::Throttled,
        Self::Uploads,
        Self::ProxiedUploads,
        Self::Http2,
    ];
}

/// Clients that resume keep their sessions from one round to the next.
static RESUMING_12: LazyLock<Transport> =
    LazyLock::new(|| Transport::tls(&rustls::version::TLS12, true));
static RESUMING_13: LazyLock<Transport> =
    LazyLock::new(|| Transport::tls(&rustls::version::TLS13, true));

impl FromStr for Act {
    type Err = String;

    /// As in reports, in letters of either case, with hyphens for spaces.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |text: &str| text.to_lowercase().replace(' ', "-").replace('/', "");
        let said = |act: &Self| plain(act.name());
        let text = plain(text);
        Self::ALL.into_iter().find(|act| said(act) == text).ok_or_else(|| {
            format!("must be of {}", Self::ALL.iter().map(said).collect::<Vec<_>>().join(", "))
        })
    }
}

impl Act {
    /// For reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Many => "many compressed",
            Self::Full13 => "TLS 1.3 full",
            Self::Full12 => "TLS 1.2 full",
            Self::Resumed13 => "TLS 1.3 resumed",
            Self::Resumed12 => "TLS 1.2 resumed",
            Self::ProxiedTls => "proxied TLS",
            Self::Proxied => "proxied",
            Self::Unpacked => "unpacked",
            Self::Slow => "slow readers",
            Self::Throttled => "throttled",
            Self::Uploads => "uploads",
            Self::ProxiedUploads => "proxied uploads",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Loads `front` in small portions until `end`.
    pub(super) fn until(self, front: &Front, end: Instant, seed: u64) -> Tally {
        let mut tally = Tally::default();
        let mut portion = seed.wrapping_add((self as u64) << 16);
        while Instant::now() < end && tally.failures < 100 {
            portion = portion.wrapping_add(1);
            tally.add(self.portion(front, portion));
            let is_done = match self {
                Self::Uploads => !front.keeps,
                Self::Unpacked => front.unpacked.is_none(),
                _ => false,
            };
            if is_done {
                break;
            }
        }
        tally
    }

    fn portion(self, front: &Front, seed: u64) -> Tally {
        let ports = front.server.ports();
        let crowd = |transport, connections| Crowd {
            half_reset: true,
            may_close_idle: true,
            seed,
            ..Crowd::new(transport, connections, connections * 6)
        };
        let closing = |transport| Crowd { keep_alive: false, ..crowd(transport, 8) };
        let uploads = |transport, below: &str, port| {
            let below = format!("{below}/{}", front.name);
            Uploads { transport, below, clients: 4, files: 3, half_reset: true, seed }.run(port)
        };
        let Front { site, proxied, throttled, unpacked, .. } = front;
        match self {
            Self::Plain => crowd(Transport::Plain, 8).run(ports.plain, site),
            Self::Many => {
                Crowd { half_reset: false, ..crowd(Transport::Plain, 24) }.run(ports.plain, site)
            }
            Self::Full13 => closing(Transport::tls13()).run(ports.tls, site),
            Self::Full12 => closing(Transport::tls12()).run(ports.tls, site),
            Self::Resumed13 => closing(RESUMING_13.clone()).run(ports.tls, site),
            Self::Resumed12 => closing(RESUMING_12.clone()).run(ports.tls, site),
            Self::ProxiedTls => crowd(Transport::tls13(), 8).run(ports.tls, proxied),
            Self::Proxied => crowd(Transport::Plain, 8).run(ports.plain, proxied),
            Self::Unpacked => unpacked.as_ref().map_or_else(Tally::default, |pages| {
                crowd(Transport::Plain, 8).run(ports.plain, pages)
            }),
            Self::Slow => {
                let slow = |transport, port| {
                    Crowd { slow: true, ..crowd(transport, 4) }
                        .run(port, &site.sized(32 << 10..=1 << 20))
                };
                let mut tally = slow(Transport::tls13(), ports.tls);
                tally.add(slow(Transport::Plain, ports.plain));
                tally
            }
            Self::Throttled => {
                let few = |transport, port| {
                    let few = Crowd { requests: 4, ..crowd(transport, 4) };
                    few.run(port, throttled)
                };
                let mut tally = few(Transport::Plain, ports.plain);
                tally.add(few(Transport::tls12(), ports.tls));
                tally
            }
            Self::Uploads if !front.keeps => Tally::default(),
            Self::Uploads => uploads(Transport::tls13(), "/up", ports.tls),
            Self::ProxiedUploads => uploads(Transport::Plain, "/proxied/up", ports.plain),
            Self::Http2 => {
                let pages = if seed.is_multiple_of(2) { site } else { proxied };
                http2::fetch(ports.tls, pages, seed, front.is_reloaded)
            }
        }
    }
}
