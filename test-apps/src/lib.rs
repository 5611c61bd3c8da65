//! The harness: starts real, unmodified servers with and without the shim, for the end-to-end
//! tests here and for `interlude bench`.
//!
//! ```no_run
//! use interlude_test_apps::{Certificates, Nginx, Preload, Site, WebOptions};
//!
//! let site = Site::standard()?;
//! let certificates = Certificates::in_dir("certificates")?;
//! let options = WebOptions { workers: 2, ..WebOptions::default() };
//! let preload = Preload::of_mode("coroutine")?;
//! let nginx = Nginx::files(&options, &site, &certificates).start(&preload)?;
//! println!("https://127.0.0.1:{}{}", nginx.ports().tls, site.files()[0].path);
//! # Ok::<(), interlude_test_apps::HarnessError>(())
//! ```
//!
//! Everything that is started ends with its value, with its thread and with this process. Servers
//! listen on 127.0.0.1 only, on free ports, and write nowhere but in a temporary directory.
//!
//! Must not: know anything of the shim's insides. It sees what an operator sees: the library's
//! path, the `INTERLUDE_*` variables and the statistics page.

mod app_server;
mod certificates;
pub mod clients;
pub mod crowd;
mod error;
pub mod growth;
pub mod inference;
mod launch;
mod lighttpd;
pub mod matrix;
mod nginx;
pub mod objects;
mod options;
mod port;
mod preload;
pub mod process;
pub mod program;
mod redis;
pub mod restarts;
mod seeded;
mod server;
mod site;
pub mod soak;
pub mod stall;
pub mod stats;
mod template;
pub mod tool;
pub mod usage;
pub mod wait;
mod web_server;

pub use app_server::AppServer;
pub use certificates::{Certificate, Certificates, KeyKind};
pub use error::HarnessError;
pub use inference::{ModelFile, ModelKind, Scores, Thread as InferThread, TinyModel};
pub use lighttpd::Lighttpd;
pub use nginx::Nginx;
pub use options::{Tls, WebOptions};
pub use port::free_port;
pub use preload::{Preload, Shim};
pub use redis::Redis;
pub use seeded::Seeded;
pub use server::{Ports, Server, Signals};
pub use site::{Content, Site, SiteFile, sha256};
pub use web_server::WebServer;
