/* Condition variables, and locks that another thread holds. */
#include <time.h>

#include "hook-calls.h"

#define TURNS 200

/* Two threads that take turns. */
struct table {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_rwlock_t rwlock;
	pthread_spinlock_t spin;
	int turn, counters[3];
};

static void play(struct table *table, int mine)
{
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&table->mutex);
		while (table->turn % 2 != mine)
			pthread_cond_wait(&table->changed, &table->mutex);
		table->turn++;
		if (i % 2)
			pthread_cond_signal(&table->changed);
		else
			pthread_cond_broadcast(&table->changed);
		pthread_mutex_unlock(&table->mutex);
	}
}

static void *player(void *table)
{
	play(table, 1);
	return NULL;
}

static void prepare(struct transcript *t, struct table *table)
{
	memset(table, 0, sizeof(*table));
	CALL(t, pthread_mutex_init(&table->mutex, NULL));
	CALL(t, pthread_cond_init(&table->changed, NULL));
	CALL(t, pthread_rwlock_init(&table->rwlock, NULL));
	CALL(t, pthread_spin_init(&table->spin, PTHREAD_PROCESS_PRIVATE));
}

void waiting(struct transcript *t)
{
	/* On the heap: another thread uses it, and a handler's stack is its own thread's. */
	struct table *table = malloc(sizeof(*table));
	struct timespec past = {1, 0};
	pthread_t thread;
	prepare(t, table);
	CALL(t, pthread_cond_signal(&table->changed));
	CALL(t, pthread_cond_broadcast(&table->changed));
	CALL(t, pthread_mutex_lock(&table->mutex));
	CALL(t, pthread_cond_timedwait(&table->changed, &table->mutex, &past));
	CALL(t, pthread_cond_clockwait(&table->changed, &table->mutex, CLOCK_MONOTONIC, &past));
	CALL(t, pthread_mutex_trylock(&table->mutex));
	CALL(t, pthread_mutex_unlock(&table->mutex));
	CALL(t, pthread_create(&thread, NULL, player, table));
	play(table, 0);
	CALL(t, pthread_join(thread, NULL));
	CALL(t, table->turn);
	CALL(t, pthread_cond_destroy(&table->changed));
	CALL(t, pthread_mutex_destroy(&table->mutex));
	free(table);
}

static void count(struct table *table)
{
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&table->mutex);
		table->counters[0]++;
		pthread_mutex_unlock(&table->mutex);
		pthread_rwlock_wrlock(&table->rwlock);
		table->counters[1]++;
		pthread_rwlock_unlock(&table->rwlock);
		pthread_rwlock_rdlock(&table->rwlock);
		pthread_rwlock_unlock(&table->rwlock);
		pthread_spin_lock(&table->spin);
		table->counters[2]++;
		pthread_spin_unlock(&table->spin);
	}
}

static void *counter(void *table)
{
	count(table);
	return NULL;
}

/* Takes all three for the first thread, and is told to give them back. */
static void *holder(void *argument)
{
	struct table *table = argument;
	pthread_rwlock_wrlock(&table->rwlock);
	pthread_spin_lock(&table->spin);
	pthread_mutex_lock(&table->mutex);
	table->turn = 1;
	pthread_cond_signal(&table->changed);
	while (table->turn == 1)
		pthread_cond_wait(&table->changed, &table->mutex);
	pthread_mutex_unlock(&table->mutex);
	pthread_rwlock_unlock(&table->rwlock);
	pthread_spin_unlock(&table->spin);
	return NULL;
}

static void held_by_another(struct transcript *t, struct table *table)
{
	struct timespec past = {1, 0};
	pthread_t thread;
	table->turn = 0;
	CALL(t, pthread_create(&thread, NULL, holder, table));
	CALL(t, pthread_mutex_lock(&table->mutex));
	while (table->turn == 0)
		pthread_cond_wait(&table->changed, &table->mutex);
	CALL(t, pthread_rwlock_tryrdlock(&table->rwlock));
	CALL(t, pthread_rwlock_trywrlock(&table->rwlock));
	CALL(t, pthread_rwlock_timedrdlock(&table->rwlock, &past));
	CALL(t, pthread_spin_trylock(&table->spin));
	table->turn = 2;
	CALL(t, pthread_cond_broadcast(&table->changed));
	CALL(t, pthread_mutex_unlock(&table->mutex));
	CALL(t, pthread_spin_lock(&table->spin));
	CALL(t, pthread_rwlock_wrlock(&table->rwlock));
	CALL(t, pthread_spin_unlock(&table->spin));
	CALL(t, pthread_rwlock_unlock(&table->rwlock));
	CALL(t, pthread_join(thread, NULL));
}

void contended(struct transcript *t)
{
	struct table *table = malloc(sizeof(*table));
	pthread_t thread;
	prepare(t, table);
	CALL(t, pthread_create(&thread, NULL, counter, table));
	count(table);
	CALL(t, pthread_join(thread, NULL));
	for (int i = 0; i < 3; i++)
		CALL(t, table->counters[i]);
	held_by_another(t, table);
	free(table);
}
