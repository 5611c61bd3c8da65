/*
 * Every way of calling `OrtApi::Run` that is worth a look, each from an event of a loop, and what it came
 * to: a transcript, which must be the same whatever is preloaded.
 *
 *   infer-calls MODEL    a model with a float input "x" of 64 numbers a row, and an output "y" of 16
 *   infer-calls MODEL reload
 *                        serves: "run" is answered by a run, "opt" by one with options of its own, "new" by
 *                        freeing the session and making another one, each by the first number of the
 *                        latest result
 */
#include "../conversation.h"
#include "../loop.h"
#include "../infer-server/onnxruntime.h"

enum { IN = 64, OUT = 16, ROWS = 3 };

static const OrtApi *api;
static OrtEnv *env;
static OrtSession *session;
static OrtMemoryInfo *cpu;
static const char *model;

static void say(const char *what, OrtStatus *status, const float *numbers)
{
	printf("%s: ", what);
	if (status) {
		printf("%s\n", api->GetErrorMessage(status));
		api->ReleaseStatus(status);
	} else if (numbers) {
		printf("%.3f %.3f %.3f\n", (double)numbers[0], (double)numbers[1], (double)numbers[OUT - 1]);
	} else {
		printf("done\n");
	}
}

static void need(OrtStatus *status)
{
	if (status) {
		fprintf(stderr, "%s\n", api->GetErrorMessage(status));
		exit(1);
	}
}

static OrtValue *over(float *numbers, int64_t rows, int64_t size)
{
	const int64_t shape[] = {rows, size};
	OrtValue *value;
	need(api->CreateTensorWithDataAsOrtValue(cpu, numbers, (size_t)(rows * size) * sizeof(float), shape, 2,
						 ONNX_TENSOR_FLOAT, &value));
	return value;
}

static const float *numbers_of(OrtValue *value)
{
	void *data;
	need(api->GetTensorMutableData(value, &data));
	return data;
}

static void make_session(void)
{
	OrtSessionOptions *options;
	need(api->CreateSessionOptions(&options));
	need(api->SetIntraOpNumThreads(options, 1));
	need(api->CreateSession(env, model, options, &session));
	api->ReleaseSessionOptions(options);
}

static void fill(float *numbers, int count, float first)
{
	for (int i = 0; i < count; i++)
		numbers[i] = first - (float)(i % IN) / IN;
}

/* What became of a run, and its result, which is freed. */
static void say_result(const char *what, OrtStatus *status, OrtValue *out)
{
	say(what, status, out ? numbers_of(out) : NULL);
	if (out)
		api->ReleaseValue(out);
}

/* A run of one input by this name, for one output by that. */
static OrtStatus *run(const OrtApi *by, const OrtRunOptions *options, const char *in_name, OrtValue *in,
		      const char *out_name, OrtValue **out)
{
	const char *in_names[] = {in_name}, *out_names[] = {out_name};
	const OrtValue *const inputs[] = {in};
	return by->Run(session, options, in_names, inputs, 1, out_names, 1, out);
}

static void plain_runs(void)
{
	float on_stack[ROWS * IN];
	float *on_heap = malloc(sizeof(on_stack));
	char in_name[] = "x", out_name[] = "y";
	for (int rows = 1; rows <= ROWS; rows++) {
		OrtValue *out = NULL;
		fill(on_stack, rows * IN, 0.5f);
		OrtValue *in = over(on_stack, rows, IN);
		OrtStatus *status = run(api, NULL, in_name, in, out_name, &out);
		say_result("from the stack", status, out);
		api->ReleaseValue(in);
	}
	OrtValue *out = NULL;
	fill(on_heap, IN, 0.25f);
	OrtValue *in = over(on_heap, 1, IN);
	OrtStatus *status = run(api, NULL, in_name, in, out_name, &out);
	say_result("from the heap", status, out);
	api->ReleaseValue(in);
	free(on_heap);
}

static void given_outputs(void)
{
	float x[IN], on_stack[OUT] = {0}, wide[2 * OUT] = {0};
	float *on_heap = calloc(OUT, sizeof(float));
	fill(x, IN, 0.75f);
	OrtValue *in = over(x, 1, IN);
	OrtValue *heap = over(on_heap, 1, OUT), *stack = over(on_stack, 1, OUT);
	OrtValue *wrong = over(wide, 2, OUT);
	say("into the heap", run(api, NULL, "x", in, "y", &heap), on_heap);
	say("into the stack", run(api, NULL, "x", in, "y", &stack), on_stack);
	OrtStatus *status = run(api, NULL, "x", in, "y", &wrong);
	printf("into another shape: %s\n", status ? "refused" : "done");
	if (status)
		api->ReleaseStatus(status);
	OrtValue *values[] = {in, heap, stack, wrong};
	for (int i = 0; i < 4; i++)
		api->ReleaseValue(values[i]);
	free(on_heap);
}

