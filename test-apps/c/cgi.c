/*
 * A CGI program with an event loop and heavy work of its own: what a helper of a server may be. Its
 * answer tells whether libinterlude.so was loaded into it, and whether it acts in it. With an argument,
 * NAME=VALUE, it first executes itself with that as its whole environment.
 */
#include "heavy.h"
#include "loop.h"

static int maps_say(const char *what)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int said = 0;
	while (maps && fgets(line, sizeof(line), maps))
		said |= strstr(line, what) != NULL;
	if (maps)
		fclose(maps);
	return said;
}

int main(int argc, char **argv)
{
	static struct heavy memory;
	if (argc == 2) {
		char *program[] = {argv[0], NULL}, *environment[] = {argv[1], NULL};
		execve(argv[0], program, environment);
		die("execve");
	}
	int epfd = epoll_create1(EPOLL_CLOEXEC), ok = 1;
	heavy_choose("deflate");
	for (int i = 0; i < 3; i++) {
		struct epoll_event event;
		int fd = eventfd(1, EFD_CLOEXEC);
		watch(epfd, fd, EPOLLIN, NULL);
		ok = epoll_wait(epfd, &event, 1, -1) == 1 && heavy(&memory, "cgi") && ok;
		close(fd);
	}
	printf("Content-Type: text/plain\r\n\r\n%s, %s, %s\n", ok ? "right" : "wrong",
	       maps_say("libinterlude.so") ? "loaded" : "not loaded",
	       maps_say("interlude-stats") ? "acts" : "does not act");
	return 0;
}
