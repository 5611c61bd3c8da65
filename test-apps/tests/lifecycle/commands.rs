//! What is run beside a server and ends by itself.

use crate::{PATIENCE, place};
use interlude_test_apps::{Nginx, Preload, WebOptions, program};

/// `nginx -t`, `-V` and `-s` end by themselves, and say what they say without the shim.
pub(crate) fn short_commands_work(mode: &str) {
    let place = place();
    let options = WebOptions::default();
    let nginx = Nginx::files(&options, &place.site, &place.certificates);
    let run = |mode: &str, args: &[&str]| {
        let mut server = nginx.start(&Preload::of_mode_with_every_job(mode).unwrap()).unwrap();
        let prefix = server.dir().display().to_string();
        let common = ["-p", &prefix, "-e", "error.log", "-c", "nginx.conf"];
        let program = program::find("nginx").unwrap();
        let output = server.run(&program, &[&common, args].concat()).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).replace(&prefix, "");
        let ended = args[0] == "-s";
        if ended {
            assert!(server.wait(PATIENCE).unwrap().success());
        }
        (output.status.code(), told)
    };
    for args in [&["-t"][..], &["-V"], &["-s", "quit"]] {
        assert_eq!(run(mode, args), run("stock", args), "{args:?}");
    }
    assert_eq!(run(mode, &["-t"]).0, Some(0));
}
