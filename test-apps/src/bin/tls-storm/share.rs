//! Key shares whose private scalar is one.
//!
//! A client that reuses its key share still has to multiply the server's share by its private
//! scalar. If that scalar is one, the share to send is the curve's base point, and the shared
//! secret *is* the server's share: the client's part of the key exchange costs nothing, and the
//! server, which cannot know, does all of its own. (For X25519 a clamped scalar is never one; but
//! clamping happens where a scalar is used, and here none is.)
//!
//! Must not: be used for anything but load. Who sees the handshake can read the session.

use rustls::NamedGroup;
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::{Error, PeerMisbehaved};

/// X25519 with u = 9 as the share (RFC 7748, section 4.1).
pub(crate) static X25519: UnitGroup =
    UnitGroup { name: NamedGroup::X25519, share: &X25519_BASE, header: &[], secret: 32 };

/// P-256 with its generator as the share (SEC 2, section 2.4.2), uncompressed.
pub(crate) static P256: UnitGroup =
    UnitGroup { name: NamedGroup::secp256r1, share: &P256_BASE, header: &[4], secret: 32 };

/// P-384 with its generator as the share, uncompressed.
pub(crate) static P384: UnitGroup =
    UnitGroup { name: NamedGroup::secp384r1, share: &P384_BASE, header: &[4], secret: 48 };

const X25519_BASE: [u8; 32] = {
    let mut share = [0; 32];
    share[0] = 9;
    share
};

const P256_BASE: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
    0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
    0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e,
    0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
    0xf5,
];

const P384_BASE: [u8; 97] = [
    0x04, 0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37, 0x8e, 0xb1, 0xc7, 0x1e, 0xf3, 0x20, 0xad,
    0x74, 0x6e, 0x1d, 0x3b, 0x62, 0x8b, 0xa7, 0x9b, 0x98, 0x59, 0xf7, 0x41, 0xe0, 0x82, 0x54, 0x2a,
    0x38, 0x55, 0x02, 0xf2, 0x5d, 0xbf, 0x55, 0x29, 0x6c, 0x3a, 0x54, 0x5e, 0x38, 0x72, 0x76, 0x0a,
    0xb7, 0x36, 0x17, 0xde, 0x4a, 0x96, 0x26, 0x2c, 0x6f, 0x5d, 0x9e, 0x98, 0xbf, 0x92, 0x92, 0xdc,
    0x29, 0xf8, 0xf4, 0x1d, 0xbd, 0x28, 0x9a, 0x14, 0x7c, 0xe9, 0xda, 0x31, 0x13, 0xb5, 0xf0, 0xb8,
    0xc0, 0x0a, 0x60, 0xb1, 0xce, 0x1d, 0x7e, 0x81, 0x9d, 0x7a, 0x43, 0x1d, 0x7c, 0x90, 0xea, 0x0e,
    0x5f,
];

/// A group in which the client's share is the base point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitGroup {
    name: NamedGroup,
    share: &'static [u8],
    /// What a share of the peer begins with before its x coordinate.
    header: &'static [u8],
    /// Length of the x coordinate, which is the shared secret, in bytes.
    secret: usize,
}

impl SupportedKxGroup for UnitGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(UnitExchange(*self)))
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

struct UnitExchange(UnitGroup);

impl ActiveKeyExchange for UnitExchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let group = &self.0;
        let coordinate = peer.strip_prefix(group.header).and_then(|rest| rest.get(..group.secret));
        match coordinate {
            Some(x) if peer.len() == group.share.len() => Ok(SharedSecret::from(x)),
            _ => Err(PeerMisbehaved::InvalidKeyShare.into()),
        }
    }

    fn pub_key(&self) -> &[u8] {
        self.0.share
    }

    fn group(&self) -> NamedGroup {
        self.0.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring::kx_group;

    /// The other side multiplies for real: both must come to the same secret.
    fn agrees_with(real: &dyn SupportedKxGroup, unit: &UnitGroup) {
        let server = real.start().unwrap();
        let ours = unit.start().unwrap();
        let theirs = server.pub_key().to_vec();
        let expected = server.complete(ours.pub_key()).unwrap();
        let secret = ours.complete(&theirs).unwrap();
        assert_eq!(secret.secret_bytes(), expected.secret_bytes());
    }

    #[test]
    fn the_shared_secret_is_what_a_real_multiplication_gives() {
        for _ in 0..20 {
            agrees_with(kx_group::X25519, &X25519);
            agrees_with(kx_group::SECP256R1, &P256);
            agrees_with(kx_group::SECP384R1, &P384);
        }
    }

    #[test]
    fn a_share_of_the_wrong_form_is_refused() {
        assert!(X25519.start().unwrap().complete(&[1; 31]).is_err());
        assert!(X25519.start().unwrap().complete(&[1; 33]).is_err());
        assert!(P256.start().unwrap().complete(&[4; 64]).is_err());
        assert!(P256.start().unwrap().complete(&[2; 65]).is_err());
    }
}
