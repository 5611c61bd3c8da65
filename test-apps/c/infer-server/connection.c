#include "connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "json.h"
#include "model.h"

enum {
	MOST_HEAD = 8192,
	MOST_BODY = MOST_NUMBERS * 8,
	IN = MOST_HEAD + MOST_BODY,
	/* Room for an answer: as text, a score takes up to 16 bytes. */
	OUT = 1024 + MOST_SCORES * 16,
};

/* What is remembered of a connection's requests. */
struct running {
	uint64_t sequence; /* requests that were answered with scores */
	uint64_t digest;   /* of all their bodies, in order */
	float average;	   /* of their first scores, the latest weighing a tenth */
	struct memory memory;
};

struct connection {
	int fd, keep;
	size_t in_len, out_len, out_done;
	struct running running;
	char in[IN], out[OUT];
};

struct request {
	char method[8], path[64];
	const char *body;
	size_t body_len, len;
	int keep, raw, json;
};

struct connection *connection_open(int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	if (connection) {
		connection->fd = fd;
		connection->keep = 1;
	}
	return connection;
}

int connection_fd(const struct connection *connection)
{
	return connection->fd;
}

int connection_is_writing(const struct connection *connection)
{
	return connection->out_done < connection->out_len;
}

void connection_close(struct connection *connection)
{
	close(connection->fd);
	free(connection);
}

