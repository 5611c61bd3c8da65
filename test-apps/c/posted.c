/*
 * A server with a list of connections to be gone on with after the events of the next turn, as nginx's
 * posted events; one that is closed is taken off. In the conversation of the two-messages servers:
 *
 *   post   puts the connection on the list, has an event counter counted whose handler does heavy work,
 *          and waits for the client to go: two events of one batch
 *   end    puts the connection on the list, does heavy work, and ends it
 *   sign   signs, and answers
 *   told   answers how often a connection that was gone on with was closed meanwhile. Nothing else runs
 *          within a turn, so none ever is
 */
#include "conversation.h"
#include <poll.h>

struct posted {
	struct conn conn;
	int dead;
};

static struct posted *next, *now;
static int epfd, counter, faults;
static struct heavy work;

/* Never freed: a fault is told, and is no crash. */
static void end(struct posted *p)
{
	if (next == p)
		next = NULL;
	if (now == p)
		now = NULL;
	p->dead = 1;
	close(p->conn.fd);
}

static void go_on(struct posted *p)
{
	char byte;
	ssize_t n = recv(p->conn.fd, &byte, 1, MSG_PEEK);
	if (p->dead)
		faults++;
	else if (n == 0)
		end(p);
}

static void post(struct posted *p)
{
	struct pollfd peer = {.fd = p->conn.fd, .events = POLLIN};
	uint64_t one = 1;
	ssize_t n = write(counter, &one, sizeof(one));
	next = n == sizeof(one) ? p : NULL;
	conn_answer(&p->conn, "posted");
	poll(&peer, 1, -1);
}

static void event(struct posted *p)
{
	char command[MESSAGE], answer[MESSAGE];
	ssize_t n = recv(p->conn.fd, command, sizeof(command), MSG_PEEK);
	if (n == MESSAGE && memcmp(command, "post ", 5) == 0 && conn_read(&p->conn) == 1) {
		post(p);
	} else if (n == MESSAGE && memcmp(command, "end ", 4) == 0 && conn_read(&p->conn) == 1) {
		next = p;
		heavy(&work, command);
		end(p);
	} else if (n == MESSAGE && memcmp(command, "sign ", 5) == 0 && conn_read(&p->conn) == 1) {
		conn_answer(&p->conn, heavy_sign(&work, command) ? "signed" : "failed");
	} else if (n == MESSAGE && memcmp(command, "told ", 5) == 0 && conn_read(&p->conn) == 1) {
		snprintf(answer, sizeof(answer), "%d", faults);
		conn_answer(&p->conn, answer);
	} else if (n == 0) {
		end(p);
	} else {
		conn_event(&p->conn);
	}
}

static void counted(void)
{
	char wanted[MESSAGE] = "counter";
	uint64_t count;
	if (read(counter, &count, sizeof(count)) > 0)
		heavy(&work, wanted);
}

static void accepted(int fd)
{
	struct posted *p = calloc(1, sizeof(*p));
	if (!p)
		die("calloc");
	p->conn.fd = fd;
	strcpy(p->conn.value, "none");
	/* Edge-triggered: its end comes after the counter, which was counted before. */
	watch(epfd, fd, EPOLLIN | EPOLLET, p);
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int listener)
{
	struct epoll_event events[64];
	struct posted *p;
	now = next;
	next = NULL;
	int n = epoll_wait(epfd, events, 64, now ? 0 : -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0, fd; i < n; i++) {
		if (events[i].data.ptr == &stop_fd)
			return 0;
		if (events[i].data.ptr == &counter)
			counted();
		else if (events[i].data.ptr)
			event(events[i].data.ptr);
		else
			while ((fd = accept_one(listener)) >= 0)
				accepted(fd);
	}
	p = now;
	now = NULL;
	if (p)
		go_on(p);
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 2)
		usage("posted " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	int listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	counter = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	watch(epfd, counter, EPOLLIN, &counter);
	announce(port);
	while (turn(listener))
		;
	return 0;
}
