//! Self-signed certificates, made once for each directory and key kind by the `openssl` command.
//!
//! For tests and benchmarks on the loopback only: the keys lie unencrypted beside them.

use crate::{HarnessError, program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// The kind of a server's private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyKind {
    /// RSA of 2048 bits.
    #[default]
    Rsa2048,
    /// RSA of 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Rsa2048, Self::Rsa4096, Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519];

    /// Its name on command lines: `rsa2048`, `rsa4096`, `ecdsa-p256`, `ecdsa-p384`, `ed25519`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::Rsa4096 => "rsa4096",
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Arguments of `openssl req` that make such a key (openssl-req(1), `-newkey`).
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Rsa2048 => &["-newkey", "rsa:2048"],
            Self::Rsa4096 => &["-newkey", "rsa:4096"],
            Self::EcdsaP256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            Self::EcdsaP384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
            Self::Ed25519 => &["-newkey", "ed25519"],
        }
    }
}

impl FromStr for KeyKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == text);
        kind.ok_or("must be rsa2048, rsa4096, ecdsa-p256, ecdsa-p384 or ed25519")
    }
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, for `localhost` and 127.0.0.1.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A directory of certificates.
#[derive(Debug, Clone)]
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Keeps the certificates in `dir`, which is made where it is missing. Several processes may
    /// use one directory.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Result<Self, HarnessError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|e| HarnessError::new(dir.display(), e))?;
        Ok(Self { dir })
    }

    /// The certificate of that kind; makes it at the first call (RSA-4096 takes about a second).
    ///
    /// # Errors
    /// When `openssl` is missing or fails.
    pub fn get(&self, kind: KeyKind) -> Result<Certificate, HarnessError> {
        let certificate = Certificate {
            certificate: self.dir.join(format!("{}.crt", kind.name())),
            key: self.dir.join(format!("{}.key", kind.name())),
        };
        // The certificate is put in place after its key: where it lies, both do.
        if !certificate.certificate.exists() {
            self.make(kind, &certificate)?;
        }
        Ok(certificate)
    }

    /// Makes the pair in a directory of its own and moves it in place. Two makers at once would
    /// leave the key of one and the certificate of the other: a lock file lets one in at a time.
    fn make(&self, kind: KeyKind, to: &Certificate) -> Result<(), HarnessError> {
        let failed = |e: std::io::Error| HarnessError::new("making a certificate", e);
        let lock = fs::File::create(self.dir.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        if to.certificate.exists() {
            return Ok(());
        }
        let work = tempfile::tempdir_in(&self.dir).map_err(failed)?;
        let (certificate, key) = (work.path().join("crt"), work.path().join("key"));
        openssl_req(kind, &certificate, &key)?;
        fs::rename(&key, &to.key).map_err(failed)?;
        fs::rename(&certificate, &to.certificate).map_err(failed)
    }
}

fn openssl_req(kind: KeyKind, certificate: &Path, key: &Path) -> Result<(), HarnessError> {
    let output = Command::new(program::find("openssl")?)
        .args(["req", "-x509", "-nodes", "-sha256", "-days", "3650", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(kind.arguments())
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .env_remove("LD_PRELOAD")
        .output()
        .map_err(|e| HarnessError::new("openssl req", e))?;
    if output.status.success() {
        return Ok(());
    }
    Err(HarnessError::new("openssl req", String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let certificates = Certificates::in_dir(dir.path()).unwrap();
        for kind in [KeyKind::Rsa2048, KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let first = certificates.get(kind).unwrap();
            let text = fs::read_to_string(&first.certificate).unwrap();
            assert!(text.starts_with("-----BEGIN CERTIFICATE-----"));
            let again = certificates.get(kind).unwrap();
            assert_eq!(fs::read_to_string(&again.certificate).unwrap(), text);
        }
    }

    #[test]
    fn a_kind_is_read_by_its_name() {
        for kind in KeyKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("rsa1024".parse::<KeyKind>().is_err());
    }
}
