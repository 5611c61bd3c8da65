/*
 * The founding example: the answer to a connection's second message depends on what the server
 * does AFTER the heavy call of its first. See conversation.h.
 */
#include "conversation.h"

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

static void happened(int epfd, void *data)
{
	(void)epfd;
	conn_event(data);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("two-messages " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	return serve(accepted, happened);
}
