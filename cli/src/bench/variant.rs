//! What is compared: the stock server, and the same server under the library in some mode.

use crate::failure::Failure;
use crate::variables;
use interlude_settings::Settings;
use interlude_test_apps::{Preload, Shim};

/// The name of the variant that all others are compared with.
pub(crate) const STOCK: &str = "stock";

/// Mode coroutine with the engine `onnx`.
pub(crate) const BATCHED: &str = "batched";

/// One way to start the server.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// `stock`, or the mode.
    pub(crate) name: String,
    /// How the server is started.
    pub(crate) preload: Preload,
}

impl Variant {
    /// Whether the library has to be found at work in the server.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.name.as_str(), STOCK | "off")
    }
}

/// Stock, and each mode once, in the order given.
///
/// # Errors
/// Where a mode or setting is wrong, or the library is not found.
pub(crate) fn variants(
    modes: &[String],
    engine: &str,
    settings: &[String],
) -> Result<Vec<Variant>, Failure> {
    // Also where stock is alone: what is wrong is said.
    environment("off", engine, settings)?;
    let mut variants = vec![Variant { name: STOCK.to_owned(), preload: Preload::Stock }];
    for mode in modes {
        if variants.iter().any(|variant| variant.name == *mode) {
            continue;
        }
        let environment = environment(mode, engine, settings)?;
        let mut shim = Shim::find().map_err(|error| Failure::usage(error.to_string()))?;
        for (name, value) in environment {
            shim = shim.with(name, value);
        }
        variants.push(Variant { name: mode.clone(), preload: Preload::Shim(shim) });
    }
    Ok(variants)
}

/// The variables of one variant, checked as the library will check them.
fn environment(
    mode: &str,
    engine: &str,
    settings: &[String],
) -> Result<Vec<(&'static str, String)>, Failure> {
    let (mode, engine) = if mode == BATCHED { ("coroutine", "onnx") } else { (mode, engine) };
    let mut all = vec![format!("mode={mode}"), format!("engine={engine}")];
    all.extend_from_slice(settings);
    checked(&all)
}

/// The variables of these settings, checked as the library will check them; of several of one key the last counts.
///
/// # Errors
/// Where one is wrong.
pub(crate) fn checked(settings: &[String]) -> Result<Vec<(&'static str, String)>, Failure> {
    let assigned = settings.iter().map(|setting| variables::assignment(setting));
    let pairs: Vec<(&'static str, String)> = assigned.collect::<Result<_, _>>()?;
    let last = |name: &str| pairs.iter().rev().find(|(known, _)| *known == name);
    // A device's description is the only file that these may name.
    let read_file = |path: &str| std::fs::read_to_string(path);
    Settings::load(|name| last(name).map(|(_, value)| value.clone()), read_file)
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_alone_needs_no_library() {
        let variants = variants(&["stock".to_owned()], "cores", &[]).unwrap();
        let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(names, ["stock"]);
        assert!(!variants[0].is_active());
    }

    #[test]
    fn a_variant_gets_mode_engine_and_settings() {
        let pairs = environment("spin", "inline", &["cores.threads=1".to_owned()]).unwrap();
        let expected = [
            ("INTERLUDE_MODE", "spin"),
            ("INTERLUDE_ENGINE", "inline"),
            ("INTERLUDE_CORES_THREADS", "1"),
        ];
        assert_eq!(pairs, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn a_wrong_mode_is_named() {
        let failure = environment("fast", "cores", &[]).unwrap_err();
        assert_eq!(failure.parts().0, 2);
        assert!(failure.parts().1.contains("INTERLUDE_MODE=fast"));
    }
}
