/*
 * infer-server: a DNN inference server, as one would write it. One thread, one epoll loop, keep-alive
 * HTTP; each request is answered by one synchronous call of ONNX Runtime's C API. It knows nothing of
 * Interlude, and nothing here waits for several requests to put them into one run.
 *
 *   POST /infer   the body: a raw tensor, little-endian, as --kind says, or with "Content-Type: application/json"
 *                 {"input": [the same numbers]}; the answer: the scores, and what the connection remembers. JSON,
 *                 or raw with "Accept: application/octet-stream".
 *   GET /health   "ok".
 */
#include "../loop.h"
#include "connection.h"
#include "model.h"

#include <getopt.h>

static const char USAGE[] =
	"usage: infer-server --model FILE [--kind KIND] [--port N] [--threads N]\n"
	"\n"
	"  --model FILE   the model, in ONNX's format\n"
	"  --kind KIND    plain (the default): one input, float [1, n], body: n floats;\n"
	"                 silero-vad: body: 512 floats, 32 ms of sound at 16 kHz;\n"
	"                 minilm: body: token numbers, int64\n"
	"  --port N       on 127.0.0.1; 0 (the default): any, printed as \"port N\"\n"
	"  --threads N    threads inside of one run, 1 to 256; 1 where not given\n"
	"\n"
	"Serves until SIGTERM. POST /infer answers with the scores, GET /health with \"ok\".\n"
	"Exit codes: 0 ended by SIGTERM, 1 the model or the port cannot be had, 2 bad usage.\n";

static void refuse(const char *option, const char *value, const char *allowed)
{
	fprintf(stderr, "infer-server: %s: %s is not %s (--help says more)\n", option, value, allowed);
	exit(2);
}

static long number(const char *option, const char *text, long least, long most)
{
	char *end, allowed[64];
	long value = strtol(text, &end, 10);
	if (*text && !*end && value >= least && value <= most)
		return value;
	snprintf(allowed, sizeof(allowed), "a number from %ld to %ld", least, most);
	refuse(option, text, allowed);
	return 0;
}

static void arm(int epfd, struct connection *connection, int op)
{
	struct epoll_event event = {
		.events = connection_is_writing(connection) ? EPOLLOUT : EPOLLIN,
		.data.ptr = connection,
	};
	if (epoll_ctl(epfd, op, connection_fd(connection), &event) < 0)
		die("epoll_ctl");
}

static void accepted(int epfd, int fd)
{
	struct connection *connection = connection_open(fd);
	if (!connection) {
		close(fd);
		return;
	}
	arm(epfd, connection, EPOLL_CTL_ADD);
}

static void happened(int epfd, void *data)
{
	struct connection *connection = data;
	int was_writing = connection_is_writing(connection);
	if (connection_happened(connection) < 0)
		connection_close(connection);
	else if (connection_is_writing(connection) != was_writing)
		arm(epfd, connection, EPOLL_CTL_MOD);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"model", required_argument, NULL, 'm'}, {"kind", required_argument, NULL, 'k'},
		{"port", required_argument, NULL, 'p'},	 {"threads", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},	 {NULL, 0, NULL, 0},
	};
	const char *model = NULL;
	enum kind kind = PLAIN;
	int threads = 1;
	uint16_t port = 0;
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (option) {
		case 'm':
			model = optarg;
			break;
		case 'k':
			if (kind_of(optarg, &kind) < 0)
				refuse("--kind", optarg, KINDS);
			break;
		case 'p':
			port = (uint16_t)number("--port", optarg, 0, 65535);
			break;
		case 't':
			threads = (int)number("--threads", optarg, 1, 256);
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (!model || optind < argc) {
		fprintf(stderr, "infer-server: %s (--help says more)\n",
			model ? "there is no such argument" : "--model is missing");
		return 2;
	}
	stop_on_sigterm();
	model_load(kind, model, threads);
	return serve_on(port, accepted, happened);
}
