//! The servers of a soak, and what stock answers.

use super::Soak;
use crate::crowd::Reference;
use crate::matrix::Workplace;
use crate::{HarnessError, Lighttpd, Nginx, Preload, Server, WebOptions};

const NGINX_HTTP: &str = include_str!("../../../nginx-conf/soak/http.conf");
const NGINX_SERVER: &str = include_str!("../../../nginx-conf/soak/server.conf");
const LIGHTTPD: &str = include_str!("../../../lighttpd-conf/soak.conf");
const BEHIND: &str = include_str!("../../../nginx-conf/soak/behind.conf");
/// The port of the server behind, as the configurations have it.
const PORT: &str = "8081";

/// All servers. The one behind the others is stock, and comes down last.
pub(super) struct Stage {
    pub(super) fronts: Vec<Front>,
    _behind: Server,
}

/// A server that clients speak to.
pub(super) struct Front {
    pub(super) name: &'static str,
    pub(super) server: Server,
    /// Worker processes, or 1.
    pub(super) workers: usize,
    /// Whether it is reloaded while it serves.
    pub(super) is_reloaded: bool,
    /// Whether it keeps uploads itself, below `/up`.
    pub(super) keeps: bool,
    /// Its files, compressed where that is worth it.
    pub(super) site: Reference,
    /// The same from the server behind it, below `/proxied`.
    pub(super) proxied: Reference,
    /// Large ones at a limited rate, below `/throttled`.
    pub(super) throttled: Reference,
    /// Those that the server behind compresses and this one unpacks, below `/unpacked`, if it does.
    pub(super) unpacked: Option<Reference>,
}

/// What is particular to one of them.
struct Cast<'a> {
    name: &'static str,
    workers: u32,
    is_reloaded: bool,
    keeps: bool,
    /// lighttpd does not.
    unpacks: bool,
    start: &'a dyn Fn(u32, &Preload) -> Result<Server, HarnessError>,
}

impl Stage {
    /// Starts all servers, each front first as a stock one, which gives the references.
    pub(super) fn set(soak: &Soak, place: &Workplace) -> Result<Self, HarnessError> {
        let Workplace { site, certificates, .. } = place;
        let behind = WebOptions { gzip: None, extra: BEHIND.to_owned(), ..WebOptions::default() };
        let behind = Nginx::files(&behind, site, certificates).start(&Preload::Stock)?;
        let port = behind.ports().plain.to_string();
        let nginx = |workers, preload: &Preload| {
            let options = WebOptions {
                workers,
                extra: NGINX_SERVER.to_owned(),
                http: NGINX_HTTP.replace(PORT, &port),
                ..WebOptions::default()
            };
            Nginx::files(&options, site, certificates).start(preload)
        };
        let lighttpd = |workers, preload: &Preload| {
            let extra = LIGHTTPD.replace(PORT, &port);
            let options = WebOptions { workers, extra, ..WebOptions::default() };
            Lighttpd::files(&options, site, certificates).start(preload)
        };
        let casts = [
            Cast {
                name: "nginx",
                workers: soak.workers,
                is_reloaded: true,
                keeps: true,
                unpacks: true,
                start: &nginx,
            },
            Cast {
                name: "lighttpd",
                workers: 1,
                is_reloaded: false,
                keeps: false,
                unpacks: false,
                start: &lighttpd,
            },
        ];
        let preload = soak.below.preload(soak)?;
        let is_meant = |cast: &&Cast| soak.server.as_ref().is_none_or(|name| *name == cast.name);
        let casts = casts.iter().filter(is_meant);
        let fronts = casts.map(|cast| Front::new(cast, soak, place, &preload));
        Ok(Self { fronts: fronts.collect::<Result<_, _>>()?, _behind: behind })
    }
}

impl Front {
    fn new(
        cast: &Cast,
        soak: &Soak,
        place: &Workplace,
        preload: &Preload,
    ) -> Result<Self, HarnessError> {
        let stock = (cast.start)(1, &Preload::Stock)?;
        let take = |path| {
            let pages = Reference::take_below(path, stock.ports().plain, &place.site, true)?;
            if soak.isal.is_some() { pages.whoever_compresses() } else { Ok(pages) }
        };
        let (site, proxied) = (take("")?, take("/proxied")?);
        let throttled = take("/throttled")?.sized(1 << 20..=usize::MAX);
        let unpacked =
            || Reference::take_below("/unpacked", stock.ports().plain, &place.site, false);
        let unpacked = cast.unpacks.then(unpacked).transpose()?;
        Ok(Self {
            name: cast.name,
            server: (cast.start)(cast.workers, preload)?,
            workers: cast.workers as usize,
            is_reloaded: cast.is_reloaded && soak.reload.is_some(),
            keeps: cast.keeps,
            site,
            proxied,
            throttled,
            unpacked,
        })
    }
}
