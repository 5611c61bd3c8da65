/*
 * The part of ONNX Runtime's C API that is called here, by the names and places that it has in
 * onnxruntime_c_api.h (MIT, Copyright (c) Microsoft Corporation). The wheel that the library comes in has
 * no headers. The table only ever grows at its end: what is declared here lies in it as of version 1.
 */
#ifndef ONNXRUNTIME_H
#define ONNXRUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* The version of the API that is asked for: 1.16's. */
#define ORT_API_VERSION 16

enum { ORT_LOGGING_LEVEL_ERROR = 3, ORT_LOGGING_LEVEL_FATAL = 4 };
enum { OrtDeviceAllocator = 0 };
enum { OrtMemTypeDefault = 0 };
enum { ONNX_TENSOR_FLOAT = 1, ONNX_TENSOR_INT64 = 7 };

typedef struct OrtAllocator OrtAllocator;
typedef struct OrtEnv OrtEnv;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtStatus OrtStatus;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtValue OrtValue;

typedef struct OrtApi {
	void *unused_0[2]; /* CreateStatus to GetErrorCode */
	const char *(*GetErrorMessage)(const OrtStatus *);
	OrtStatus *(*CreateEnv)(int level, const char *id, OrtEnv **);
	void *unused_4[3]; /* CreateEnvWithCustomLogger to DisableTelemetryEvents */
	OrtStatus *(*CreateSession)(const OrtEnv *, const char *path, const OrtSessionOptions *, OrtSession **);
	void *unused_8[1]; /* CreateSessionFromArray */
	OrtStatus *(*Run)(OrtSession *, const OrtRunOptions *, const char *const *in, const OrtValue *const *,
			  size_t n_in, const char *const *out, size_t n_out, OrtValue **);
	OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **);
	void *unused_11[13]; /* SetOptimizedModelFilePath to SetSessionGraphOptimizationLevel */
	OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int);
	OrtStatus *(*SetInterOpNumThreads)(OrtSessionOptions *, int);
	void *unused_26[4]; /* CreateCustomOpDomain to RegisterCustomOpsLibrary */
	OrtStatus *(*SessionGetInputCount)(const OrtSession *, size_t *);
	OrtStatus *(*SessionGetOutputCount)(const OrtSession *, size_t *);
	void *unused_32[4]; /* SessionGetOverridableInitializerCount to SessionGetOverridableInitializerTypeInfo */
	OrtStatus *(*SessionGetInputName)(const OrtSession *, size_t, OrtAllocator *, char **);
	OrtStatus *(*SessionGetOutputName)(const OrtSession *, size_t, OrtAllocator *, char **);
	void *unused_38[1]; /* SessionGetOverridableInitializerName */
	OrtStatus *(*CreateRunOptions)(OrtRunOptions **);
	void *unused_40[6]; /* RunOptionsSetRunLogVerbosityLevel to RunOptionsGetRunTag */
	OrtStatus *(*RunOptionsSetTerminate)(OrtRunOptions *);
	void *unused_47[2]; /* RunOptionsUnsetTerminate, CreateTensorAsOrtValue */
	OrtStatus *(*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo *, void *, size_t bytes,
						     const int64_t *shape, size_t rank, int type, OrtValue **);
	void *unused_50[1]; /* IsTensor */
	OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);
	void *unused_52[8]; /* FillStringTensor to SetDimensions */
	OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *, int *);
	void *unused_61[3]; /* GetDimensionsCount to GetSymbolicDimensions */
	OrtStatus *(*GetTensorShapeElementCount)(const OrtTensorTypeAndShapeInfo *, size_t *);
	OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *, OrtTensorTypeAndShapeInfo **);
	void *unused_66[3]; /* GetTypeInfo to CreateMemoryInfo */
	OrtStatus *(*CreateCpuMemoryInfo)(int allocator, int memory, OrtMemoryInfo **);
	void *unused_70[8]; /* CompareMemoryInfo to AllocatorGetInfo */
	OrtStatus *(*GetAllocatorWithDefaultOptions)(OrtAllocator **);
	void *unused_79[13]; /* AddFreeDimensionOverride to KernelContext_GetOutput */
	void (*ReleaseEnv)(OrtEnv *);
	void (*ReleaseStatus)(OrtStatus *);
	void (*ReleaseMemoryInfo)(OrtMemoryInfo *);
	void (*ReleaseSession)(OrtSession *);
	void (*ReleaseValue)(OrtValue *);
	void (*ReleaseRunOptions)(OrtRunOptions *);
	void *unused_98[1]; /* ReleaseTypeInfo */
	void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *);
	void (*ReleaseSessionOptions)(OrtSessionOptions *);
} OrtApi;

typedef struct OrtApiBase {
	const OrtApi *(*GetApi)(uint32_t version);
	const char *(*GetVersionString)(void);
} OrtApiBase;

const OrtApiBase *OrtGetApiBase(void);

#endif
