/* Children: forked with and without a loop of their own, executed, spawned; made in handlers too. */
#include <openssl/evp.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <zlib.h>

#include "hook-calls.h"

extern char **environ;

/* What a child works out: the same bytes wherever it runs. */
static void work(struct transcript *t)
{
	static const unsigned char seed[32] = "thirty-two bytes of a fixed key!";
	unsigned char signature[64], in[8000], out[9000];
	size_t size = sizeof(signature);
	uLongf length = sizeof(out);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	CALL(t, EVP_DigestSignInit(context, NULL, NULL, NULL, key));
	CALL(t, EVP_DigestSign(context, signature, &size, seed, 32));
	say_bytes(t, "signature", signature, size);
	fill(in, sizeof(in), 1);
	CALL(t, compress2(out, &length, in, sizeof(in), 6));
	say_bytes(t, "deflated", out, length);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static void work_in_a_loop(struct transcript *t)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), fds[3], done = 0;
	for (int i = 0; i < 3; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		fds[i] = eventfd(1, 0);
		CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &event));
		/* One is enough to begin with; each handler arms the next. */
		if (i > 0)
			CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, fds[i], NULL));
	}
	while (done < 3) {
		struct epoll_event event;
		CALL(t, epoll_wait(epfd, &event, 1, -1));
		say(t, "event %u\n", event.data.u32);
		work(t);
		done = (int)event.data.u32 + 1;
		CALL(t, close(fds[event.data.u32]));
		event = (struct epoll_event){.events = EPOLLIN, .data.u32 = (uint32_t)done};
		if (done < 3)
			CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, fds[done], &event));
	}
	CALL(t, close(epfd));
}

enum end { AT_ONCE, IN_ORDER, BY_SIGNAL };

static void child(int out, int with_loop, enum end end)
{
	struct transcript t = {0};
	if (with_loop)
		work_in_a_loop(&t);
	else
		work(&t);
	if (write(out, t.text, t.size) != (ssize_t)t.size)
		_exit(9);
	if (end == BY_SIGNAL)
		raise(SIGKILL);
	if (end == IN_ORDER)
		exit(4);
	_exit(3);
}

static void say_output(struct transcript *t, int in)
{
	char piece[512];
	ssize_t n;
	while ((n = read(in, piece, sizeof(piece))) > 0)
		say(t, "%.*s", (int)n, piece);
	CALL(t, close(in));
}

static void say_end(struct transcript *t, pid_t pid)
{
	int status = 0;
	CALL(t, waitpid(pid, &status, 0) == pid);
	say(t, "exited %d with %d, signal %d\n", WIFEXITED(status), WEXITSTATUS(status),
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void forked(struct transcript *t, int with_loop, enum end end)
{
	int p[2];
	pid_t pid;
	say(t, "-- loop %d end %d\n", with_loop, end);
	CALL(t, pipe2(p, O_CLOEXEC));
	pid = fork();
	if (pid == 0)
		child(p[1], with_loop, end);
	CALL(t, close(p[1]));
	say_output(t, p[0]);
	say_end(t, pid);
}

/* The heavy calls around it must be as good as before. */
void forks(struct transcript *t)
{
	work(t);
	forked(t, 0, AT_ONCE);
	forked(t, 0, IN_ORDER);
	forked(t, 1, AT_ONCE);
	work(t);
	forked(t, 1, IN_ORDER);
	forked(t, 0, BY_SIGNAL);
	work(t);
}

static void executed(struct transcript *t, const char *path, char *const *arguments, int as_vfork)
{
	int p[2];
	pid_t pid;
	say(t, "-- %s vfork %d\n", arguments[0], as_vfork);
	CALL(t, pipe2(p, O_CLOEXEC));
	pid = as_vfork ? vfork() : fork();
	if (pid == 0) {
		dup2(p[1], 1);
		execve(path, arguments, environ);
		_exit(errno == ENOENT ? 42 : 43);
	}
	CALL(t, close(p[1]));
	say_output(t, p[0]);
	say_end(t, pid);
}

static void spawned(struct transcript *t, char *const *arguments)
{
	int p[2];
	pid_t pid = -1;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	CALL(t, pipe2(p, O_CLOEXEC));
	CALL(t, posix_spawn_file_actions_adddup2(&actions, p[1], 1));
	CALL(t, posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ));
	CALL(t, close(p[1]));
	say_output(t, p[0]);
	say_end(t, pid);
	posix_spawn_file_actions_destroy(&actions);
}

void execs(struct transcript *t)
{
	char *own[] = {"hook-calls", "descriptors", NULL};
	char *shell[] = {"sh", "-c", "echo from the shell; exit 6", NULL};
	char *missing[] = {"missing", NULL};
	char line[64] = "";
	FILE *stream;
	executed(t, "/proc/self/exe", own, 0);
	executed(t, "/bin/sh", shell, 0);
	executed(t, "/bin/sh", shell, 1);
	executed(t, "/nonexistent/program", missing, 0);
	executed(t, "/nonexistent/program", missing, 1);
	spawned(t, shell);
	CALL(t, WEXITSTATUS(system("exit 5")));
	stream = popen("echo through a pipe", "r");
	say(t, "%s", fgets(line, sizeof(line), stream) ? line : "nothing\n");
	CALL(t, WEXITSTATUS(pclose(stream)));
	CALL(t, execve("/nonexistent/program", missing, environ));
	work(t);
}
