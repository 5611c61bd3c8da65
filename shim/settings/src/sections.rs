//! The sections of the settings, and their defaults.

use interlude_device::Description;
use serde::Deserialize;

use crate::{Check, CompressPolicy, Compressor, DeviceResults, SettingsError};

/// `[cores]`: the helper-thread engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cores {
    /// Helper threads; 0: as many as the process may use CPUs.
    pub threads: u32,
    /// Jobs that may wait in the engine before it refuses one, 1 to 65536.
    pub queue: u32,
    /// Nice value of the helper threads relative to the server, 0 to 19.
    pub nice: u32,
}

/// `[loop]`: event loops of the server's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Loop {
    /// Events in a row, none of which has parked, after which a loop waits for the kernel itself again, as before its
    /// first heavy call, until there is another; 0: never.
    pub rest_after: u32,
}

/// `[simd]`: the engine with lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simd {
    /// Helper threads that make the passes, 0 to 256, each as nice as `[cores]` says; 0: the server's own
    /// thread makes them.
    pub threads: u32,
}

/// `[onnx]`: the engine that puts inferences together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Onnx {
    /// Requests in one run, at most, 2 to 1024.
    pub batch: u32,
    /// Helper threads that make the runs, 0 to 256, each as nice as `[cores]` says; 0: the server's own
    /// thread makes them.
    pub threads: u32,
    /// By how many millionths of an output's largest element a float may differ from what the request
    /// alone gives; a model that differs by more is never run for several at once.
    pub tolerance_ppm: u32,
}

/// `[device]`: an accelerator that is emulated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// What is emulated: a name of `interlude_device::EMBEDDED`, or the path of such a description.
    pub description: String,
    /// Is there one for all threads and worker processes of a server, or one for each thread?
    pub shared: bool,
    /// Completions taken with one look at the device's ring, at most, 1 to 65536.
    pub dequeue: u32,
    /// No two looks at the ring are closer to each other, in nanoseconds, 0 to a second.
    pub poll_interval_ns: u32,
    /// Where results come from.
    pub results: DeviceResults,
    /// KiB of remembered results and of what they answer, of each thread, at most, 1 to 4194304; the oldest are
    /// forgotten.
    pub remembered_kib: u32,
    /// What `description` says; there once it is read, for the engine `device` only.
    #[serde(skip)]
    pub described: Option<Description>,
}

/// `[plugin]`: an engine that others have built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// Absolute path of the shared object; the server's workers have to be able to read it.
    pub path: String,
    /// What it is told when it opens a queue.
    pub arguments: String,
}

/// `[chaos]`: an engine for tests. The shares are in percent of all jobs, and together 100 at most.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// What all is drawn from; 0: chosen at random.
    pub seed: u32,
    /// Every job is delayed by so many microseconds at most.
    pub delay_max_us: u32,
    /// Jobs that are answered without having been run.
    pub fail: u32,
    /// Jobs that are never answered.
    pub hang: u32,
    /// After so many jobs, of each thread, none is answered any more; 0: it never comes to that.
    pub hang_after: u32,
    /// Jobs that are answered after their deadline.
    pub late: u32,
    /// Jobs that are answered twice.
    pub twice: u32,
    /// Jobs that are answered wrongly. Not all of them are found unless `jobs.check` is `all`.
    pub wrong: u32,
}

/// `[jobs]`: which calls are offloaded, and what is expected of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// `EVP_DigestSign`.
    pub sign: bool,
    /// `EVP_PKEY_derive`.
    pub derive: bool,
    /// `EVP_PKEY_keygen`.
    pub keygen: bool,
    /// `EVP_PKEY_decrypt`.
    pub decrypt: bool,
    /// `deflate` and `libdeflate_*_compress`.
    pub deflate: bool,
    /// `OrtApi::Run`.
    pub infer: bool,
    /// Calls that take less than so many microseconds, as measured, run in place. 0: none do, and neither what
    /// calls take nor how busy the engine is matters to any decision.
    pub min_us: u32,
    /// The same for compressions; see [`Jobs::compress_min_us`] for where it is not set.
    pub compress_min_us: Option<u32>,
    /// Smallest input of a compression, in bytes, that is worth a job.
    pub deflate_min: u32,
    /// File names of libraries whose compression shares buffers between connections: in
    /// coroutine mode, a process that has one of them loaded compresses in place.
    pub deflate_in_place: Vec<String>,
    /// After so many milliseconds without an answer a job is done in place, 1 to 600000. The time of
    /// one that waits behind others begins anew with each answer.
    pub deadline_ms: u32,
    /// For how many milliseconds an engine that failed several times in a row gets no jobs; 0: it gets all
    /// jobs always, whatever it does.
    pub quarantine_ms: u32,
    /// Whose results are checked.
    pub check: Check,
}

/// `[openssl]`: what the library does itself, in place, and with the same results.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenSsl {
    /// The derivations of TLS 1.3's key schedule (`EVP_KDF_derive` from libssl, of the default provider).
    pub key_schedule: bool,
    /// The names of kinds of keys, which libcrypto looks for with each new key.
    pub key_names: bool,
    /// The encoding of sessions (`ASN1_item_i2d` from libssl), for tickets and for servers that keep them.
    pub session_encoding: bool,
}

/// `[compress]`: what compresses for zlib's callers, in every mode but `off`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compress {
    /// What does the work of `deflate`.
    pub with: Compressor,
    /// What the output may cost.
    pub policy: CompressPolicy,
}

