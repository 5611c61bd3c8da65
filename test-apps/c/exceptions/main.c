/*
 * A server whose handlers are C++ (handlers.cpp). A message of 16 bytes is a verb and a text, padded
 * with blanks. With `in-catch` the loop itself runs inside a catch handler.
 */
#include "../conversation.h"
#include "handlers.h"

#define USAGE "exceptions plain|in-catch " HEAVY_KINDS

int work(void *place, const char *text)
{
	return heavy(place, text);
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	char line[MESSAGE + 1] = "", verb[MESSAGE], text[MESSAGE], answer[MESSAGE];
	(void)epfd;
	int got = conn_read(c);
	if (got < 0)
		conn_end(c);
	if (got <= 0)
		return;
	memcpy(line, c->message, MESSAGE);
	if (sscanf(line, "%15s %15s", verb, text) != 2)
		usage("a verb and a text");
	handle(verb, text, &c->heavy, answer, sizeof(answer));
	conn_answer(c, answer);
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

static int run(void)
{
	return serve(accepted, happened);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		usage(USAGE);
	stop_on_sigterm();
	heavy_init(argv[2]);
	return strcmp(argv[1], "in-catch") == 0 ? within_catch(run) : run();
}
