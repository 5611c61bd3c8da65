//! Stock nginx and lighttpd under `libinterlude.so` and everything at once: `scripts/soak.sh` builds
//! and runs it.
//!
//! Exit code: 0 nothing found, 1 something, 2 bad usage.

use clap::Parser;
use interlude_test_apps::HarnessError;
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::soak::{Act, Below, Report, Soak};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// Loads nginx and lighttpd with everything at once and checks every answer: full, resumed and
/// broken TLS handshakes, HTTP/2, compressed, unpacked and proxied pages, slow readers, throttled
/// bodies, uploads; half of the clients reset their connections.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// How long, in seconds, not counting start and end.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Reload nginx meanwhile, each so many milliseconds.
    #[arg(long, value_name = "MS", num_args = 0..=1, default_missing_value = "1000")]
    #[arg(value_parser = clap::value_parser!(u32).range(20..))]
    reload: Option<u32>,
    /// Only these clients, with commas between: as they are called in the summary.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    clients: Vec<Act>,
    /// What the jobs go to: chaos, cores, inline, simd; or stock, for the servers without the shim.
    #[arg(long, default_value = "chaos")]
    engine: Below,
    /// Chaos delays each job by so many milliseconds at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    delay_max_ms: u32,
    /// Helper threads of the engine simd.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64))]
    simd_threads: u32,
    /// Others than zlib compress, by this policy: never-bigger, balanced, fastest (compress.with = "isal").
    #[arg(long, value_name = "POLICY", num_args = 0..=1, default_missing_value = "never-bigger")]
    #[arg(value_parser = ["never-bigger", "balanced", "fastest"])]
    isal: Option<String>,
    /// Only this server: nginx, lighttpd.
    #[arg(long, value_parser = ["nginx", "lighttpd"])]
    server: Option<String>,
    /// nginx's workers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// What the load and the chaos are drawn from; by default, another one each time.
    #[arg(long)]
    seed: Option<u32>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(report) => {
            println!("\n{report}");
            ExitCode::from(u8::from(report.findings() > 0))
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(1)
        }
    }
}

fn run(options: &Options) -> Result<Report, HarnessError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let soak = Soak {
        time: Duration::from_secs(options.seconds.into()),
        below: options.engine,
        server: options.server.clone(),
        reload: options.reload.map(|every| Duration::from_millis(every.into())),
        clients: match options.clients.is_empty() {
            true => Act::ALL.to_vec(),
            false => options.clients.clone(),
        },
        workers: options.workers,
        delay_max_ms: options.delay_max_ms,
        simd_threads: options.simd_threads,
        isal: options.isal.clone(),
        seed: options.seed.unwrap_or(now.subsec_nanos() | 1),
    };
    let dir = tempfile::tempdir().map_err(|e| HarnessError::new("certificates", e))?;
    let place = Workplace::new(dir.path())?;
    println!("soak: {} s over {}, seed {}", options.seconds, soak.below, soak.seed);
    soak.run(&place, |report| {
        println!("{}", report.line());
        report.news().iter().for_each(|line| println!("  ! {line}"));
    })
}
