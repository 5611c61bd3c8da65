//! Programs that a server executes in the midst of its work.

use crate::{PATIENCE, place, publishes};
use interlude_test_apps::crowd::{Connection, Reference, Transport};
use interlude_test_apps::restarts::under_load;
use interlude_test_apps::{Lighttpd, Preload, Server, WebOptions, program};
use std::fs;

/// lighttpd's CGI programs inherit `LD_PRELOAD` in an environment of its making, and are not the
/// program that the operator has named.
pub(crate) fn programs_are_passed_through(mode: &str) {
    let place = place();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cgi")).unwrap();
    fs::copy(env!("APP_CGI"), dir.path().join("cgi/told.cgi")).unwrap();
    let extra = format!(
        "server.modules += ( \"mod_cgi\" )\n\
         $HTTP[\"url\"] =~ \"^/cgi/\" {{\n\
             server.document-root = \"{}\"\n\
             cgi.assign = ( \".cgi\" => \"\" )\n\
         }}",
        dir.path().display()
    );
    let options = WebOptions { extra, ..WebOptions::default() };
    let preload = match Preload::of_mode_with_every_job(mode).unwrap() {
        Preload::Shim(shim) => {
            let lighttpd = program::find("lighttpd").unwrap().canonicalize().unwrap();
            Preload::Shim(shim.with("INTERLUDE_PROGRAM", lighttpd.display()))
        }
        Preload::Stock => Preload::Stock,
    };
    let lighttpd = Lighttpd::files(&options, &place.site, &place.certificates);
    let stock = lighttpd.start(&Preload::Stock).unwrap();
    let reference = Reference::take(stock.ports().plain, &place.site, true).unwrap();
    let server = lighttpd.start(&preload).unwrap();
    let told = match mode {
        "stock" => "right, not loaded, does not act\n",
        _ => "right, loaded, does not act\n",
    };
    let tally = under_load(&server, &reference, || {
        for request in 0..24 {
            assert_eq!(ask(&server, request), told, "{mode}");
        }
    });
    assert!(tally.clean(), "{tally}");
    assert_eq!(server.alarms(), Vec::<String>::new());
    assert_eq!(server.counter("process.forks") >= 24, publishes(mode));
}

fn ask(server: &Server, request: usize) -> String {
    let (transport, port) = match request % 2 {
        0 => (Transport::Plain, server.ports().plain),
        _ => (Transport::tls13(), server.ports().tls),
    };
    let mut connection = Connection::open(&transport, port, PATIENCE).unwrap();
    connection.send(b"GET /cgi/told.cgi HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = connection.receive().unwrap();
    assert_eq!(answer.status, 200);
    String::from_utf8_lossy(&answer.body).into_owned()
}
