/* Locks that one thread takes, tries, times out on and gives back, with each kind's errors. */
#include <time.h>

#include "hook-calls.h"

static const struct timespec past = {1, 0};

static void mutex(struct transcript *t, int type, const char *name)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t m;
	say(t, "-- %s\n", name);
	pthread_mutexattr_init(&attributes);
	CALL(t, pthread_mutexattr_settype(&attributes, type));
	CALL(t, pthread_mutex_init(&m, &attributes));
	CALL(t, pthread_mutex_lock(&m));
	CALL(t, pthread_mutex_trylock(&m));
	CALL(t, pthread_mutex_timedlock(&m, &past));
	CALL(t, pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	if (type != PTHREAD_MUTEX_NORMAL && type != PTHREAD_MUTEX_ADAPTIVE_NP)
		CALL(t, pthread_mutex_lock(&m));
	for (int i = 0; i < (type == PTHREAD_MUTEX_RECURSIVE ? 5 : 1); i++)
		CALL(t, pthread_mutex_unlock(&m));
	/* Unlocking a free one is only defined for these. */
	if (type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK)
		CALL(t, pthread_mutex_unlock(&m));
	CALL(t, pthread_mutex_trylock(&m));
	CALL(t, pthread_mutex_unlock(&m));
	CALL(t, pthread_mutex_timedlock(&m, &past));
	CALL(t, pthread_mutex_unlock(&m));
	CALL(t, pthread_mutex_destroy(&m));
	pthread_mutexattr_destroy(&attributes);
}

/* The owner dies with it; the next one is told. */
static void *leave_locked(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

static void robust(struct transcript *t)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t m;
	pthread_t thread;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	CALL(t, pthread_mutex_init(&m, &attributes));
	CALL(t, pthread_create(&thread, NULL, leave_locked, &m));
	CALL(t, pthread_join(thread, NULL));
	CALL(t, pthread_mutex_lock(&m));
	CALL(t, pthread_mutex_consistent(&m));
	CALL(t, pthread_mutex_unlock(&m));
	CALL(t, pthread_mutex_lock(&m));
	CALL(t, pthread_mutex_unlock(&m));
	CALL(t, pthread_mutex_destroy(&m));
}

void mutexes(struct transcript *t)
{
	static pthread_mutex_t constant = PTHREAD_MUTEX_INITIALIZER;
	mutex(t, PTHREAD_MUTEX_NORMAL, "normal");
	mutex(t, PTHREAD_MUTEX_RECURSIVE, "recursive");
	mutex(t, PTHREAD_MUTEX_ERRORCHECK, "errorcheck");
	mutex(t, PTHREAD_MUTEX_ADAPTIVE_NP, "adaptive");
	robust(t);
	CALL(t, pthread_mutex_lock(&constant));
	CALL(t, pthread_mutex_unlock(&constant));
}

void rwlocks(struct transcript *t)
{
	pthread_rwlock_t l;
	CALL(t, pthread_rwlock_init(&l, NULL));
	CALL(t, pthread_rwlock_rdlock(&l));
	CALL(t, pthread_rwlock_rdlock(&l));
	CALL(t, pthread_rwlock_tryrdlock(&l));
	CALL(t, pthread_rwlock_trywrlock(&l));
	CALL(t, pthread_rwlock_timedwrlock(&l, &past));
	CALL(t, pthread_rwlock_clockwrlock(&l, CLOCK_MONOTONIC, &past));
	CALL(t, pthread_rwlock_timedrdlock(&l, &past));
	for (int i = 0; i < 4; i++)
		CALL(t, pthread_rwlock_unlock(&l));
	CALL(t, pthread_rwlock_wrlock(&l));
	CALL(t, pthread_rwlock_wrlock(&l));
	CALL(t, pthread_rwlock_rdlock(&l));
	CALL(t, pthread_rwlock_tryrdlock(&l));
	CALL(t, pthread_rwlock_trywrlock(&l));
	CALL(t, pthread_rwlock_timedrdlock(&l, &past));
	CALL(t, pthread_rwlock_clockrdlock(&l, CLOCK_REALTIME, &past));
	CALL(t, pthread_rwlock_unlock(&l));
	CALL(t, pthread_rwlock_trywrlock(&l));
	CALL(t, pthread_rwlock_unlock(&l));
	CALL(t, pthread_rwlock_destroy(&l));
}

void spinlocks(struct transcript *t)
{
	pthread_spinlock_t l;
	CALL(t, pthread_spin_init(&l, PTHREAD_PROCESS_PRIVATE));
	CALL(t, pthread_spin_lock(&l));
	CALL(t, pthread_spin_trylock(&l));
	CALL(t, pthread_spin_unlock(&l));
	CALL(t, pthread_spin_trylock(&l));
	CALL(t, pthread_spin_trylock(&l));
	CALL(t, pthread_spin_unlock(&l));
	CALL(t, pthread_spin_lock(&l));
	CALL(t, pthread_spin_unlock(&l));
	CALL(t, pthread_spin_destroy(&l));
}
