/*
 * What epoll reports to a server whose coroutines park at any time, compared with what the kernel's
 * epoll reports by itself (ledger.c). A tape says what happens, whoever comes to it: the coroutine
 * that runs takes the next step, parks where that is a heavy call, and leaves the ones that follow
 * to the coroutines that run meanwhile.
 *
 *   epoll-held TAPE
 *
 * A step is eight hexadecimal digits, four bytes: what, which fd, which other fd or size or mask.
 * The last line says how often a wait returned beside a parked coroutine, and how many events came
 * late. Exit code 1: something differs, and the last lines say what.
 */
#include "held.h"
#include <sys/syscall.h>

enum { OPEN, ADD, MOD, DEL, READ, WRITE, CLOSE, DUP, DUP2, ARRIVE, DRAIN, HALF, HANGUP, PARK, FINISH, WAIT, SETTLE };

#define STEPS 400
#define MOST 64

static unsigned char tape[STEPS][4];
static unsigned steps, at, active, beside;
static int bell, bell_file, most = MOST, settling;

void differs(const char *what, int fd, uint32_t flags)
{
	printf("step %u: %s: fd %d, %x\n", at, what, fd, flags);
	exit(1);
}

static uint32_t mask_of(unsigned char byte)
{
	static const uint32_t what[] = {EPOLLIN, EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLOUT, EPOLLOUT,
					EPOLLIN | EPOLLOUT | EPOLLRDHUP, 0, EPOLLIN, EPOLLIN};
	static const uint32_t how[] = {0, 0, EPOLLET, EPOLLET, EPOLLONESHOT, EPOLLONESHOT | EPOLLET,
				       EPOLLEXCLUSIVE, EPOLLEXCLUSIVE | EPOLLET};
	return what[byte & 7] | how[(byte >> 3) & 7];
}

static void closed(int fd)
{
	int file = file_of[fd];
	files_closed(fd);
	ledger_closed(fd, file);
}

static void end_number(int fd)
{
	int result = close(fd);
	printf("close(%d) = %d\n", fd, result);
	/* -1: somebody else has closed it while this coroutine waited for it. */
	if (result == 0)
		closed(fd);
}

static void duplicate(int fd)
{
	int copy = dup(fd);
	printf("dup(%d) = %d\n", fd, copy);
	/* -1: it was closed while this coroutine waited for it. */
	if (copy >= NUMBERS)
		die("dup");
	if (copy >= 0)
		file_of[copy] = file_of[fd];
}

static void replace(int from, int to)
{
	if (from == to)
		return;
	int result = dup2(from, to);
	printf("dup2(%d, %d) = %d\n", from, to, result);
	if (result < 0)
		return;
	if (file_of[to] && file_of[to] != file_of[from])
		closed(to);
	else if (file_of[to])
		ledger_closed(to, file_of[to]);
	file_of[to] = file_of[from];
}

static void use(int fd, int is_read, unsigned size)
{
	static char bytes[65536];
	static const size_t sizes[] = {1, 10, 3000, sizeof(bytes)};
	size = (unsigned)sizes[size % 4];
	ssize_t done = is_read ? read(fd, bytes, size) : send(fd, bytes, size, MSG_NOSIGNAL);
	printf("%s(%d, %u) = %zd\n", is_read ? "read" : "send", fd, size, done);
}

static void world(int what, int file, unsigned size)
{
	printf("world: %d to file %d\n", what, file);
	if (what == ARRIVE)
		world_write(file, 1 + size * 16);
	else if (what == DRAIN)
		world_read(file);
	else if (what == HALF)
		world_shutdown(file);
	else
		world_close(file);
}

static void step(const unsigned char *s)
{
	int fd = files_nth(s[1]), other = files_nth(s[2]);
	if (fd < 0 && s[0] != OPEN)
		return;
	switch (s[0]) {
	case OPEN:
		printf("open: %d\n", files_open());
		break;
	case ADD:
		ledger_control("add", EPOLL_CTL_ADD, fd, mask_of(s[2]));
		break;
	case MOD:
		ledger_control("mod", EPOLL_CTL_MOD, fd, mask_of(s[2]));
		break;
	case DEL:
		ledger_control("del", EPOLL_CTL_DEL, fd, 0);
		break;
	case READ:
	case WRITE:
		use(fd, s[0] == READ, s[2]);
		break;
	case CLOSE:
		end_number(fd);
		break;
	case DUP:
		duplicate(fd);
		break;
	case DUP2:
		replace(fd, other);
		break;
	default:
		world(s[0], file_of[fd], s[2]);
	}
}

/* Steps until the next wait. */
static void handle(void)
{
	while (at < steps && !settling) {
		const unsigned char *s = tape[at++];
		settling = s[0] == SETTLE;
		if (s[0] == WAIT)
			most = 1 + s[1] % 4 * 3;
		if (s[0] == WAIT || s[0] == SETTLE)
			return;
		if (s[0] == FINISH)
			job_finish();
		else if (s[0] == PARK)
			job_call();
		else
			step(s);
		ledger_look();
	}
}

/* A wait that returns even where nothing else happens. With somebody parked it does anyway, and the
 * bell may be that coroutine's. No hook sees how it is rung and read: nobody waits for it. */
static void await(void)
{
	static struct epoll_event events[MOST];
	static char rung[64];
	if (active == 0)
		world_write(bell_file, 1);
	int n = epoll_wait(loop, events, most, -1);
	if (n < 0)
		die("epoll_wait");
	beside += active > 0;
	printf("wait %d beside %u:\n", most, active);
	while (syscall(SYS_read, bell, rung, sizeof(rung)) > 0)
		continue;
	ledger_given(events, n);
}

/* With nobody parked, everything that is so is reported in the end. */
static void settle(void)
{
	most = MOST;
	ledger_begin_settlement();
	for (int turns = 3 * ledger_size() + 4; turns > 0; turns--)
		await();
	ledger_end_settlement();
	settling = 0;
}

static void play(void)
{
	while (at < steps || active > 0) {
		if (active == 0 && settling)
			settle();
		await();
		active++;
		handle();
		active--;
	}
	settle();
}

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

int main(int argc, char **argv)
{
	if (argc != 2 || strlen(argv[1]) % 8 != 0 || strlen(argv[1]) > STEPS * 8)
		usage("epoll-held TAPE");
	for (const char *c = argv[1]; *c; c += 8, steps++)
		for (int i = 0; i < 4; i++)
			tape[steps][i] = (unsigned char)(digit(c[2 * i]) << 4 | digit(c[2 * i + 1]));
	files_init();
	ledger_init();
	job_init();
	bell = files_open();
	bell_file = file_of[bell];
	file_of[bell] = 0;
	ledger_bell(bell);
	/* The first heavy call of a thread is never a job. */
	await();
	job_call();
	play();
	printf("beside %u late %u\n", beside, ledger_late());
	return 0;
}
