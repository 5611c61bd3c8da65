/*
 * A server that keeps one connection to a peer open, the one that was used last, as nginx does with
 * `keepalive 1`: to keep another it takes the one before off its list, closes it, and puts its own there. In
 * the conversation of the two-messages servers:
 *
 *   use X   connects to a peer, keeps that connection, does heavy work, and answers X
 *   put X   likewise, with the heavy work before it connects
 *   has X   does heavy work with a lock of the server's taken, and answers X
 *   ask X   connects and keeps that connection as well, then takes that lock, and answers X
 *   faults  answers how often the list was found with nothing on it while another was being put there.
 *           Nothing else runs meanwhile, so it never is
 */
#include "conversation.h"

#include <pthread.h>

#define NOTHING_YET (-2)

static int kept = -1;
static struct sockaddr_in peer_address;
static unsigned faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int reach_peer(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* On the loopback, a listener with room answers at once. */
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer_address, sizeof(peer_address)) < 0)
		die("connect");
	return fd;
}

static void keep(int fd)
{
	int before = kept;
	if (before == NOTHING_YET)
		faults++;
	kept = NOTHING_YET;
	if (before >= 0)
		close(before);
	kept = fd;
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	char wanted[MESSAGE];
	int got = conn_read(c);
	(void)epfd;
	if (got == 0)
		return;
	if (got < 0) {
		conn_end(c);
	} else if (memcmp(c->message, "faults", 6) == 0) {
		snprintf(wanted, sizeof(wanted), "%u", faults);
		conn_answer(c, wanted);
	} else if (memcmp(c->message, "set ", 4) == 0) {
		conn_argument(c, wanted);
		conn_answer(c, heavy(&c->heavy, wanted) ? "done" : "failed");
	} else if (memcmp(c->message, "has ", 4) == 0) {
		conn_argument(c, wanted);
		pthread_mutex_lock(&lock);
		int ok = heavy(&c->heavy, wanted);
		pthread_mutex_unlock(&lock);
		conn_answer(c, ok ? wanted : "failed");
	} else if (memcmp(c->message, "ask ", 4) == 0) {
		keep(reach_peer());
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		conn_argument(c, wanted);
		conn_answer(c, wanted);
	} else {
		int late = memcmp(c->message, "put ", 4) == 0;
		if (!late)
			keep(reach_peer());
		conn_argument(c, wanted);
		int ok = heavy(&c->heavy, wanted);
		if (late)
			keep(reach_peer());
		conn_answer(c, ok ? wanted : "failed");
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		usage("kept-one " HEAVY_KINDS " PORT-OF-PEER");
	stop_on_sigterm();
	heavy_init(argv[1]);
	peer_address = on_loopback((uint16_t)atoi(argv[2]));
	return serve(accepted, happened);
}
