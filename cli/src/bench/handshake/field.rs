//! The strongest of the field: Intel's patched nginx with its engine over the same libcrypto_mb.
//!
//! Measured once, on another day and with another client: so only its ratio to the stock server of its own
//! run is of use, beside a ratio of this run's.

use interlude_test_apps::KeyKind;

/// Connections at a time, and us of server CPU per handshake: stock, and theirs at its best setting. nginx,
/// one worker, TLS 1.3, X25519.
type Cells = [(u32, f64, f64); 4];

const RSA2048: Cells =
    [(1, 850.0, 1520.0), (8, 829.0, 513.0), (64, 825.0, 485.0), (128, 787.0, 453.0)];
const RSA4096: Cells =
    [(1, 5326.0, 10466.0), (8, 5265.0, 1715.0), (64, 5802.0, 1649.0), (128, 5177.0, 1167.0)];
const ECDSA_P256: Cells =
    [(1, 527.0, 1020.0), (8, 406.0, 312.0), (64, 441.0, 383.0), (128, 419.0, 311.0)];

/// Its handshakes per second of server CPU, in those of stock, with so many connections at a time; `None`
/// where it was not measured.
pub(super) fn ratio(key: KeyKind, connections: u32) -> Option<f64> {
    let cells = match key {
        KeyKind::Rsa2048 => RSA2048,
        KeyKind::Rsa4096 => RSA4096,
        KeyKind::EcdsaP256 => ECDSA_P256,
        _ => return None,
    };
    cells.iter().find(|(of, ..)| *of == connections).map(|(_, stock, theirs)| stock / theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_stock_by_theirs_where_it_was_measured() {
        let near = |ratio: Option<f64>, expected: f64| (ratio.unwrap() - expected).abs() < 1e-3;
        assert!(near(ratio(KeyKind::Rsa2048, 64), 1.701));
        assert!(near(ratio(KeyKind::EcdsaP256, 1), 0.517));
        assert_eq!(ratio(KeyKind::Rsa2048, 16), None);
        assert_eq!(ratio(KeyKind::Ed25519, 64), None);
    }
}
