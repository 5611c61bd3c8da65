/*
 * A request that lives on two connections: what a client asks is passed on to a peer, on a
 * connection of its own, and answered after heavy work on what the peer says. The client may leave
 * at any time, and ends the request. While an answer is being made, nothing else happens in a
 * server like this; so a request that has ended in the middle of it is counted, and the count is
 * the answer to `broken`. Messages as in conversation.h.
 */
#include "conversation.h"

struct request;

struct end {
	struct request *request;
	int is_peer;
};

struct request {
	struct conn client, peer;
	struct end of_client, of_peer;
	int has_ended;
};

static struct sockaddr_in peer_address;
static unsigned broken;

/* It is never freed: where the rules are off, somebody may still be at work on it. */
static void end(struct request *r)
{
	if (r->has_ended)
		return;
	r->has_ended = 1;
	close(r->client.fd);
	if (r->peer.fd >= 0)
		close(r->peer.fd);
}

static void accepted(int epfd, int fd)
{
	struct request *r = calloc(1, sizeof(*r));
	if (!r)
		die("calloc");
	r->client.fd = fd;
	r->peer.fd = -1;
	r->of_client = (struct end){r, 0};
	r->of_peer = (struct end){r, 1};
	watch(epfd, fd, EPOLLIN, &r->of_client);
}

static int reach_peer(int epfd, struct request *r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* On the loopback, a listener with room answers at once. */
	if (connect(fd, (struct sockaddr *)&peer_address, sizeof(peer_address)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		close(fd);
		return -1;
	}
	r->peer.fd = fd;
	watch(epfd, fd, EPOLLIN, &r->of_peer);
	return 0;
}

static void client_event(int epfd, struct request *r)
{
	char count[MESSAGE];
	int got = conn_read(&r->client);
	if (got == 0)
		return;
	if (got > 0 && memcmp(r->client.message, "broken", 6) == 0) {
		snprintf(count, sizeof(count), "%u", broken);
		conn_answer(&r->client, count);
		return;
	}
	if (got < 0 || (r->peer.fd < 0 && reach_peer(epfd, r) < 0) ||
	    write(r->peer.fd, r->client.message, MESSAGE) != MESSAGE)
		end(r);
}

static void peer_event(struct request *r)
{
	char wanted[MESSAGE];
	int got = conn_read(&r->peer);
	if (got == 0)
		return;
	if (got < 0) {
		end(r);
		return;
	}
	conn_argument(&r->peer, wanted);
	int ok = heavy(&r->peer.heavy, wanted);
	if (r->has_ended)
		broken++;
	else
		conn_answer(&r->client, ok ? wanted : "failed");
}

static void happened(int epfd, void *data)
{
	struct end *e = data;
	if (e->request->has_ended)
		return;
	if (e->is_peer)
		peer_event(e->request);
	else
		client_event(epfd, e->request);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		usage("relay " HEAVY_KINDS " PORT-OF-PEER");
	stop_on_sigterm();
	heavy_init(argv[1]);
	peer_address = on_loopback((uint16_t)atoi(argv[2]));
	return serve(accepted, happened);
}
