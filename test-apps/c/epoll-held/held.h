/*
 * What the parts of epoll-held share; main.c says what it is for. All state is global: a coroutine's
 * stack is put aside while it is parked, and what lies there would be, too.
 */
#ifndef HELD_H
#define HELD_H

#include "../loop.h"

/* The server's fds are below this; whatever is not the server's is moved above it. */
#define NUMBERS 64

/* files.c: connections, by the server's numbers, and the other end of each, which no hook sees. */
extern int file_of[NUMBERS]; /* 0: not a number of the server's */
void files_init(void);
int files_open(void);		/* a new connection: the server's number; -1: there are enough */
int files_nth(unsigned index);	/* the nth of the server's numbers, counted around; -1: none */
int files_number(int file);	/* a number of the file; -1: it has ended */
void files_closed(int fd);
void world_write(int file, size_t size);
void world_read(int file);
void world_shutdown(int file);
void world_close(int file);

/* job.c: a heavy call that takes a while, and ends before only where it is told to. */
void job_init(void);
void job_call(void);
void job_finish(void);

/* ledger.c: what the kernel alone reports, and what epoll_wait has reported of it. */
extern int loop;
void ledger_init(void);
void ledger_control(const char *name, int operation, int fd, uint32_t mask);
void ledger_look(void);
void ledger_given(const struct epoll_event *events, int count);
void ledger_closed(int fd, int file);
void ledger_begin_settlement(void);
int ledger_size(void);
void ledger_end_settlement(void);
unsigned ledger_late(void);
void ledger_bell(int fd);	/* watches what wakes the loop; of no interest otherwise */

/* Ends the program: the shim differs from the kernel. */
void differs(const char *what, int fd, uint32_t flags);

#endif
