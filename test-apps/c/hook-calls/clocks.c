/* Clocks: none runs backwards, in an event or out of it, and a heavy call takes time. */
#include <sys/time.h>
#include <time.h>

#include "hook-calls.h"

#define CLOCKS 8

static int64_t nanoseconds(struct timespec time)
{
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* What each of them shows, in nanoseconds; the last three, in whole seconds one of them, are the same
 * clock as the first. */
static void look(int64_t *shown)
{
	static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE,
					CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID};
	struct timespec time;
	struct timeval day;
	for (int i = 0; i < 5; i++)
		shown[i] = clock_gettime(ids[i], &time) == 0 ? nanoseconds(time) : -1;
	shown[5] = gettimeofday(&day, NULL) == 0 ? day.tv_sec * 1000000000ll + day.tv_usec * 1000ll : -1;
	shown[6] = timespec_get(&time, TIME_UTC) == TIME_UTC ? nanoseconds(time) : -1;
	shown[7] = (time_t)time.tv_sec;
}

void clocks(struct transcript *t)
{
	int64_t before[CLOCKS], after[CLOCKS];
	struct timespec none;
	time_t seconds = 0;
	look(before);
	for (int i = 0; i < 3; i++) {
		say(t, "heavy %d\n", heavy());
		look(after);
		for (int clock = 0; clock < CLOCKS; clock++)
			say(t, "clock %d: %s\n", clock,
			    after[clock] < 0 || after[clock] < before[clock] ? "backwards" : "fine");
		/* Readings of one clock by several names lie together. */
		say(t, "together: %d %d\n", llabs(after[5] - after[0]) < 5000000000ll,
		    llabs(after[6] - after[0]) < 5000000000ll);
		memcpy(before, after, sizeof(before));
	}
	say(t, "time: %d\n", llabs(time(&seconds) - after[7]) < 5);
	say(t, "time: %d\n", llabs(time(NULL) - seconds) < 5);
	CALL(t, clock_gettime(77, &none));
	CALL(t, timespec_get(&none, 0));
}
