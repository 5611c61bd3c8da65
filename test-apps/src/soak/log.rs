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

/// The lines from number `from` on that are not allowed, and how many lines there are.
pub(super) fn strange(log: &str, from: usize) -> (Vec<String>, usize) {
    let count = log.lines().count();
    let strange = log.lines().skip(from).filter(|line| !line.is_empty() && !allowed(line));
    (strange.map(str::to_owned).collect(), count)
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
        let (strange, lines) = strange(log, 0);
        assert_eq!((strange.len(), lines), (3, 5));
        assert!(super::strange(log, lines).0.is_empty());
    }
}
