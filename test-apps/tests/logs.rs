//! nginx compresses its log: the lines of all requests in one buffer, which it empties afterwards.

use flate2::read::MultiGzDecoder;
use interlude_test_apps::crowd::{Crowd, Reference, Transport};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Nginx, Preload, WebOptions};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

const FORMAT: &str = "log_format ids '$connection.$connection_requests';";
const LOG: &str = "access_log logs.gz ids gzip=1 buffer=4k;";
const REQUESTS: usize = 30_000;

#[test]
fn each_request_has_one_line_in_a_compressed_log() {
    let place = Workplace::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/log-certificates")).unwrap();
    for mode in ["stock", "block", "coroutine"] {
        let options = WebOptions {
            extra: LOG.to_owned(),
            http: FORMAT.to_owned(),
            workers: 1,
            ..WebOptions::default()
        };
        let preload = Preload::of_mode_with_every_job(mode).unwrap();
        let mut nginx =
            Nginx::files(&options, &place.site, &place.certificates).start(&preload).unwrap();
        let pages = Reference::take(nginx.ports().plain, &place.site, true).unwrap();
        let pages = pages.sized(1..=40_000);
        let tally = Crowd::new(Transport::Plain, 64, REQUESTS).run(nginx.ports().plain, &pages);
        assert!(tally.clean(), "{mode}: {tally}");
        let parked = nginx.counter("coroutine.parked");
        assert_eq!(parked > 0, mode == "coroutine", "{mode}: {parked}");
        let log = nginx.dir().join("logs.gz");
        let written = File::open(log).unwrap();
        nginx.quit(Duration::from_secs(30)).unwrap();
        let mut text = String::new();
        MultiGzDecoder::new(written).read_to_string(&mut text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let distinct: BTreeSet<&str> = lines.iter().copied().collect();
        let counts = (lines.len(), distinct.len());
        assert!(
            counts.0 == counts.1 && counts.0 >= REQUESTS,
            "{mode}: (lines, distinct) {counts:?}"
        );
    }
}
