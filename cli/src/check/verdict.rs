//! The one sentence that `interlude check` ends with, and whether it is good news.

use super::report::Acting;
use crate::elf::{Elf, Linking};
use crate::hooks::Hook;

/// Why the library cannot even be loaded, or would see nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// No dynamic linker; the flag says that it is a Go program.
    Static(bool),
    /// Another architecture.
    Foreign,
    /// Dynamic, but a Go program: raw system calls, crypto of its own.
    Go,
    /// `LD_PRELOAD` would be ignored, and why.
    Privileged(&'static str),
}

impl Obstacle {
    /// The first obstacle of a program.
    pub(crate) fn of(program: &Elf, privileged: Option<&'static str>) -> Option<Self> {
        match program.linking {
            Linking::Foreign => Some(Self::Foreign),
            Linking::Static => Some(Self::Static(program.go)),
            Linking::Dynamic(_) if program.go => Some(Self::Go),
            Linking::Dynamic(_) => privileged.map(Self::Privileged),
        }
    }

    fn reason(self) -> String {
        match self {
            Self::Static(true) => "it is a statically linked Go program".into(),
            Self::Static(false) => "it is statically linked, so nothing can be preloaded".into(),
            Self::Foreign => "it is built for another architecture than libinterlude.so".into(),
            Self::Go => "it is a Go program, which makes its system calls itself".into(),
            Self::Privileged(what) => {
                format!("it {what}, so the dynamic linker ignores LD_PRELOAD")
            }
        }
    }
}

/// What it comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// There is something to be accelerated.
    pub(crate) accelerable: bool,
    /// One sentence.
    pub(crate) sentence: String,
}

impl Verdict {
    /// Judges a program by what stands in the way and by which hooks act.
    pub(crate) fn of(name: &str, obstacle: Option<Obstacle>, hooks: &[(Hook, Acting)]) -> Self {
        let no = |reason: &str| Self {
            accelerable: false,
            sentence: format!("{name} cannot be accelerated: {reason}."),
        };
        if let Some(obstacle) = obstacle {
            return no(&obstacle.reason());
        }
        if !hooks.iter().any(|(hook, _)| hook.waits_for_events()) {
            return no("it imports no epoll wait call, so it has no event loop that can go on");
        }
        let count = |family: &str| hooks.iter().filter(|(hook, _)| hook.family == family).count();
        if !hooks.iter().any(|(hook, _)| hook.is_heavy()) {
            return no("it makes no TLS or compression call that could be offloaded");
        }
        let calls: Vec<String> = [("tls", "TLS"), ("compression", "compression")]
            .iter()
            .map(|(family, word)| (count(family), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        Self {
            accelerable: true,
            sentence: format!(
                "{name} can be accelerated: its event loop and {} calls are intercepted.",
                calls.join(" and ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(list: &[(&str, &str)]) -> Vec<(Hook, Acting)> {
        let one = |(family, symbol): &(&str, &str)| {
            let hook = Hook { family: (*family).into(), symbol: (*symbol).into() };
            let (symbol, family) = (hook.symbol.clone(), hook.family.clone());
            (hook, Acting { symbol, family, imported_by: vec!["x".into()] })
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn a_loop_and_a_heavy_call_are_both_needed() {
        let cases = [
            (hooks(&[("loop", "epoll_ctl"), ("tls", "SSL_read")]), false, "no epoll wait"),
            (hooks(&[("loop", "epoll_wait"), ("io", "read")]), false, "no TLS or compression"),
            (hooks(&[("loop", "epoll_pwait"), ("compression", "deflate")]), true, "1 compression"),
            (
                hooks(&[("loop", "epoll_wait"), ("tls", "a"), ("tls", "b"), ("compression", "c")]),
                true,
                "2 TLS and 1 compression calls",
            ),
        ];
        for (list, accelerable, words) in cases {
            let verdict = Verdict::of("x", None, &list);
            assert_eq!(verdict.accelerable, accelerable, "{verdict:?}");
            assert!(verdict.sentence.contains(words), "{verdict:?}");
        }
    }

    #[test]
    fn an_obstacle_decides_before_any_hook() {
        let list = hooks(&[("loop", "epoll_wait"), ("tls", "SSL_read")]);
        for obstacle in [
            Obstacle::Static(true),
            Obstacle::Foreign,
            Obstacle::Go,
            Obstacle::Privileged("is setuid"),
        ] {
            let verdict = Verdict::of("x", Some(obstacle), &list);
            assert!(!verdict.accelerable && verdict.sentence.ends_with('.'), "{verdict:?}");
        }
    }
}
