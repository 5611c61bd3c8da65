/*
 * Connections that use one another. `work` does heavy work and then closes its connection, whose
 * number becomes that of a file at once. `poke` writes to a connection that is at work, if there is
 * one: `none` if not, `ok` if it was open before and after, `gone` if the write said so (EBADF), and
 * `astray` if it was written to what was opened meanwhile. On one thread without coroutines, a
 * connection is never seen at work, or closed by a write. Messages as in conversation.h.
 */
#include "conversation.h"
#include <sys/mman.h>

static struct conn *at_work[1024];

static void work(struct conn *c)
{
	at_work[c->fd % 1024] = c;
	heavy(&c->heavy, "x");
	at_work[c->fd % 1024] = NULL;
	int number = c->fd;
	conn_end(c);
	int file = memfd_create("meanwhile", MFD_CLOEXEC);
	if (file >= 0 && file != number) {
		dup2(file, number);
		close(file);
	}
	/* It stays open for a while, as a log does. */
	static int files[64], next;
	if (files[next % 64] > 0)
		close(files[next % 64]);
	files[next++ % 64] = number;
}

static const char *poke(void)
{
	struct conn **slot = at_work;
	while (slot < at_work + 1024 && !*slot)
		slot++;
	if (slot == at_work + 1024)
		return "none";
	struct conn *c = *slot;
	if (write(c->fd, "poked          \n", MESSAGE) < 0 && errno == EBADF)
		return "gone";
	return *slot == c ? "ok" : "astray";
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	(void)epfd;
	int got = conn_read(c);
	if (got < 0)
		conn_end(c);
	else if (got > 0 && memcmp(c->message, "work", 4) == 0)
		work(c);
	else if (got > 0)
		conn_answer(c, poke());
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("meanwhile " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	return serve(accepted, happened);
}
