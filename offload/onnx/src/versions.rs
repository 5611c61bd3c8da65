//! How long the runtime's table of functions is, by the version of the API that it was asked for.
//!
//! Followed: the assertions at the end of `onnxruntime_c_api.cc`, which keep each version's last function
//! at its place for ever.

use std::mem::{offset_of, size_of};

use ort_sys::OrtApi;

macro_rules! ends {
    ($($version:literal: $last:ident,)*) => {
        /// The last function of each version.
        const ENDS: &[(u32, usize)] =
            &[$(($version, offset_of!(OrtApi, $last) / size_of::<usize>() + 1),)*];
    };
}

ends! {
    1: ReleaseCustomOpDomain,
    2: ReleaseModelMetadata,
    3: AddFreeDimensionOverrideByName,
    4: ReleaseAvailableProviders,
    5: SetGlobalSpinControl,
    6: ReleaseArenaCfg,
    7: GetCurrentGpuDeviceId,
    8: CreateSessionFromArrayWithPrepackedWeightsContainer,
    9: GetSparseTensorIndices,
    10: SynchronizeBoundOutputs,
    11: SessionOptionsAppendExecutionProvider_MIGraphX,
    12: ReleaseKernelInfo,
    13: ReleaseCANNProviderOptions,
    14: GetSessionConfigEntry,
    15: GetBuildInfoString,
    16: KernelContext_GetResource,
    17: SessionOptionsAppendExecutionProvider_OpenVINO_V2,
    18: AddExternalInitializersFromMemory,
    19: AddExternalInitializersFromMemory,
    20: SetEpDynamicOptions,
    21: SetEpDynamicOptions,
    22: GetEpApi,
    23: CreateExternalInitializerInfo,
    24: GetTensorElementTypeAndShapeDataReference,
    25: SetPerSessionThreadPoolCallbacks,
    26: SetPerSessionThreadPoolCallbacks,
    27: SessionReleaseCapturedGraph,
    28: KernelContext_GetSyncStream,
    29: SessionOptionsSetWeightlessSourceModelBuffer,
    30: KernelContext_GetPreallocatedOutput,
    31: GetModelPackageApi,
}

/// The place of a function in every table.
macro_rules! places {
    ($($name:ident: $function:ident;)*) => {$(
        /// The place of the function of that name.
        pub const $name: usize = offset_of!(OrtApi, $function) / size_of::<usize>();
    )*};
}

places! {
    RUN: Run;
    RELEASE_SESSION: ReleaseSession;
    RELEASE_VALUE: ReleaseValue;
    RELEASE_RUN_OPTIONS: ReleaseRunOptions;
}

/// How many functions a table of that version has; `None` for a version that is not known here.
#[must_use]
pub fn entries(version: u32) -> Option<usize> {
    ENDS.iter().find(|(known, _)| *known == version).map(|(_, entries)| *entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the runtime's own assertions.
    #[test]
    fn each_version_is_as_long_as_the_runtime_says() {
        let lengths = [
            (1, 102),
            (2, 119),
            (3, 125),
            (4, 127),
            (5, 150),
            (6, 158),
            (7, 162),
            (8, 170),
            (9, 192),
            (10, 204),
            (11, 210),
            (12, 219),
            (13, 225),
        ];
        for (version, length) in lengths {
            assert_eq!(entries(version), Some(length), "version {version}");
        }
        let newest = size_of::<OrtApi>() / size_of::<usize>();
        assert_eq!(ENDS.last().map(|(_, entries)| *entries), Some(newest));
        assert!(ENDS.is_sorted());
    }

    #[test]
    fn versions_to_come_are_not_known() {
        assert_eq!((entries(0), entries(32)), (None, None));
    }
}
