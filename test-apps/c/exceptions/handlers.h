/* Between the C and the C++ of this server. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The heavy call; `place` is the connection's memory for it. */
int work(void *place, const char *text);

/* Does what `verb` says, and writes the answer. */
void handle(const char *verb, const char *text, void *place, char *answer, size_t size);

/* Runs `loop` where an exception of this server's is being handled. */
int within_catch(int (*loop)(void));

#ifdef __cplusplus
}
#endif

#endif
