#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnxruntime.h"

const char KINDS[] = "plain, silero-vad, minilm";

/* Most inputs and outputs of a model here. */
enum { MOST_VALUES = 4 };

static const OrtApi *api;
static OrtSession *session;
static OrtMemoryInfo *cpu;
static enum kind kind;
static char *plain_input, *plain_output;

/* The message of the latest failure; a server of one thread has one. */
static char failure[256];

int kind_of(const char *name, enum kind *found)
{
	static const char *const names[] = {"plain", "silero-vad", "minilm"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*found = (enum kind)i;
			return 0;
		}
	}
	return -1;
}

static int failed(OrtStatus *status)
{
	if (!status)
		return 0;
	snprintf(failure, sizeof(failure), "%s", api->GetErrorMessage(status));
	api->ReleaseStatus(status);
	return 1;
}

static void need(OrtStatus *status, const char *what)
{
	if (failed(status)) {
		fprintf(stderr, "infer-server: %s: %s\n", what, failure);
		exit(1);
	}
}

void model_load(enum kind which, const char *path, int threads)
{
	const OrtApiBase *base = OrtGetApiBase();
	OrtEnv *env;
	OrtSessionOptions *options;
	OrtAllocator *allocator;
	size_t inputs, outputs;
	api = base->GetApi(ORT_API_VERSION);
	if (!api) {
		fprintf(stderr, "infer-server: ONNX Runtime %s is too old; 1.%d is needed\n",
			base->GetVersionString(), ORT_API_VERSION);
		exit(1);
	}
	kind = which;
	need(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "infer-server", &env), "environment");
	need(api->CreateSessionOptions(&options), "options");
	need(api->SetIntraOpNumThreads(options, threads), "--threads");
	need(api->SetInterOpNumThreads(options, 1), "--threads");
	need(api->CreateSession(env, path, options, &session), path);
	api->ReleaseSessionOptions(options);
	need(api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &cpu), "memory");
	need(api->GetAllocatorWithDefaultOptions(&allocator), "allocator");
	need(api->SessionGetInputCount(session, &inputs), path);
	need(api->SessionGetOutputCount(session, &outputs), path);
	if (outputs < 1 || (kind == PLAIN ? inputs != 1 : inputs != 3)) {
		fprintf(stderr, "infer-server: %s has %zu inputs and %zu outputs: not of that kind\n", path,
			inputs, outputs);
		exit(1);
	}
	if (kind == PLAIN) {
		need(api->SessionGetInputName(session, 0, allocator, &plain_input), path);
		need(api->SessionGetOutputName(session, 0, allocator, &plain_output), path);
	}
}

/* A tensor over memory of the caller's. */
static OrtValue *tensor(void *data, size_t bytes, const int64_t *shape, size_t rank, int type)
{
	OrtValue *value = NULL;
	return failed(api->CreateTensorWithDataAsOrtValue(cpu, data, bytes, shape, rank, type, &value))
		       ? NULL
		       : value;
}

/* The floats of an output, and how many; NULL if it has others. */
static const float *floats(OrtValue *value, size_t *count)
{
	OrtTensorTypeAndShapeInfo *info;
	void *data = NULL;
	int type = 0;
	if (failed(api->GetTensorTypeAndShape(value, &info)))
		return NULL;
	int unknown = failed(api->GetTensorElementType(info, &type)) ||
		      failed(api->GetTensorShapeElementCount(info, count)) ||
		      failed(api->GetTensorMutableData(value, &data));
	api->ReleaseTensorTypeAndShapeInfo(info);
	if (!unknown && type != ONNX_TENSOR_FLOAT)
		snprintf(failure, sizeof(failure), "an output is not of floats");
	return unknown || type != ONNX_TENSOR_FLOAT ? NULL : data;
}

static void release(OrtValue **values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i])
			api->ReleaseValue(values[i]);
	}
}

/* The call that it is all about. Releases the inputs; the outputs are there where it returns 0. */
static int run(const char *const *names, OrtValue **inputs, size_t n_in, const char *const *out_names,
	       OrtValue **outputs, size_t n_out)
{
	OrtStatus *status = NULL;
	int whole = 1;
	for (size_t i = 0; i < n_in; i++)
		whole = whole && inputs[i];
	memset(outputs, 0, n_out * sizeof(*outputs));
	if (whole)
		status = api->Run(session, NULL, names, (const OrtValue *const *)inputs, n_in, out_names,
				  n_out, outputs);
	release(inputs, n_in);
	return whole && !failed(status) ? 0 : -1;
}

static int run_plain(const void *body, size_t bytes, float *scores)
{
	static float numbers[MOST_NUMBERS];
	int64_t shape[] = {1, (int64_t)(bytes / sizeof(float))};
	memcpy(numbers, body, bytes);
	OrtValue *in = tensor(numbers, bytes, shape, 2, ONNX_TENSOR_FLOAT), *out;
	const char *const in_names[] = {plain_input}, *const out_names[] = {plain_output};
	if (run(in_names, &in, 1, out_names, &out, 1) < 0)
		return -1;
	size_t count = 0;
	const float *data = floats(out, &count);
	if (count > MOST_SCORES)
		count = MOST_SCORES;
	if (data)
		memcpy(scores, data, count * sizeof(float));
	release(&out, 1);
	return data ? (int)count : -1;
}

