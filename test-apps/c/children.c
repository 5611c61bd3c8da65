/*
 * Children of a server in the midst of its work, in the conversation of the two-messages servers:
 *
 *   fork   the child does heavy work, then more of it in a loop of its own, and gives the answer
 *   vfork  the child closes all descriptors and becomes `true`, as Python's subprocess does
 *   closes the child closes every descriptor by itself, those that the server watches among them
 *   inside the handler of a signal forks, in the midst of the event; the child does heavy work where
 *          the event goes on, and answers `alone`, or `helped` where it has other threads by then
 *   ids    no child: sets its user to what it is, which glibc has every thread do
 *   fds    forks while another thread has done heavy work in a loop of its own; the child answers `mine` where
 *          every eventfd that it has is one of this program's
 *   loads  forks once the file is there that LOADING names, while another thread does heavy work
 */
#include "conversation.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>

static volatile sig_atomic_t forked = -1;

static int works_in_a_loop(struct conn *c)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), ok = 1;
	for (int i = 0; i < 3; i++) {
		struct epoll_event event;
		int fd = eventfd(1, EFD_CLOEXEC);
		watch(epfd, fd, EPOLLIN, NULL);
		ok = epoll_wait(epfd, &event, 1, -1) == 1 && heavy(&c->heavy, "loop") && ok;
		close(fd);
	}
	return close(epfd) == 0 && ok;
}

/* A thread with a loop of its own, and what it waits at: before the fork, and for the end. */
static pthread_barrier_t worked, done;

static void *another(void *data)
{
	works_in_a_loop(data);
	pthread_barrier_wait(&worked);
	pthread_barrier_wait(&done);
	return NULL;
}

static int own = -1;

static int eventfds(void)
{
	char target[64];
	int count = 0;
	for (int fd = 0; fd < 256; fd++) {
		char link[32];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(link, target, sizeof(target) - 1);
		count += n > 0 && memmem(target, n, "[eventfd]", 9) != NULL;
	}
	return count;
}

static int ended_well(pid_t pid)
{
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void forks(struct conn *c)
{
	pid_t pid = fork();
	if (pid == 0) {
		int ok = heavy(&c->heavy, "child") && works_in_a_loop(c);
		conn_answer(c, ok ? "child" : "wrong");
		_exit(0);
	}
	if (!ended_well(pid))
		conn_answer(c, "failed");
}

static void vforks(struct conn *c)
{
	static char *const arguments[] = {"true", NULL};
	pid_t pid = vfork();
	if (pid == 0) {
		close_range(3, ~0U, 0);
		execv("/bin/true", arguments);
		_exit(1);
	}
	conn_answer(c, ended_well(pid) ? "child" : "failed");
}

static void counts(struct conn *c)
{
	struct conn theirs = {0};
	pthread_t thread;
	pthread_barrier_init(&worked, NULL, 2);
	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&thread, NULL, another, &theirs);
	pthread_barrier_wait(&worked);
	pid_t pid = fork();
	if (pid == 0) {
		conn_answer(c, eventfds() == own ? "mine" : "others");
		_exit(0);
	}
	if (!ended_well(pid))
		conn_answer(c, "failed");
	pthread_barrier_wait(&done);
	pthread_join(thread, NULL);
}

static void *works(void *data)
{
	works_in_a_loop(data);
	return NULL;
}

static void forks_while_it_loads(struct conn *c)
{
	struct conn theirs = {0};
	const char *loading = getenv("LOADING");
	pthread_t thread;
	pthread_create(&thread, NULL, works, &theirs);
	while (loading && access(loading, F_OK) != 0)
		usleep(1000);
	pid_t pid = fork();
	if (pid == 0) {
		conn_answer(c, works_in_a_loop(c) ? "child" : "wrong");
		_exit(0);
	}
	if (!ended_well(pid))
		conn_answer(c, "failed");
	pthread_join(thread, NULL);
}

static void closes(struct conn *c)
{
	pid_t pid = fork();
	if (pid == 0) {
		/* The epoll fd comes after what it watches. */
		for (int fd = 255; fd > 2; fd--)
			close(fd);
		_exit(0);
	}
	conn_answer(c, ended_well(pid) ? "child" : "failed");
}

static void forks_inside(int number)
{
	(void)number;
	forked = fork();
}

static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;
	for (struct dirent *task; tasks && (task = readdir(tasks));)
		count += task->d_name[0] != '.';
	if (tasks)
		closedir(tasks);
	return count;
}

static void forks_in_a_handler(struct conn *c)
{
	char next;
	raise(SIGALRM);
	if (forked == 0) {
		/* A server uses its connection, and then works for it. */
		int nothing = recv(c->fd, &next, 1, MSG_PEEK) < 0 && errno == EAGAIN;
		int ok = nothing && heavy(&c->heavy, "child");
		conn_answer(c, !ok ? "wrong" : threads() == 1 ? "alone" : "helped");
		_exit(0);
	}
	if (!ended_well(forked))
		conn_answer(c, "failed");
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	char command[MESSAGE];
	ssize_t n = recv(c->fd, command, sizeof(command), MSG_PEEK);
	void (*made)(struct conn *) = NULL;
	(void)epfd;
	if (n == MESSAGE && memcmp(command, "fork ", 5) == 0)
		made = forks;
	if (n == MESSAGE && memcmp(command, "vfork ", 6) == 0)
		made = vforks;
	if (n == MESSAGE && memcmp(command, "closes ", 7) == 0)
		made = closes;
	if (n == MESSAGE && memcmp(command, "fds ", 4) == 0)
		made = counts;
	if (n == MESSAGE && memcmp(command, "loads ", 6) == 0)
		made = forks_while_it_loads;
	if (n == MESSAGE && memcmp(command, "inside ", 7) == 0)
		made = forks_in_a_handler;
	if (made && conn_read(c) == 1)
		made(c);
	else if (n == MESSAGE && memcmp(command, "ids ", 4) == 0 && conn_read(c) == 1)
		conn_answer(c, setuid(getuid()) == 0 ? "same" : "failed");
	else
		conn_event(c);
}

static void accepted(int epfd, int fd)
{
	if (own < 0)
		own = eventfds();
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("children " HEAVY_KINDS);
	stop_on_sigterm();
	signal(SIGALRM, forks_inside);
	heavy_init(argv[1]);
	return serve(accepted, happened);
}
