/*
 * A server that keeps its connection to a peer for the next request, as nginx does: the one that has the
 * whole answer gives the connection back first, and then does heavy work on the answer. Both of what an
 * event may say, that the peer can be read from and that it can be written to, are dealt with one after the
 * other, each by whoever has the connection then. In the conversation of the two-messages servers:
 *
 *   ask X   passes the message on to the peer, and answers X when the peer has sent it back
 *   extra   answers how many messages came from the peer that were not what had been asked for
 */
#include "conversation.h"

struct asker {
	struct conn client;
	int has_sent;
};

/* The one connection to the peer. */
static struct {
	int fd;
	struct asker *user; /* NULL: it is idle */
	char message[MESSAGE];
	size_t have;
} peer = {.fd = -1};

static struct sockaddr_in peer_address;
static int epfd;
static unsigned extra;

static void send_request(void)
{
	struct asker *a = peer.user;
	if (!a || a->has_sent)
		return;
	if (write(peer.fd, a->client.message, MESSAGE) != MESSAGE)
		die("write to the peer");
	a->has_sent = 1;
}

static void peer_readable(void)
{
	for (;;) {
		ssize_t n = read(peer.fd, peer.message + peer.have, MESSAGE - peer.have);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			die("read from the peer");
		peer.have += (size_t)n;
		if (peer.have < MESSAGE)
			continue;
		peer.have = 0;
		struct asker *a = peer.user;
		if (!a || memcmp(peer.message, a->client.message, MESSAGE) != 0) {
			extra++;
			continue;
		}
		char wanted[MESSAGE];
		conn_argument(&a->client, wanted);
		peer.user = NULL;
		conn_answer(&a->client, heavy(&a->client.heavy, wanted) ? wanted : "failed");
		return; /* What else comes is an event of its own. */
	}
}

static void reach_peer(void)
{
	peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* On the loopback, a listener with room answers at once. */
	if (peer.fd < 0 || connect(peer.fd, (struct sockaddr *)&peer_address, sizeof(peer_address)) < 0 ||
	    fcntl(peer.fd, F_SETFL, O_NONBLOCK) < 0)
		die("connect");
	watch(epfd, peer.fd, EPOLLIN | EPOLLOUT | EPOLLET, &peer);
}

static void client_event(struct asker *a)
{
	char count[MESSAGE];
	int got = conn_read(&a->client);
	if (got == 0)
		return;
	if (got < 0) {
		close(a->client.fd); /* (Never freed: a peer's answer may be on its way.) */
	} else if (memcmp(a->client.message, "extra", 5) == 0) {
		snprintf(count, sizeof(count), "%u", extra);
		conn_answer(&a->client, count);
	} else if (peer.user) {
		conn_answer(&a->client, "busy");
	} else {
		if (peer.fd < 0)
			reach_peer();
		peer.user = a;
		a->has_sent = 0;
		send_request();
	}
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int listener)
{
	struct epoll_event events[64];
	int n = epoll_wait(epfd, events, 64, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0, fd; i < n; i++) {
		uint32_t flags = events[i].events;
		void *data = events[i].data.ptr;
		if (data == &stop_fd)
			return 0;
		if (data == &peer) {
			if (flags & EPOLLIN)
				peer_readable();
			if (flags & EPOLLOUT)
				send_request();
		} else if (data) {
			client_event(data);
		} else {
			while ((fd = accept_one(listener)) >= 0) {
				struct asker *a = calloc(1, sizeof(*a));
				if (!a)
					die("calloc");
				a->client.fd = fd;
				watch(epfd, fd, EPOLLIN, a);
			}
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 3)
		usage("pooled-peer " HEAVY_KINDS " PORT-OF-PEER");
	stop_on_sigterm();
	heavy_init(argv[1]);
	peer_address = on_loopback((uint16_t)atoi(argv[2]));
	int listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	announce(port);
	while (turn(listener))
		;
	return 0;
}
