//! `docs/policy.md`: how to calibrate, what the file means, and what was measured.

use super::{Args, Calibration, Of, curves, policy, report};
use std::fmt::Write;
use std::path::Path;

/// The page. Where the figures lie in a folder beside it, it shows them.
pub(super) fn text(args: &Args, calibration: &Calibration) -> String {
    let Calibration { machine, day, level, engines, .. } = calibration;
    let command = command(args);
    let mut page = format!(
        "# When a job is worth it\n\n\
         Written by `{command}`; do not edit it.\n\n\
         Machine: {machine}, {day}.\n\
         Compressions at level {level}, by zlib's `deflate` (`deflate`) and libdeflate (`compress`). Where others use the\n\
         machine, too, the times are theirs in part.\n\n\
         ## How to calibrate\n\n\
         ```sh\n\
         interlude calibrate                                     # all engines that this machine has\n\
         interlude calibrate --engine cores --write policy.toml  # one of them; a policy for `run`\n\
         interlude run --config policy.toml -- nginx\n\
         interlude calibrate --figures DIR                       # the curves, as PNG and SVG\n\
         ```\n\n\
         Engines are driven directly, without a server, with the settings that `run` would have (`--config`, `--set`, the\n\
         environment): calibrate with the same ones, on the machine that will serve, while it is quiet. An emulated\n\
         device is one with the times of its description, and nobody else's; with `device.results = \"computed\"` a helper thread's are\n\
         added. What other workers have at a device that they share is for the policy to see while it serves (`policy.load`).\n\n\
         Three times are taken of each kind of job, size and kind of data:\n\n\
         | | |\n|---|---|\n\
         | in place | CPU time of the calling thread, for the call as the server makes it |\n\
         | set-up | CPU time of the thread that submits: the job with its copies, its submission, its completion, the results' copy, a park and a resume. Engine `simd`: an eighth of a full pass |\n\
         | latency | of one job alone, from before it is made until its results are where the caller wants them |\n\n\
         The data is made up by the project, the same in every run: pages (`html`), an interface's answers (`json`) and\n\
         what does not compress (`random`). RSA is the private operation on a padded block; what OpenSSL does on a\n\
         curve has the context in it that a TLS library makes for each.\n\n\
         ## What the file means\n\n\
         ```toml\n",
    );
    page.push_str(&policy::text(calibration));
    let _ = write!(
        page,
        "```\n\n\
         Below `batch_from` a job of a server of class `batch` runs in place, below `latency_from` one of class\n\
         `latency`; `\"never\"`: it always does. Kinds are those of the counters (`interlude stats`). Sizes are bytes of\n\
         input; for keys, bytes of the key: 256 for RSA with 2048 bits, 32 on P-256 and Curve25519.\n\n\
         Set-up is what the *submitter's* CPU pays for a job. That of the helper threads is not in it: `cores` moves work\n\
         to other CPUs, and where the server wants these, too, nothing is gained by that. Nor is what a server's loop\n\
         does besides when something parks: one more turn, events held and asked for again.\n\n\
         Both are the least size from which on the engine is worth it for *each* kind of data that was measured: where\n\
         set-up (`batch_from`), or latency (`latency_from`), takes at most nine tenths of the time in place. One size\n\
         that is lost between two that are won is taken for noise. Where algorithms have keys of one size (P-256,\n\
         Curve25519), all of them count.\n\n\
         ## What was measured\n",
    );
    let folder = args.docs.as_ref().and_then(|page| page.parent()).and_then(|beside| {
        let folder = args.figures.as_ref()?.strip_prefix(beside).ok()?;
        Some(folder).filter(|folder| folder.is_relative())
    });
    for of in engines {
        engine(&mut page, of, folder);
    }
    for (engine, why) in &calibration.missing {
        let _ = write!(page, "\n{engine}: not measured: {why}\n");
    }
    page
}

/// As it was given, but for what the tables do not depend on.
fn command(args: &Args) -> String {
    let mut command = "interlude calibrate".to_owned();
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        let _ = write!(command, " --{name} {value}");
    };
    args.engine.iter().for_each(|engine| option("engine", engine));
    args.config.iter().for_each(|config| option("config", config));
    args.settings.iter().for_each(|setting| option("set", setting));
    for (name, list) in [("kinds", args.kinds.join(",")), ("sizes", args.listed_sizes())] {
        if !list.is_empty() {
            option(name, &list);
        }
    }
    option("seconds", &args.seconds);
    option("level", &args.level);
    args.docs.iter().for_each(|docs| option("docs", &docs.display()));
    args.figures.iter().for_each(|figures| option("figures", &figures.display()));
    command
}

fn engine(page: &mut String, of: &Of, figures: Option<&Path>) {
    let _ = write!(page, "\n### {}\n\n", of.engine.name());
    let _ = writeln!(page, "{}\n", report::head(of));
    table(page, &report::crossovers(of));
    page.push('\n');
    if let Some(folder) = figures {
        for chart in curves::of_engine(of) {
            let file = folder.join(format!("{}.svg", chart.name));
            let _ = writeln!(page, "![{}]({})\n", chart.title, file.display());
        }
    }
    table(page, &report::points(of));
}

fn table(page: &mut String, rows: &[Vec<String>]) {
    for (index, row) in rows.iter().enumerate() {
        let _ = writeln!(page, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(page, "|{}", "---|".repeat(row.len()));
        }
    }
}