/* FNV-1a. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t len)
{
	if (digest == 0)
		digest = 14695981039346656037u;
	for (const unsigned char *byte = bytes; len-- > 0; byte++)
		digest = (digest ^ *byte) * 1099511628211u;
	return digest;
}

/* The value of a header line, or NULL. */
static const char *header(const char *line, const char *name)
{
	size_t len = strlen(name);
	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	line += len + 1;
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

/* 1: a whole request; 0: there must be more to come; otherwise the status of an answer that ends it. */
static int parse(char *in, size_t in_len, struct request *request)
{
	char *end = memmem(in, in_len, "\r\n\r\n", 4);
	if (!end)
		return in_len >= MOST_HEAD ? 431 : 0;
	size_t head = (size_t)(end - in) + 4;
	char version[16], saved = end[2];
	end[2] = 0; /* the head is a string meanwhile */
	memset(request, 0, sizeof(*request));
	int words = sscanf(in, "%7s %63s %15s", request->method, request->path, version);
	request->keep = words == 3 && strcmp(version, "HTTP/1.1") == 0;
	for (char *line = strstr(in, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
		const char *value;
		if ((value = header(line + 2, "content-length")))
			request->body_len = strtoul(value, NULL, 10);
		else if ((value = header(line + 2, "connection")))
			request->keep = request->keep && strncasecmp(value, "close", 5) != 0;
		else if ((value = header(line + 2, "accept")))
			request->raw = strncasecmp(value, "application/octet-stream", 24) == 0;
		else if ((value = header(line + 2, "content-type")))
			request->json = strncasecmp(value, "application/json", 16) == 0;
		else if (header(line + 2, "transfer-encoding"))
			words = 0;
	}
	end[2] = saved;
	if (words != 3 || strncmp(version, "HTTP/1.", 7) != 0)
		return 400;
	if (request->body_len > MOST_BODY)
		return 413;
	request->body = in + head;
	request->len = head + request->body_len;
	return in_len >= request->len;
}

static void answer(struct connection *to, int status, const char *type, const void *body, size_t len)
{
	const char *reason = status == 200 ? "OK" : status == 500 ? "Internal Server Error" : "Error";
	int head = snprintf(to->out, OUT,
			    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status,
			    reason, type, len, to->keep ? "" : "Connection: close\r\n");
	memcpy(to->out + head, body, len);
	to->out_len = (size_t)head + len;
	to->out_done = 0;
}

static void complain(struct connection *to, int status, const char *why)
{
	char line[320];
	int len = snprintf(line, sizeof(line), "%s\n", why);
	answer(to, status, "text/plain", line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

/* sequence and digest as u64, average as float, the number of scores as u32, the scores: little-endian. */
static void answer_raw(struct connection *to, const float *scores, int count)
{
	char body[24 + MOST_SCORES * sizeof(float)];
	const uint32_t number = (uint32_t)count;
	memcpy(body, &to->running.sequence, 8);
	memcpy(body + 8, &to->running.digest, 8);
	memcpy(body + 16, &to->running.average, 4);
	memcpy(body + 20, &number, 4);
	memcpy(body + 24, scores, (size_t)count * sizeof(float));
	answer(to, 200, "application/octet-stream", body, 24 + (size_t)count * sizeof(float));
}

static void answer_json(struct connection *to, const float *scores, int count)
{
	char body[256 + MOST_SCORES * 16];
	int len = sprintf(body, "{\"sequence\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\",\"average\":%.7g,\"scores\":[",
			  to->running.sequence, to->running.digest, (double)to->running.average);
	for (int i = 0; i < count; i++)
		len += sprintf(body + len, i ? ",%.7g" : "%.7g", (double)scores[i]);
	len += sprintf(body + len, "]}\n");
	answer(to, 200, "application/json", body, (size_t)len);
}

/* Numbers of a request in JSON, as the model takes them. For all connections: used up before the model runs. */
static const void *numbers_of(const struct request *request, size_t *bytes)
{
	static double numbers[MOST_NUMBERS];
	static int64_t body[MOST_NUMBERS];
	int count = json_numbers(request->body, request->body_len, numbers, MOST_NUMBERS);
	*bytes = count > 0 ? model_body(numbers, count, body) : 0;
	return *bytes ? body : NULL;
}

static void infer(struct connection *of, const struct request *request)
{
	struct running *running = &of->running;
	float scores[MOST_SCORES];
	const char *why;
	int ours;
	const void *body = request->body;
	size_t bytes = request->body_len;
	if (request->json && !(body = numbers_of(request, &bytes))) {
		complain(of, 400, "the body is not {\"input\": [numbers]}, or not of numbers that the model takes");
		return;
	}
	/* What is known before the call, and what is made of its result: both belong to this request. */
	uint64_t sequence = running->sequence + 1;
	uint64_t digest = mix(running->digest, request->body, request->body_len);
	int count = model_run(body, bytes, &running->memory, scores, &why, &ours);
	if (count < 1) {
		complain(of, ours ? 500 : 400, why);
		return;
	}
	running->average = sequence == 1 ? scores[0] : 0.9f * running->average + 0.1f * scores[0];
	running->sequence = sequence;
	running->digest = digest;
	if (request->raw)
		answer_raw(of, scores, count);
	else
		answer_json(of, scores, count);
}

static void respond(struct connection *to, const struct request *request)
{
	int is_post = strcmp(request->method, "POST") == 0, is_get = strcmp(request->method, "GET") == 0;
	to->keep = request->keep;
	if (strcmp(request->path, "/infer") == 0 && is_post)
		infer(to, request);
	else if (strcmp(request->path, "/health") == 0 && is_get)
		answer(to, 200, "text/plain", "ok\n", 3);
	else if (strcmp(request->path, "/infer") == 0 || strcmp(request->path, "/health") == 0)
		complain(to, 405, "POST /infer, or GET /health");
	else
		complain(to, 404, "there is /infer and /health");
}

/* 1: something was answered; 0: nothing is there to be answered. */
static int serve_one(struct connection *connection)
{
	struct request request;
	int status = parse(connection->in, connection->in_len, &request);
	if (status == 0)
		return 0;
	if (status != 1) {
		connection->keep = 0;
		connection->in_len = 0;
		complain(connection, status, "the request is malformed or too large");
		return 1;
	}
	respond(connection, &request);
	connection->in_len -= request.len;
	memmove(connection->in, connection->in + request.len, connection->in_len);
	return 1;
}

/* 0: all is written; 1: more has to wait; -1: it has ended. */
static int write_out(struct connection *connection)
{
	while (connection_is_writing(connection)) {
		ssize_t n = write(connection->fd, connection->out + connection->out_done,
				  connection->out_len - connection->out_done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -1;
		connection->out_done += (size_t)n;
	}
	return connection->keep ? 0 : -1;
}

int connection_happened(struct connection *connection)
{
	for (;;) {
		int written = write_out(connection);
		if (written)
			return written < 0 ? -1 : 0;
		if (serve_one(connection))
			continue;
		ssize_t n = read(connection->fd, connection->in + connection->in_len,
				 IN - connection->in_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		connection->in_len += (size_t)n;
	}
}
