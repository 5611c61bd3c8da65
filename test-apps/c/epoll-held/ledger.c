/*
 * Every registration is made twice: by epoll_ctl, and by a system call that no hook sees in an epoll
 * instance of its own, the reference. After every step the reference is asked, so it tells what the
 * kernel alone reports, and when. Of what epoll_wait reports then must hold:
 *
 *   - it is of a registration that is there, under its latest data;
 *   - the reference has reported it, and as often (a level-triggered one: since the last time);
 *   - its flags have been so since then;
 *   - once nobody is parked, all has been reported that the reference has and that is still so.
 *
 * What was fetched before a number was closed need not come any more. Where a duplicate kept the file
 * open, and was closed later itself, it may: as in a batch, where the server closes the duplicate first.
 */
#include "held.h"
#include <poll.h>
#include <sys/syscall.h>

#define REGISTRATIONS 512
#define HOW (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)

struct registration {
	int fd, file;	/* the kernel knows it by both */
	uint32_t mask;
	uint64_t data;	/* what epoll_ctl was given last */
	int live;	/* until EPOLL_CTL_DEL, or the end of its file */
	int orphan;	/* its number was closed, and the file was not */
	unsigned credit; /* events of the reference's that epoll_wait has not reported */
	uint32_t seen;	/* the flags that they may have */
	uint32_t due;	/* those that epoll_wait has yet to report */
	unsigned since;	/* when it became due, in waits */
	uint32_t given;	/* what epoll_wait reported last, in a settlement */
};

int loop;
static int reference;
static struct registration all[REGISTRATIONS];
static unsigned count, waits, late;
static uint64_t last_data, bell;

static uint32_t wanted(const struct registration *r)
{
	return (r->mask & ~HOW) | EPOLLERR | EPOLLHUP;
}

/* What poll says of it now, as far as it is wanted. */
static uint32_t ready(const struct registration *r)
{
	struct pollfd file = {.fd = files_number(r->file), .events = (short)wanted(r)};
	if (file.fd < 0 || syscall(SYS_poll, &file, 1, 0) < 0)
		return 0;
	return (uint32_t)(unsigned short)file.revents & wanted(r);
}

static struct registration *find(int fd, int file)
{
	for (unsigned i = 0; i < count; i++)
		if (all[i].live && all[i].fd == fd && all[i].file == file)
			return &all[i];
	return NULL;
}

void ledger_init(void)
{
	loop = epoll_create1(EPOLL_CLOEXEC);
	int low = (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
	reference = (int)syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, NUMBERS * 2);
	if (loop < 0 || reference < 0)
		die("epoll_create1");
	syscall(SYS_close, low);
}

void ledger_bell(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = bell = ++last_data};
	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

void ledger_control(const char *name, int operation, int fd, uint32_t mask)
{
	struct registration *r = find(fd, file_of[fd]), *made = r ? r : &all[count];
	struct epoll_event ours = {.events = mask, .data.u64 = ++last_data};
	struct epoll_event theirs = {.events = mask, .data.u64 = (uint64_t)(made - all)};
	int file = file_of[fd];
	errno = 0;
	int here = epoll_ctl(loop, operation, fd, &ours), error = errno;
	errno = 0;
	long alone = syscall(SYS_epoll_ctl, reference, operation, fd, &theirs);
	printf("%s(%d, %x) as %lu = %d %s\n", name, fd, mask, last_data, here, strerrorname_np(error));
	if (here != alone || error != errno)
		differs(name, fd, mask);
	if (here < 0)
		return;
	if (operation == EPOLL_CTL_DEL) {
		r->live = r->orphan = 0;
		return;
	}
	if (operation == EPOLL_CTL_ADD) {
		if (++count == REGISTRATIONS)
			die("registrations");
		memset(made, 0, sizeof(*made));
	}
	made->fd = fd, made->file = file, made->live = 1, made->orphan = 0;
	made->mask = mask, made->data = last_data;
}

void ledger_look(void)
{
	static struct epoll_event events[REGISTRATIONS];
	long n = syscall(SYS_epoll_wait, reference, events, REGISTRATIONS, 0);
	for (long i = 0; i < n; i++) {
		struct registration *r = &all[events[i].data.u64];
		printf("  alone: %lu:%x\n", r->data, events[i].events);
		r->credit = r->mask & (EPOLLET | EPOLLONESHOT) ? r->credit + 1 : 1;
		if (!r->due)
			r->since = waits;
		r->due |= events[i].events;
		r->seen |= events[i].events;
	}
	/* Whoever asks for them only now gets them with the flags of now. */
	for (unsigned i = 0; i < count; i++)
		if (all[i].credit > 0)
			all[i].seen |= ready(&all[i]);
}

static void check(uint64_t data, uint32_t flags)
{
	struct registration *r = NULL;
	for (unsigned i = 0; i < count; i++)
		if ((all[i].live || all[i].orphan) && all[i].data == data)
			r = &all[i];
	if (!r)
		differs("an event of nothing that is registered", -1, flags);
	if (r->credit == 0)
		differs("an event that the kernel alone does not report", r->fd, flags);
	if (!flags || flags & ~wanted(r) || flags & ~(r->seen | ready(r)))
		differs("flags that the kernel alone does not report", r->fd, flags);
	/* Later than by the wait that came first after it. */
	late += r->due && waits > r->since + 1;
	r->due = 0;
	r->given = flags;
	if (--r->credit == 0)
		r->seen = 0;
}

void ledger_given(const struct epoll_event *events, int n)
{
	waits++;
	ledger_look();
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == bell)
			continue;
		printf("  %lu:%x\n", (uint64_t)events[i].data.u64, events[i].events);
		check(events[i].data.u64, events[i].events);
	}
	ledger_look();
}

/* A number of the file was closed, or means another file now. */
void ledger_closed(int fd, int file)
{
	for (unsigned i = 0; i < count; i++) {
		struct registration *r = &all[i];
		if (r->file != file || !r->live)
			continue;
		if (files_number(file) < 0)
			r->live = 0;
		if (r->fd == fd) {
			r->due = 0;
			r->orphan = r->live;
		}
	}
}

int ledger_size(void)
{
	int live = 0;
	for (unsigned i = 0; i < count; i++)
		live += all[i].live;
	return live;
}

void ledger_begin_settlement(void)
{
	ledger_look();
	for (unsigned i = 0; i < count; i++)
		all[i].given = 0;
}

/* Each registration has had its turns, and nothing happened meanwhile. */
void ledger_end_settlement(void)
{
	for (unsigned i = 0; i < count; i++) {
		struct registration *r = &all[i];
		int level = !(r->mask & (EPOLLET | EPOLLONESHOT));
		uint32_t now = ready(r);
		if (!r->live)
			continue;
		if (r->due && now && !r->given)
			differs("no event, where the kernel alone reports one", r->fd, now);
		if (level && r->given && now && r->given != now)
			differs("not the flags that the kernel alone reports", r->fd, r->given);
		/* A one-shot that was never reported may be once it is ready again. */
		if (!(r->mask & EPOLLONESHOT))
			r->credit = r->due = r->seen = 0;
	}
}

unsigned ledger_late(void)
{
	return late;
}