/// `[rules]`: rules of conflict (C1 to C9 in ARCHITECTURE.md, and what is each coroutine's own). All are on in real use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// C1: no event for an fd that a parked coroutine owns.
    pub own_fd: bool,
    /// C1: nothing parks for a job in the midst of a batch of events.
    pub batches: bool,
    /// C1: nothing begins while a coroutine waits for the owner of a connection.
    pub doors: bool,
    /// C2: nor for a connection that one of its own is linked to.
    pub linked_fds: bool,
    /// C3: a lock held by a parked coroutine of this thread is waited for by parking.
    pub locks: bool,
    /// C4: a call on an object that a parked coroutine is inside of waits, and fails if that was
    /// freed or closed meanwhile.
    pub objects: bool,
    /// C5: the server's clocks do not pass its next timer while coroutines are parked.
    pub timers: bool,
    /// C6: the kernel is asked again about an event that was held.
    pub order: bool,
    /// C7: an event is the server's only as long as its fd is the same file.
    pub identity: bool,
    /// C8: memory that a parked call writes is its coroutine's until that ends.
    pub shared: bool,
    /// C9: of coroutines that wait for one another, one goes on.
    pub cycles: bool,
    /// What a thread has one of (`errno`, the handled exceptions) is each coroutine's own.
    pub ambient: bool,
}

impl Default for Loop {
    fn default() -> Self {
        Self { rest_after: 1024 }
    }
}

impl Default for Cores {
    fn default() -> Self {
        Self { threads: 0, queue: 1024, nice: 5 }
    }
}

impl Default for Onnx {
    fn default() -> Self {
        // More requests in a run gain little, and all wait for it. Kernels that add up in another order
        // differ by less.
        Self { batch: 16, threads: 0, tolerance_ppm: 100 }
    }
}

impl Device {
    /// Bytes of results that each thread remembers, at most; 0: none are.
    #[must_use]
    pub fn remembered_bytes(&self) -> usize {
        match self.results {
            DeviceResults::Computed => 0,
            DeviceResults::Remembered => self.remembered_kib as usize * 1024,
        }
    }
}

impl Default for Device {
    fn default() -> Self {
        // As many at a time as in the study that BlueField-2's figures are from.
        Self {
            description: "bluefield2-offchip".to_owned(),
            // A machine has one card.
            shared: true,
            dequeue: 16,
            poll_interval_ns: 0,
            results: DeviceResults::Computed,
            remembered_kib: 65_536,
            described: None,
        }
    }
}

impl Default for Chaos {
    fn default() -> Self {
        // No wrong answers: with the default check, some would reach clients.
        Self {
            seed: 0,
            delay_max_us: 20_000,
            fail: 1,
            hang: 1,
            hang_after: 0,
            late: 1,
            twice: 1,
            wrong: 0,
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            sign: true,
            derive: true,
            keygen: true,
            decrypt: true,
            deflate: true,
            infer: true,
            min_us: 100,
            compress_min_us: None,
            deflate_min: 2048,
            // lighttpd's: one output buffer for all streams, and settings of the request at hand
            // in a variable of the module's.
            deflate_in_place: vec!["mod_deflate.so".to_owned()],
            // Longer than a helper is kept off its CPU on any machine that still serves, shorter than
            // clients wait.
            deadline_ms: 1000,
            quarantine_ms: 5000,
            check: Check::Rsa,
        }
    }
}

impl Default for OpenSsl {
    fn default() -> Self {
        Self { key_schedule: true, key_names: true, session_encoding: true }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            own_fd: true,
            batches: true,
            doors: true,
            linked_fds: true,
            locks: true,
            objects: true,
            timers: true,
            order: true,
            identity: true,
            shared: true,
            cycles: true,
            ambient: true,
        }
    }
}

impl Device {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if !(1..=65536).contains(&self.dequeue) {
            return Err(SettingsError::range("device.dequeue", self.dequeue, "1 to 65536"));
        }
        if self.poll_interval_ns > 1_000_000_000 {
            let (key, allowed) = ("device.poll_interval_ns", "0 to 1000000000");
            return Err(SettingsError::range(key, self.poll_interval_ns, allowed));
        }
        if !(1..=4_194_304).contains(&self.remembered_kib) {
            let (key, allowed) = ("device.remembered_kib", "1 to 4194304");
            return Err(SettingsError::range(key, self.remembered_kib, allowed));
        }
        Ok(())
    }
}

impl Plugin {
    /// A server may change its directory before it loads anything.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.path.starts_with('/') {
            return Ok(());
        }
        Err(SettingsError::text("plugin.path", &self.path, "an absolute path"))
    }
}

impl Chaos {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.delay_max_us > 60_000_000 {
            let (key, allowed) = ("chaos.delay_max_us", "0 to 60000000");
            return Err(SettingsError::range(key, self.delay_max_us, allowed));
        }
        let shares = [
            ("chaos.fail", self.fail),
            ("chaos.hang", self.hang),
            ("chaos.late", self.late),
            ("chaos.twice", self.twice),
            ("chaos.wrong", self.wrong),
        ];
        let mut left = 100;
        for (key, share) in shares {
            left = match u32::checked_sub(left, share) {
                Some(left) => left,
                None => {
                    return Err(SettingsError::range(key, share, "100 together with the others"));
                }
            };
        }
        Ok(())
    }
}
