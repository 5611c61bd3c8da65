//! A report as a person reads it.

use super::report::{Acting, Engine, Library, Report};
use std::fmt::Write;

/// The report, a topic a line.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |topic: &str, what: &str| {
        if !what.is_empty() {
            let _ = writeln!(text, "{topic:<10} {what}");
        }
    };
    line("program", &report.program);
    line("linking", &linking(report));
    line("libraries", &join(report.libraries.iter().filter(|l| l.intercepted).map(library)));
    line("missing", &report.missing.join(", "));
    line("modules", &modules(&report.modules));
    for hint in &report.hints {
        line("note", hint);
    }
    let mut topic = "hooks";
    for (family, acting) in families(&report.hooks) {
        line(topic, &format!("{family:<12} {}", join(acting.into_iter().map(hook))));
        topic = "";
    }
    line("engines", &join(report.engines.iter().map(engine)));
    line("verdict", &report.verdict);
    text
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn linking(report: &Report) -> String {
    let how = match &report.interpreter {
        Some(path) => format!("dynamic, by {path}"),
        None => "not dynamic".to_owned(),
    };
    report.privileged.map_or(how.clone(), |what| format!("{how}; {what}"))
}

fn library(library: &Library) -> String {
    match &library.version {
        Some(version) => format!("{} ({version})", library.name),
        None => library.name.clone(),
    }
}

/// Their names, where it may load any: whether it does is up to its configuration.
fn modules(paths: &[String]) -> String {
    let name = |path: &String| path.rsplit('/').next().unwrap_or(path).to_owned();
    match paths {
        [] => String::new(),
        _ => format!("may load {}", join(paths.iter().map(name))),
    }
}

/// The hooks by family, in the order in which the library lists them.
fn families(hooks: &[Acting]) -> Vec<(&str, Vec<&Acting>)> {
    let mut families: Vec<(&str, Vec<&Acting>)> = Vec::new();
    for hook in hooks {
        match families.iter_mut().find(|(family, _)| *family == hook.family) {
            Some((_, list)) => list.push(hook),
            None => families.push((&hook.family, vec![hook])),
        }
    }
    families
}

/// A call, with who makes it where the program itself does not.
fn hook(hook: &Acting) -> String {
    match hook.imported_by.as_slice() {
        [only] if only.contains(".so") => format!("{} ({only})", hook.symbol),
        _ => hook.symbol.clone(),
    }
}

fn engine(engine: &Engine) -> String {
    let emulated = engine.emulated.then(|| "emulated".to_owned());
    let cpus = engine.cpus.map(|cpus| format!("up to {cpus} CPUs"));
    let plugin = engine.plugin.clone();
    let unusable = engine.unusable.as_ref().map(|why| format!("cannot be used: {why}"));
    match join(emulated.into_iter().chain(cpus).chain(plugin).chain(unusable)) {
        none if none.is_empty() => engine.name.to_owned(),
        how => format!("{} ({how})", engine.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acting(family: &str, symbol: &str, by: &str) -> Acting {
        Acting { symbol: symbol.into(), family: family.into(), imported_by: vec![by.into()] }
    }

    fn engine(name: &'static str, emulated: bool, cpus: Option<usize>) -> Engine {
        Engine { name, emulated, cpus, plugin: None, unusable: None }
    }

    #[test]
    fn a_report_is_a_line_for_each_topic_that_has_something_to_say() {
        let report = Report {
            program: "/usr/sbin/x".into(),
            dynamic: true,
            interpreter: Some("/lib/ld.so".into()),
            privileged: None,
            hints: Vec::new(),
            libraries: Vec::new(),
            missing: Vec::new(),
            modules: vec!["/usr/lib/x/mod_a.so".into()],
            hooks: vec![
                acting("loop", "epoll_wait", "x"),
                acting("tls", "SSL_read", "x"),
                acting("tls", "EVP_DigestSign", "libssl.so.3"),
            ],
            engines: vec![
                engine("inline", false, None),
                engine("cores", false, Some(2)),
                engine("device", true, Some(2)),
                Engine { plugin: Some("zlib 1".into()), ..engine("plugin", false, None) },
            ],
            accelerable: true,
            verdict: "x can be accelerated.".into(),
        };
        let expected = "\
program    /usr/sbin/x
linking    dynamic, by /lib/ld.so
modules    may load mod_a.so
hooks      loop         epoll_wait
           tls          SSL_read, EVP_DigestSign (libssl.so.3)
engines    inline, cores (up to 2 CPUs), device (emulated, up to 2 CPUs), plugin (zlib 1)
verdict    x can be accelerated.
";
        assert_eq!(text(&report), expected);
    }
}
