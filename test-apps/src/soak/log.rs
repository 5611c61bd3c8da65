//! Which lines the error logs of the servers may hold under this load: those that a stock server
//! writes, too.

/// A line with one of these is allowed.
const ALLOWED: [&str; 13] = [
    // Interlude: what its chaos draws from.
    "interlude: engine chaos, ",
    // nginx: what it does.
    "[notice]",
    "is buffered to a temporary file",
    // Clients that go away, by nginx.
    "prematurely closed connection",
    "Connection reset by peer",
    "Broken pipe",
    "timed out (110: Connection timed out)",
    // Handshakes that are cut, by OpenSSL.
    "SSL_do_handshake() failed",
    "peer closed connection",
    // lighttpd: what it does.
    "server started",
    "server stopped",
    "(connections.c.",
    "SSL: -1 5 104 Connection reset by peer",
];

/// What a worker of stock nginx says that is told to end, sees no timer left, and so ends with a proxied
/// request or an HTTP/2 connection under way (once in 300 reloads under this load, with 340000 requests).
/// Where one ends beside parked coroutines, Interlude says so, and that is not allowed.
const LEFT: &str = "left in connection";
/// What it says after those.
const ABORTING: &str = ": aborting";

/// What a log says, from a line on.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Those that are not allowed.
    pub(super) strange: Vec<String>,
    /// Connections with which workers ended early, each of which may cost a client its answer.
    pub(super) left: u64,
    /// How many lines there are.
    pub(super) count: usize,
}

/// The lines from number `from` on. `is_reloaded`: workers are told to end.
pub(super) fn read(log: &str, from: usize, is_reloaded: bool) -> Lines {
    let mut lines = Lines { count: log.lines().count(), ..Lines::default() };
    for line in log.lines().skip(from).filter(|line| !line.is_empty() && !allowed(line)) {
        if is_reloaded && line.contains(LEFT) {
            lines.left += 1;
        } else if !(is_reloaded && line.ends_with(ABORTING)) {
            lines.strange.push(line.to_owned());
        }
    }
    lines
}

fn allowed(line: &str) -> bool {
    ALLOWED.iter().any(|sign| line.contains(sign)) && !line.contains("exited on signal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stock_writes_too_is_allowed() {
        let log = "\
2026/11/22 10:00:00 [notice] 1#1: signal process started
2026/11/22 10:00:00 [alert] 1#1: worker process 2 exited on signal 11
2026/11/22 10:00:00 [alert] 3#3: *7 open socket #16 left in connection 10

2026/11/22 10:00:00 [notice] 1#1: worker process 2 exited on signal 6
";
        let lines = read(log, 0, false);
        assert_eq!((lines.strange.len(), lines.left, lines.count), (3, 0, 5));
        assert!(read(log, lines.count, false).strange.is_empty());
        let lines = read(log, 0, true);
        assert_eq!((lines.strange.len(), lines.left), (2, 1));
    }
}
