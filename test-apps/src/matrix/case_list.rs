//! Which cases there are: all of them, and the selection for the test suite.

use super::{Case, MODES, Traffic};
use crate::WebServer;

const TRAFFIC: [Traffic; 6] = [
    Traffic::Http,
    Traffic::Tls12,
    Traffic::Tls13,
    Traffic::Http2,
    Traffic::WrkHttp,
    Traffic::WrkTls,
];

/// Each value of each axis at least once, and each pair of traffic and connections, but 512 at once
/// for wrk over TLS: it starts anew for every run, and a slow machine sees handshakes only.
/// Traffic, gzip, keep-alive, connections.
const SELECTION: [(Traffic, bool, bool, usize); 12] = [
    (Traffic::Http, true, true, 64),
    (Traffic::Http, false, false, 512),
    (Traffic::Tls12, false, true, 512),
    (Traffic::Tls12, true, false, 64),
    (Traffic::Tls13, true, true, 512),
    (Traffic::Tls13, false, false, 64),
    (Traffic::Http2, true, true, 64),
    (Traffic::Http2, false, true, 512),
    (Traffic::WrkHttp, true, true, 64),
    (Traffic::WrkHttp, false, false, 512),
    (Traffic::WrkTls, true, true, 64),
    (Traffic::WrkTls, false, false, 64),
];

impl Case {
    /// Every cell. HTTP/2 connections are always kept.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for server in WebServer::ALL {
            for mode in MODES {
                for traffic in TRAFFIC {
                    cases.extend(Self::of(server, mode, traffic));
                }
            }
        }
        cases
    }

    /// The selection for one server in one mode.
    #[must_use]
    pub fn selection(server: WebServer, mode: &'static str) -> Vec<Self> {
        let case = |(traffic, gzip, keep_alive, connections)| Self {
            server,
            mode,
            traffic,
            gzip,
            keep_alive,
            connections,
        };
        SELECTION.into_iter().map(case).collect()
    }

    fn of(server: WebServer, mode: &'static str, traffic: Traffic) -> Vec<Self> {
        let mut cases = Vec::new();
        for gzip in [true, false] {
            for keep_alive in [true, false] {
                for connections in [64, 512] {
                    if keep_alive || traffic != Traffic::Http2 {
                        cases.push(Self { server, mode, traffic, gzip, keep_alive, connections });
                    }
                }
            }
        }
        cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_selection_is_a_part_of_the_matrix_and_meets_every_value() {
        let all: HashSet<Case> = Case::all().into_iter().collect();
        assert_eq!(all.len(), Case::all().len());
        for server in WebServer::ALL {
            for mode in MODES {
                let selection = Case::selection(server, mode);
                assert!(selection.iter().all(|case| all.contains(case)));
                for case in all.iter().filter(|c| c.server == server && c.mode == mode) {
                    let met = |same: &dyn Fn(&Case) -> bool| selection.iter().any(same);
                    let any = case.traffic == Traffic::WrkTls;
                    assert!(met(&|c| {
                        c.traffic == case.traffic && (any || c.connections == case.connections)
                    }));
                    assert!(met(&|c| c.traffic == case.traffic && c.gzip == case.gzip));
                    assert!(met(&|c| c.traffic == case.traffic && c.keep_alive == case.keep_alive));
                }
            }
        }
    }
}
