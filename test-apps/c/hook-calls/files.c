/* Reading and writing through descriptors of files and pipes, vectors and offsets included. */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "hook-calls.h"

static void file(struct transcript *t)
{
	char a[8] = "........", b[8] = "........";
	struct iovec out[2] = {{"vector", 6}, {"s!", 2}}, in[2] = {{a, 3}, {b, 5}};
	off_t from = 2;
	int fd = OPENS(t, memfd_create("file", MFD_CLOEXEC));
	int other = OPENS(t, memfd_create("other", MFD_CLOEXEC));
	CALL(t, write(fd, "0123456789", 10));
	CALL(t, lseek(fd, 0, SEEK_SET));
	CALL(t, read(fd, a, 4));
	CALL(t, pread(fd, b, 4, 6));
	say(t, "a %.4s b %.4s\n", a, b);
	CALL(t, pwrite(fd, "XY", 2, 1));
	CALL(t, writev(fd, out, 2));
	CALL(t, preadv(fd, in, 2, 0));
	say(t, "a %.3s b %.5s\n", a, b);
	CALL(t, pwritev(fd, out, 2, 20));
	CALL(t, preadv2(fd, in, 2, 20, 0));
	CALL(t, pwritev2(fd, out, 1, 30, 0));
	CALL(t, lseek(fd, 0, SEEK_SET));
	CALL(t, readv(fd, in, 2));
	say(t, "a %.3s b %.5s\n", a, b);
	CALL(t, sendfile(other, fd, &from, 5));
	say(t, "from %ld\n", (long)from);
	CALL(t, sendfile(other, fd, NULL, 100));
	CALL(t, read(fd, a, 8));
	CALL(t, pread(other, a, 8, 0));
	say(t, "a %.8s\n", a);
	CALL(t, pread(fd, a, 1, -1));
	CALL(t, readv(fd, in, below_zero));
	CALL(t, close(fd));
	CALL(t, close(other));
}

static void pipes(struct transcript *t)
{
	char bytes[16] = "";
	static const char block[65536];
	int p[2];
	struct iovec in[2] = {{bytes, 2}, {bytes + 4, 10}};
	CALL(t, pipe2(p, O_NONBLOCK | O_CLOEXEC));
	CALL(t, read(p[0], bytes, 1));
	CALL(t, write(p[1], "pipe", 4));
	CALL(t, read(p[0], bytes, 0));
	CALL(t, read(p[0], nowhere, 2));
	CALL(t, read(p[0], bytes, 2));
	CALL(t, write(p[1], nowhere, 2));
	CALL(t, readv(p[0], in, 2));
	CALL(t, pread(p[0], bytes, 1, 0));
	CALL(t, pwrite(p[1], bytes, 1, 0));
	CALL(t, lseek(p[0], 0, SEEK_SET));
	CALL(t, write(p[1], block, sizeof(block)));
	CALL(t, write(p[1], block, 1));
	CALL(t, read(p[1], bytes, 1));
	CALL(t, write(p[0], bytes, 1));
	CALL(t, close(p[0]));
	CALL(t, write(p[1], "x", 1));
	CALL(t, close(p[1]));
	CALL(t, pipe2(p, O_CLOEXEC));
	CALL(t, write(p[1], "end", 3));
	CALL(t, close(p[1]));
	CALL(t, read(p[0], bytes, 16));
	CALL(t, read(p[0], bytes, 16));
	CALL(t, close(p[0]));
}

void files(struct transcript *t)
{
	char byte;
	struct iovec one = {&byte, 1};
	file(t);
	pipes(t);
	CALL(t, read(-1, &byte, 1));
	CALL(t, write(-1, &byte, 1));
	CALL(t, readv(-1, &one, 1));
	CALL(t, writev(-1, &one, 1));
	CALL(t, pread(-1, &byte, 1, 0));
	CALL(t, pwrite(-1, &byte, 1, 0));
	CALL(t, sendfile(-1, -1, NULL, 1));
	CALL(t, read(1000000, &byte, 1));
	CALL(t, close(1000000));
}
