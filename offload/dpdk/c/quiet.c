/*
 * What DPDK's part of this library calls in place of functions of libc's that speak for the process
 * (`--wrap` in build.sh): nothing goes to the server's output, and its syslog keeps its name.
 */
#include <stdarg.h>
#include <stdio.h>

void __wrap_openlog(const char *, int, int);
void __wrap___syslog_chk(int, int, const char *, ...);
int __wrap___printf_chk(int, const char *, ...);
int __wrap_puts(const char *);
int __wrap_putchar(int);
int __wrap___fprintf_chk(FILE *, int, const char *, ...);

void __wrap_openlog(const char *name, int options, int facility) {
    (void)name, (void)options, (void)facility;
}

void __wrap___syslog_chk(int priority, int flag, const char *format, ...) {
    (void)priority, (void)flag, (void)format;
}

int __wrap___printf_chk(int flag, const char *format, ...) {
    (void)flag, (void)format;
    return 0;
}

int __wrap_puts(const char *text) {
    (void)text;
    return 0;
}

int __wrap_putchar(int c) {
    return c;
}

int __wrap___fprintf_chk(FILE *file, int flag, const char *format, ...) {
    if (file == stderr || file == stdout) return 0;
    va_list arguments;
    va_start(arguments, format);
    (void)flag;
    int written = vfprintf(file, format, arguments);
    va_end(arguments);
    return written;
}
