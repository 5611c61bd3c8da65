//! zlib's `deflate` is done by ISA-L and libdeflate, its `inflate` by ISA-L, and what libdeflate is asked for by
//! another version of it or by ISA-L, where the settings say so (`compress.with`).
//!
//! That happens *below* the hooks: the original of each hook becomes the function of `interlude-deflate`
//! that stands for it. So whatever a hook makes of a call (a job, a wait, nothing at all) and wherever it
//! comes from (outside of any event, from within the shim, after a panic), a stream that was taken over is
//! never given to zlib.
//!
//! Must not: be switched on once the server runs.

use interlude_deflate::{Buffer, Event, Left, Pieces, Policy, Reason};
use interlude_settings::{CompressPolicy, Compressor, Settings};

use crate::api::compressors::LEVELS;
use crate::counters::{Counter, count};
use crate::original;
use crate::table::originals;

/// In the constructor: as the settings say.
pub(crate) fn start(settings: &Settings) {
    if settings.compress.with != Compressor::Isal {
        return;
    }
    let policy = match settings.compress.policy {
        CompressPolicy::NeverBigger => Policy::NeverBigger,
        CompressPolicy::Balanced => Policy::Balanced,
        CompressPolicy::Fastest => Policy::Fastest,
    };
    interlude_deflate::start(policy, original::find, observe);
    interlude_deflate::buffer::levels_by(|compressor| LEVELS.of(compressor));
    macro_rules! replace {
        ($($name:ident)*) => {$({
            const NAME: &std::ffi::CStr = match std::ffi::CStr::from_bytes_with_nul(
                concat!(stringify!($name), "\0").as_bytes(),
            ) {
                Ok(name) => name,
                Err(_) => c"",
            };
            if let Some(function) = interlude_deflate::instead_of(NAME) {
                // SAFETY: a function of that type, of this library, which stays.
                unsafe { originals::$name::ORIGINAL.set(function) };
            }
        })*};
    }
    replace! {
        deflate deflateInit2_ deflateEnd deflateReset deflateResetKeep deflateParams deflateTune
        deflateSetDictionary
        deflateGetDictionary deflateSetHeader deflatePrime deflatePending deflateCopy deflateBound
        inflate libdeflate_gzip_compress libdeflate_zlib_compress libdeflate_deflate_compress
    }
}

fn observe(event: Event) {
    count(match event {
        Event::Taken => Counter::CompressTaken,
        Event::Whole => Counter::CompressWhole,
        Event::InPieces(Pieces::Unfinished) => Counter::CompressPiecesUnfinished,
        Event::InPieces(Pieces::Long) => Counter::CompressPiecesLong,
        Event::InPieces(Pieces::Short) => Counter::CompressPiecesShort,
        Event::InPieces(Pieces::Window) => Counter::CompressPiecesWindow,
        Event::InPieces(Pieces::History) => Counter::CompressPiecesHistory,
        Event::InPieces(Pieces::Memory) => Counter::CompressPiecesMemory,
        Event::InPieces(Pieces::Changed) => Counter::CompressPiecesChanged,
        Event::HandedOver(Reason::Flushes) => Counter::CompressHandedOverFlushes,
        Event::HandedOver(Reason::Pieces) => Counter::CompressHandedOverPieces,
        Event::HandedOver(_) => Counter::CompressHandedOverChanged,
        Event::Left(Reason::Version) => Counter::CompressLeftVersion,
        Event::Left(Reason::Level) => Counter::CompressLeftLevel,
        Event::Left(Reason::Strategy) => Counter::CompressLeftStrategy,
        Event::Left(Reason::Memory) => Counter::CompressLeftMemory,
        Event::Left(Reason::NoInput) => Counter::CompressLeftNoInput,
        Event::Left(Reason::Prepared | Reason::Changed | Reason::Flushes | Reason::Pieces) => {
            Counter::CompressLeftPrepared
        }
        Event::Decoded => Counter::DecompressTaken,
        Event::NotDecoded(Left::Unknown) => Counter::DecompressLeftVersion,
        Event::NotDecoded(Left::Little) => Counter::DecompressLeftLittle,
        Event::NotDecoded(Left::Blocks) => Counter::DecompressLeftBlocks,
        Event::NotDecoded(Left::Window) => Counter::DecompressLeftWindow,
        Event::NotDecoded(Left::Refused) => Counter::DecompressLeftRefused,
        Event::NotDecoded(Left::Stored) => Counter::DecompressLeftStored,
        Event::Buffer => Counter::CompressBuffer,
        Event::NotBuffer(Buffer::Unknown) => Counter::CompressBufferUnknown,
        Event::NotBuffer(Buffer::Level) => Counter::CompressBufferLevel,
        Event::NotBuffer(Buffer::Short) => Counter::CompressBufferShort,
        Event::NotBuffer(Buffer::Room) => Counter::CompressBufferRoom,
    });
}
