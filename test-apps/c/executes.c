/*
 * Executes itself at a moment when nothing may be allocated: in a child that `_Fork` has made, as a
 * thread may have the allocator's lock just then. `executes COUNT [ENTRY]` does so with an environment
 * of COUNT entries, and ENTRY in their midst. The program that is executed tells what it has got.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static volatile int forbidden;

static void *allowed(void *memory)
{
	if (forbidden && write(2, "allocated\n", 10) == 10)
		_exit(1);
	return memory;
}

void *malloc(size_t size)
{
	return allowed(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return allowed(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
	return allowed(__libc_realloc(memory, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = allowed(__libc_memalign(alignment, size));
	return *memory ? 0 : ENOMEM;
}

static int tell(unsigned count)
{
	unsigned found = 0, settings = 0;
	char expected[32];
	for (char **entry = environ; *entry; entry++) {
		snprintf(expected, sizeof(expected), "E%u=%u", found, found);
		found += strcmp(*entry, expected) == 0;
		settings += strncmp(*entry, "INTERLUDE_", 10) == 0;
	}
	const char *preload = getenv("LD_PRELOAD"), *last = preload ? strrchr(preload, '/') : NULL;
	printf("%s, preload %s, settings %u\n", found == count ? "whole" : "not whole",
	       last ? last : preload ? preload : "none", settings);
	return 0;
}

static void execute(char **argv, unsigned count)
{
	char **list = calloc(count + 2, sizeof(*list)), **next = list, told[16];
	char *arguments[] = {argv[0], "told", told, NULL};
	snprintf(told, sizeof(told), "%u", count);
	for (unsigned i = 0; i < count; i++) {
		if (i == count / 2 && argv[2])
			*next++ = argv[2];
		*next = malloc(32);
		snprintf(*next++, 32, "E%u=%u", i, i);
	}
	if (_Fork() == 0) {
		forbidden = 1;
		/* The first one fails: afterwards all is as before. */
		execve("/nonexistent/program", arguments, list);
		if (errno == ENOENT)
			execve(argv[0], arguments, list);
		_exit(errno);
	}
}

int main(int argc, char **argv)
{
	int status = 1;
	if (argc == 3 && strcmp(argv[1], "told") == 0)
		return tell((unsigned)atoi(argv[2]));
	if (argc != 2 && argc != 3)
		return 2;
	execute(argv, (unsigned)atoi(argv[1]));
	return wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
