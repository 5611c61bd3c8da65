/*
 * The sections, and the event loop in which they run a second time.
 *
 * hook-calls SECTION... runs these, without an argument all; `hook-calls list` names them. With
 * `hold` as the last section it then prints `port 0` and stays until SIGTERM, to be looked at.
 */
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "hook-calls.h"

#define COPIES 3

/* ALONE: what it does to the process would be seen by another copy that runs at the same time. */
enum company { ALONE, TOGETHER };

static const struct section {
	const char *name;
	enum company company;
	void (*run)(struct transcript *t);
} sections[] = {
	{"files", TOGETHER, files},
	{"sockets", TOGETHER, sockets},
	{"tcp", TOGETHER, tcp},
	{"descriptors", TOGETHER, descriptors},
	{"close-ranges", ALONE, close_ranges},
	{"epoll-errors", TOGETHER, epoll_errors},
	{"epoll-events", TOGETHER, epoll_events},
	{"epoll-duplicates", ALONE, epoll_duplicates},
	{"epoll-signals", ALONE, epoll_signals},
	{"mutexes", TOGETHER, mutexes},
	{"rwlocks", TOGETHER, rwlocks},
	{"spinlocks", TOGETHER, spinlocks},
	{"waiting", TOGETHER, waiting},
	{"contended", TOGETHER, contended},
	{"clocks", TOGETHER, clocks},
	{"sign", TOGETHER, sign},
	{"sign-errors", TOGETHER, sign_errors},
	{"derive", TOGETHER, derive},
	{"keygen", TOGETHER, keygen},
	{"decrypt", TOGETHER, decrypt},
	{"tls12", TOGETHER, tls12},
	{"tls13", TOGETHER, tls13},
	{"tls13-secrets", TOGETHER, tls13_secrets},
	{"key-schedule", TOGETHER, key_schedule},
	{"finished-macs", TOGETHER, finished_macs},
	{"key-digests", TOGETHER, key_digests},
	{"sessions", TOGETHER, sessions},
	{"providers", ALONE, providers},
	{"tls-errors", TOGETHER, tls_errors},
	{"deflate-flushes", TOGETHER, deflate_flushes},
	{"deflate-streams", TOGETHER, deflate_streams},
	{"deflate-errors", TOGETHER, deflate_errors},
	{"deflate-jumps", ALONE, deflate_jumps},
	{"inflates", TOGETHER, inflates},
	{"one-calls", TOGETHER, one_calls},
	{"libdeflates", TOGETHER, libdeflates},
	{"ambient", TOGETHER, ambient},
	{"deep-stack", TOGETHER, deep_stack},
	{"forks", ALONE, forks},
	{"execs", ALONE, execs},
	{"signals", ALONE, signals},
	{"threads", TOGETHER, threads},
	{"thread-exits", TOGETHER, thread_exits},
	{"thread-cancels", TOGETHER, thread_cancels},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* One run of a section, started by a message on a connection: `peer` is the client's end. */
struct run {
	const struct section *section;
	int fd, peer;
	struct transcript transcript;
};
static struct run runs[COPIES];
static int started, finished;
/* The first event of a loop: it makes a heavy call and starts the others. */
static struct run starter;

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void print(const struct run *run, const char *where, int copy)
{
	printf("== %s, %s %d\n%.*s", run->section->name, where, copy, (int)run->transcript.size,
	       run->transcript.text);
	fflush(stdout);
}

static void forget(struct run *run)
{
	free(run->transcript.text);
	memset(run, 0, sizeof(*run));
}

static void outside(const struct section *section)
{
	runs[0].section = section;
	section->run(&runs[0].transcript);
	print(&runs[0], "outside", 0);
	forget(&runs[0]);
}

static void start(struct run *run)
{
	if (write(run->peer, "!", 1) != 1)
		fail("writing a message");
}

static void start_all(void)
{
	for (int i = 0; i < started; i++)
		start(&runs[i]);
}

static void handle(struct run *run)
{
	char message;
	if (read(run->fd, &message, 1) != 1)
		fail("reading a message");
	if (run == &starter) {
		if (!heavy())
			fail("the first signature");
		start_all();
		return;
	}
	run->section->run(&run->transcript);
	finished++;
}

static void loop(int epfd)
{
	while (finished < started) {
		struct epoll_event events[COPIES];
		int n = epoll_wait(epfd, events, COPIES, -1);
		if (n < 0 && errno != EINTR)
			fail("the loop's epoll_wait");
		for (int i = 0; i < n; i++)
			handle(events[i].data.ptr);
	}
}

static void connect_run(struct run *run)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	run->peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		fail("listening");
	/* Not by connect(): the client is no part of this server. */
	if (syscall(SYS_connect, run->peer, &address, size) < 0)
		fail("connecting");
	run->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (run->fd < 0)
		fail("accepting");
	close(listener);
}

static void add(int epfd, struct run *run, const struct section *section)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = run};
	run->section = section;
	connect_run(run);
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, run->fd, &event) < 0)
		fail("the loop's epoll_ctl");
}

/* Twice: whoever stands in between has seen in the first round what these handlers do. */
static void inside(const struct section *section)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	started = section->company == TOGETHER ? COPIES : 1;
	add(epfd, &starter, section);
	start(&starter);
	for (int i = 0; i < started; i++)
		add(epfd, &runs[i], section);
	for (int round = 0; round < 2; round++) {
		finished = 0;
		if (round > 0)
			start_all();
		loop(epfd);
	}
	for (int i = 0; i < started; i++) {
		print(&runs[i], "inside", i);
		close(runs[i].fd);
		close(runs[i].peer);
		forget(&runs[i]);
	}
	close(starter.fd);
	close(starter.peer);
	close(epfd);
}

static void on_sigterm(int number)
{
	(void)number;
	_exit(0);
}

static void hold(void)
{
	signal(SIGTERM, on_sigterm);
	printf("port 0\n");
	fflush(stdout);
	for (;;)
		pause();
}

static const struct section *find(const char *name)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	fprintf(stderr, "unknown section %s; `hook-calls list` names them\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < SECTIONS; i++)
			puts(sections[i].name);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < (argc > 1 ? (size_t)argc - 1 : SECTIONS); i++) {
		if (argc > 1 && strcmp(argv[i + 1], "hold") == 0)
			hold();
		const struct section *section = argc > 1 ? find(argv[i + 1]) : &sections[i];
		outside(section);
		inside(section);
	}
	return 0;
}
