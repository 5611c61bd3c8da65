//! Where `libinterlude.so` is: `INTERLUDE_LIB`, or beside this program, or in `../lib`.

use crate::failure::Failure;
use std::env;
use std::path::{Path, PathBuf};

const FILE: &str = "libinterlude.so";

/// The library's absolute path.
///
/// # Errors
/// Where it is not there, or could not be named in `LD_PRELOAD`.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    let named = env::var_os("INTERLUDE_LIB").filter(|path| !path.is_empty()).map(PathBuf::from);
    let exe = env::current_exe()
        .map_err(|error| Failure::usage(format!("cannot tell where interlude is: {error}")))?;
    let path = locate(named.as_deref(), &exe)?;
    // ld.so(8): the list is separated by spaces and colons, and there is no way to escape them.
    if path.to_string_lossy().contains([' ', ':']) {
        return Err(Failure::usage(format!(
            "{}: a path with a space or colon cannot be preloaded",
            path.display()
        )));
    }
    Ok(path)
}

fn locate(named: Option<&Path>, exe: &Path) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return match path.canonicalize() {
            Ok(path) if path.is_file() => Ok(path),
            Ok(path) => {
                Err(Failure::usage(format!("INTERLUDE_LIB={}: not a file", path.display())))
            }
            Err(error) => Err(Failure::usage(format!("INTERLUDE_LIB={}: {error}", path.display()))),
        };
    }
    let beside = exe.parent().unwrap_or(Path::new("/"));
    let candidates = [beside.join(FILE), beside.join("../lib").join(FILE)];
    candidates.iter().filter_map(|path| path.canonicalize().ok()).find(|p| p.is_file()).ok_or_else(
        || {
            Failure::usage(format!(
                "{FILE} is neither in {} nor in its ../lib; set INTERLUDE_LIB to its path",
                beside.display()
            ))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_library_is_found_beside_the_program_and_in_lib() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().canonicalize().unwrap();
        for dir in ["bin", "lib"] {
            fs::create_dir(top.join(dir)).unwrap();
        }
        let exe = top.join("bin/interlude");
        assert_eq!(locate(None, &exe).unwrap_err().parts().0, 2);
        fs::write(top.join("lib").join(FILE), "").unwrap();
        assert_eq!(locate(None, &exe).unwrap(), top.join("lib").join(FILE));
        fs::write(top.join("bin").join(FILE), "").unwrap();
        assert_eq!(locate(None, &exe).unwrap(), top.join("bin").join(FILE));
    }

    #[test]
    fn a_named_library_must_exist() {
        let failure = locate(Some(Path::new("/nonexistent.so")), Path::new("/x")).unwrap_err();
        let (code, line) = failure.parts();
        assert_eq!(code, 2);
        assert!(line.starts_with("INTERLUDE_LIB=/nonexistent.so: "), "{line}");
    }
}