static void failures(void)
{
	float x[2 * IN];
	fill(x, 2 * IN, 0.5f);
	OrtValue *in = over(x, 1, IN), *narrow = over(x, 2, IN / 2), *out = NULL;
	say("no such input", run(api, NULL, "z", in, "y", &out), NULL);
	say("no such output", run(api, NULL, "x", in, "z", &out), NULL);
	OrtStatus *status = run(api, NULL, "x", narrow, "y", &out);
	printf("an input of another shape: %s\n", status ? "refused" : "done");
	if (status)
		api->ReleaseStatus(status);
	const char *out_name = "y";
	say("no input", api->Run(session, NULL, NULL, NULL, 0, &out_name, 1, &out), NULL);
	say("no output", api->Run(session, NULL, &(const char *){"x"}, &(const OrtValue *){in}, 1, NULL, 0, NULL),
	    NULL);
	say("a name that is not there", run(api, NULL, "", in, "y", &out), NULL);
	printf("outputs of these: %s\n", out ? "some" : "none");
	api->ReleaseValue(in);
	api->ReleaseValue(narrow);
}

static void options(void)
{
	float x[IN];
	OrtRunOptions *options;
	OrtValue *out = NULL;
	fill(x, IN, 1.0f);
	OrtValue *in = over(x, 1, IN);
	need(api->CreateRunOptions(&options));
	OrtStatus *status = run(api, options, "x", in, "y", &out);
	say_result("with options", status, out);
	out = NULL;
	need(api->RunOptionsSetTerminate(options));
	status = run(api, options, "x", in, "y", &out);
	printf("told to end: %s\n", status ? "refused" : "done");
	if (status)
		api->ReleaseStatus(status);
	api->ReleaseRunOptions(options);
	api->ReleaseValue(in);
}

static void versions(void)
{
	const OrtApiBase *base = OrtGetApiBase();
	float x[IN];
	fill(x, IN, 0.5f);
	OrtValue *in = over(x, 1, IN);
	for (uint32_t version = 1; version <= 12; version++) {
		const OrtApi *of = base->GetApi(version);
		OrtValue *out = NULL;
		printf("version %u %s: ", version, of == base->GetApi(version) ? "again" : "another");
		OrtStatus *status = run(of, NULL, "x", in, "y", &out);
		say_result("a run", status, out);
	}
	printf("versions 0 and 1000: %s, %s\n", base->GetApi(0) ? "some" : "none",
	       base->GetApi(1000) ? "some" : "none");
	printf("the base is %s\n", OrtGetApiBase() == base ? "the same" : "another");
	api->ReleaseValue(in);
}

static void again(void)
{
	api->ReleaseSession(session);
	make_session();
	plain_runs();
	api->ReleaseValue(NULL);
	api->ReleaseSession(NULL);
}

static void all_of_them(void)
{
	static void (*const sections[])(void) = {plain_runs, given_outputs, failures, options, versions, again};
	int epfd = epoll_create1(0), ends[2];
	/* A connection: what is not one is parked for nobody. */
	if (epfd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		die("epoll and sockets");
	watch(epfd, ends[0], EPOLLIN, NULL);
	/* The first call of a loop is made in place: so twice. */
	for (unsigned i = 0; i < 2 * sizeof(sections) / sizeof(sections[0]); i++) {
		struct epoll_event event;
		char byte = 'x';
		if (write(ends[1], &byte, 1) != 1 || epoll_wait(epfd, &event, 1, -1) != 1 ||
		    read(ends[0], &byte, 1) != 1)
			die("an event");
		printf("== %u\n", i);
		sections[i % (sizeof(sections) / sizeof(sections[0]))]();
		fflush(stdout);
	}
	api->ReleaseSession(session);
	api->ReleaseMemoryInfo(cpu);
	api->ReleaseEnv(env);
}

/* "run X", "opt X" or "new X": answered with X if all is well. */
static const char *serve_message(struct conn *c, char *argument)
{
	float x[IN];
	OrtValue *out = NULL;
	conn_argument(c, argument);
	if (memcmp(c->message, "new", 3) == 0) {
		OrtSession *before = session;
		api->ReleaseSession(before);
		make_session();
		return argument;
	}
	OrtRunOptions *options = NULL;
	if (memcmp(c->message, "opt", 3) == 0)
		need(api->CreateRunOptions(&options));
	fill(x, IN, 0.5f);
	OrtValue *in = over(x, 1, IN);
	OrtStatus *status = run(api, options, "x", in, "y", &out);
	if (options)
		api->ReleaseRunOptions(options);
	int good = !status && out && numbers_of(out)[0] == numbers_of(out)[0];
	if (status)
		api->ReleaseStatus(status);
	if (out)
		api->ReleaseValue(out);
	api->ReleaseValue(in);
	return good ? argument : "failed";
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	char argument[MESSAGE];
	(void)epfd;
	int got = conn_read(c);
	if (got < 0)
		conn_end(c);
	else if (got > 0)
		conn_answer(c, serve_message(c, argument));
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "reload") != 0))
		usage("infer-calls MODEL [reload]");
	model = argv[1];
	api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
	if (!api)
		usage("infer-calls: ONNX Runtime 1.16 or later is needed");
	need(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "infer-calls", &env));
	need(api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &cpu));
	make_session();
	if (argc == 2) {
		all_of_them();
		return 0;
	}
	stop_on_sigterm();
	return serve(accepted, happened);
}
