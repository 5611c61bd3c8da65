//! Servers that are told to end: gracefully, or at once.

use crate::{PATIENCE, place, start};
use interlude_test_apps::crowd::{Connection, Crowd, Transport};
use interlude_test_apps::{Content, WebServer};
use std::thread;
use std::time::Duration;

/// Answers that are on their way when the server is asked to quit arrive whole.
pub(crate) fn quits_gracefully(server: WebServer, mode: &str) {
    let place = place();
    let (mut server, _) = start(server, 1, mode, &place);
    let file = place.site.file(Content::Random, 5 << 20).unwrap();
    let ports = server.ports();
    let mut waiting = Vec::new();
    for client in 0..20 {
        let (transport, port) = match client % 2 {
            0 => (Transport::Plain, ports.plain),
            _ => (Transport::tls13(), ports.tls),
        };
        let mut connection = Connection::open(&transport, port, PATIENCE).unwrap();
        let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", file.path);
        connection.send(request.as_bytes()).unwrap();
        // The answer has begun; more of it than the socket buffers hold is still to come.
        connection.begin().unwrap();
        waiting.push(connection);
    }
    let clients = thread::spawn({
        let bytes = file.bytes.clone();
        move || {
            for mut connection in waiting {
                let answer = connection.receive().unwrap();
                let same = answer.body.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
                assert!(
                    answer.status == 200 && answer.body == bytes,
                    "status {}, {} bytes, the first {same} right",
                    answer.status,
                    answer.body.len()
                );
            }
        }
    });
    let status = server.quit(PATIENCE);
    clients.join().unwrap();
    assert!(status.unwrap().success(), "{}", server.log());
    assert_eq!(server.alarms(), Vec::<String>::new());
}

pub(crate) fn ends_at_once_under_load(server: WebServer, mode: &str) {
    let place = place();
    let (mut server, reference) = start(server, 2, mode, &place);
    let crowd = Crowd::new(Transport::tls13(), 16, 100_000);
    let port = server.ports().tls;
    thread::scope(|scope| {
        // Its failures are the end that is wanted here.
        let client = scope.spawn(|| crowd.run(port, &reference));
        let busy = server.cpu_time() + Duration::from_millis(50);
        assert!(server.wait_for(PATIENCE, |server| server.cpu_time() > busy));
        let status = server.stop(PATIENCE).unwrap();
        assert!(status.success(), "{status}: {}", server.log());
        assert!(!client.join().unwrap().clean());
    });
    assert_eq!(server.alarms(), Vec::<String>::new());
}
