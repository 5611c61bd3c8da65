/*
 * Connections of a Unix listener: what one end does is there for the other at once. The server has
 * one end, by calls that the shim sees; the world has the other, by system calls that it does not.
 */
#include "held.h"
#include <sys/syscall.h>
#include <sys/un.h>

/* In all, and at a time. */
#define FILES 256
#define ROOM 12

int file_of[NUMBERS];
static int world[FILES], last_file, listener;
static struct sockaddr_un address;
static socklen_t address_size;

/* The same file at a number that the server never gets. */
static int lift(int fd)
{
	int lifted = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, NUMBERS * 2);
	if (lifted < 0)
		die("F_DUPFD_CLOEXEC");
	syscall(SYS_close, fd);
	return lifted;
}

void files_init(void)
{
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address.sun_family = AF_UNIX;
	address_size = sizeof(address);
	/* Without a path the kernel chooses an abstract one. */
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &address_size) < 0)
		die("listener");
}

static unsigned open_numbers(void)
{
	unsigned count = 0;
	for (int fd = 0; fd < NUMBERS; fd++)
		count += file_of[fd] != 0;
	return count;
}

int files_open(void)
{
	if (open_numbers() >= ROOM || last_file + 1 == FILES)
		return -1;
	int peer = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer < 0)
		die("socket");
	peer = lift(peer);
	if (syscall(SYS_connect, peer, &address, address_size) < 0)
		die("connect");
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 || fd >= NUMBERS)
		die("accept4");
	world[++last_file] = peer;
	file_of[fd] = last_file;
	return fd;
}

int files_nth(unsigned index)
{
	unsigned count = open_numbers();
	if (count == 0)
		return -1;
	index %= count;
	for (int fd = 0;; fd++)
		if (file_of[fd] && index-- == 0)
			return fd;
}

int files_number(int file)
{
	for (int fd = 0; fd < NUMBERS; fd++)
		if (file_of[fd] == file)
			return fd;
	return -1;
}

void files_closed(int fd)
{
	int file = file_of[fd];
	file_of[fd] = 0;
	if (files_number(file) < 0)
		world_close(file);
}

void world_write(int file, size_t size)
{
	static char bytes[4096];
	if (world[file] >= 0)
		syscall(SYS_sendto, world[file], bytes, size % sizeof(bytes), MSG_NOSIGNAL, NULL, 0);
}

void world_read(int file)
{
	static char bytes[65536];
	while (world[file] >= 0 && syscall(SYS_read, world[file], bytes, sizeof(bytes)) > 0)
		continue;
}

void world_shutdown(int file)
{
	if (world[file] >= 0)
		syscall(SYS_shutdown, world[file], SHUT_WR);
}

void world_close(int file)
{
	if (world[file] >= 0)
		syscall(SYS_close, world[file]);
	world[file] = -1;
}
