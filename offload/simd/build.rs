//! Links Intel's `libcrypto_mb.a` where it is there, and says why where it is not.
//!
//! It is looked for in `third-party/ipp-crypto/` (`scripts/setup.sh` puts it there), or in the
//! folder that `INTERLUDE_CRYPTO_MB` names; an empty value builds without it. Where it is linked,
//! `cfg(crypto_mb)` is set; where not, the crate is built all the same.
//!
//! The archive's entry points for OpenSSL's `BIGNUM` sit in the same sections as those that are
//! used here, and would make libcrypto a dependency of a library that is loaded into programs
//! without it. So what they want is made weak in a copy of the archive: a null address that nobody
//! calls.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARCHIVE: &str = "libcrypto_mb.a";
const FOLDER: &str = "INTERLUDE_CRYPTO_MB";
const OPENSSL: [&str; 5] =
    ["BN_bin2bn", "BN_bn2lebinpad", "BN_is_word", "BN_num_bits", "ECDSA_SIG_get0"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(crypto_mb)");
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    match link() {
        Ok(()) => println!("cargo::rustc-cfg=crypto_mb"),
        Err(reason) => println!("cargo::rustc-env=INTERLUDE_NO_CRYPTO_MB={reason}"),
    }
}

fn link() -> Result<(), String> {
    let source = archive()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    weaken(&source, &out.join(ARCHIVE))?;
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static=crypto_mb");
    Ok(())
}

/// Where the archive is.
fn archive() -> Result<PathBuf, String> {
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("ARCH") != "x86_64" || target("OS") != "linux" {
        return Err("there is no libcrypto_mb for this target".into());
    }
    let folder = match env::var_os(FOLDER) {
        Some(folder) if folder.is_empty() => return Err(format!("{FOLDER} is empty")),
        Some(folder) => PathBuf::from(folder),
        None => {
            let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
            let folder = root.join("../../third-party");
            // The folder above is always there: one that is missing would be looked at anew, and
            // everything built anew, each time.
            println!("cargo::rerun-if-changed={}", folder.display());
            folder.join("ipp-crypto")
        }
    };
    let archive = folder.join(ARCHIVE);
    if !archive.is_file() {
        return Err(format!("there was no {ARCHIVE}; scripts/setup.sh fetches it"));
    }
    println!("cargo::rerun-if-changed={}", archive.display());
    Ok(archive)
}

fn weaken(from: &Path, to: &Path) -> Result<(), String> {
    let symbols = OPENSSL.map(|symbol| format!("--weaken-symbol={symbol}"));
    let status = Command::new("objcopy").args(symbols).args([from, to]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("objcopy failed: {status}")),
        Err(error) => Err(format!("objcopy cannot be run: {error}")),
    }
}