static int run_silero(const void *body, struct memory *memory, float *scores)
{
	/* On the stack, all of it, as in many a program. */
	int64_t rate = 16000;
	float window[CONTEXT + CHUNK];
	const int64_t window_shape[] = {1, CONTEXT + CHUNK}, state_shape[] = {2, 1, 128};
	memcpy(window, memory->context, sizeof(memory->context));
	memcpy(window + CONTEXT, body, CHUNK * sizeof(float));
	OrtValue *in[] = {
		tensor(window, sizeof(window), window_shape, 2, ONNX_TENSOR_FLOAT),
		tensor(memory->state, sizeof(memory->state), state_shape, 3, ONNX_TENSOR_FLOAT),
		tensor(&rate, sizeof(rate), NULL, 0, ONNX_TENSOR_INT64),
	};
	OrtValue *out[2];
	const char *const in_names[] = {"input", "state", "sr"}, *const out_names[] = {"output", "stateN"};
	if (run(in_names, in, 3, out_names, out, 2) < 0)
		return -1;
	size_t count = 0, state_count = 0;
	const float *score = floats(out[0], &count), *state = floats(out[1], &state_count);
	int good = score && state && count == 1 && state_count == MEMORY;
	if (good) {
		scores[0] = score[0];
		memcpy(memory->state, state, sizeof(memory->state));
		memcpy(memory->context, window + CHUNK, sizeof(memory->context));
	} else if (score && state) {
		snprintf(failure, sizeof(failure), "outputs of other shapes than silero-vad's");
	}
	release(out, 2);
	return good ? 1 : -1;
}

/* The mean over the words, of length 1. */
static int embedding(const float *words, size_t count, size_t tokens, float *scores)
{
	float length = 0;
	if (tokens == 0 || count != tokens * MOST_SCORES) {
		snprintf(failure, sizeof(failure), "an output of another shape than MiniLM's");
		return -1;
	}
	memset(scores, 0, MOST_SCORES * sizeof(float));
	for (size_t i = 0; i < count; i++)
		scores[i % MOST_SCORES] += words[i];
	for (int i = 0; i < MOST_SCORES; i++)
		length += scores[i] * scores[i];
	length = sqrtf(length);
	for (int i = 0; i < MOST_SCORES; i++)
		scores[i] /= length > 0 ? length : 1;
	return MOST_SCORES;
}

static int run_minilm(const void *body, size_t bytes, float *scores)
{
	/* For all connections: what is in them is used up when the call returns. */
	static int64_t ids[MOST_NUMBERS], ones[MOST_NUMBERS], zeros[MOST_NUMBERS];
	size_t tokens = bytes / sizeof(int64_t);
	const int64_t shape[] = {1, (int64_t)tokens};
	memcpy(ids, body, bytes);
	for (size_t i = 0; i < tokens; i++)
		ones[i] = 1;
	OrtValue *in[] = {
		tensor(ids, bytes, shape, 2, ONNX_TENSOR_INT64),
		tensor(ones, bytes, shape, 2, ONNX_TENSOR_INT64),
		tensor(zeros, bytes, shape, 2, ONNX_TENSOR_INT64),
	};
	OrtValue *out;
	const char *const in_names[] = {"input_ids", "attention_mask", "token_type_ids"};
	const char *const out_names[] = {"last_hidden_state"};
	if (run(in_names, in, 3, out_names, &out, 1) < 0)
		return -1;
	size_t count = 0;
	const float *words = floats(out, &count);
	int made = words ? embedding(words, count, tokens, scores) : -1;
	release(&out, 1);
	return made;
}

size_t model_body(const double *numbers, int count, void *body)
{
	for (int i = 0; i < count; i++) {
		if (kind == MINILM) {
			/* Up to there every whole number is one. */
			if (fabs(numbers[i]) > 9007199254740992.0 || numbers[i] != floor(numbers[i]))
				return 0;
			((int64_t *)body)[i] = (int64_t)numbers[i];
		} else {
			((float *)body)[i] = (float)numbers[i];
			if (!isfinite(((float *)body)[i]))
				return 0;
		}
	}
	return (size_t)count * (kind == MINILM ? sizeof(int64_t) : sizeof(float));
}

int model_run(const void *body, size_t bytes, struct memory *memory, float *scores, const char **why,
	      int *ours)
{
	size_t number = kind == MINILM ? sizeof(int64_t) : sizeof(float);
	int made;
	*ours = 0;
	*why = "the body is not a whole number of numbers, or too long";
	if (bytes == 0 || bytes % number || bytes / number > MOST_NUMBERS)
		return -1;
	*why = "the body is not 512 floats";
	if (kind == SILERO && bytes != CHUNK * sizeof(float))
		return -1;
	*ours = 1;
	*why = failure;
	switch (kind) {
	case PLAIN:
		made = run_plain(body, bytes, scores);
		break;
	case SILERO:
		made = run_silero(body, memory, scores);
		break;
	default:
		made = run_minilm(body, bytes, scores);
	}
	return made;
}
