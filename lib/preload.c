/* SPDX-License-Identifier: ISC */
/* The shim: popen(), pclose(), system() and fclose() for programs that were
 * not built for us.  What we do not do, libc does, or whatever other preloaded
 * library comes next. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "calls.h"
#include "stream.h"
#include "trace.h"

#define SHIM	__attribute__((__visibility__("default")))

enum function { POPEN, PCLOSE, SYSTEM, FCLOSE };

/* By constructors before ours, several threads may find one at once: they find
 * the same. */
static void *
next(enum function function)
{
	static const char *const names[] = {
		[POPEN] = "popen", [PCLOSE] = "pclose",
		[SYSTEM] = "system", [FCLOSE] = "fclose"
	};
	static _Atomic(void *) found[sizeof(names) / sizeof(names[0])];
	void *address = atomic_load(&found[function]);

	if (address != NULL)
		return address;
	address = dlsym(RTLD_NEXT, names[function]);
	if (address == NULL)
		errno = ENOSYS;
	atomic_store(&found[function], address);
	return address;
}

/* Before the program begins: dlsym() waits while a plug-in's constructor runs,
 * which may wait for a thread that closes a stream; and it forgets what
 * dlerror() has to tell. */
__attribute__((__constructor__)) static void
find_all(void)
{
	enum function function;

	for (function = POPEN; function <= FCLOSE; function++)
		next(function);
}

static FILE *
next_popen(const char *command, const char *type)
{
	FILE *(*function)(const char *, const char *) = next(POPEN);

	return function != NULL ? function(command, type) : NULL;
}

/* Of the streams of popen() libc makes no difference between pclose() and
 * fclose(). */
static int
close_any(enum function which, FILE *file)
{
	int (*function)(FILE *), result;

	if (spio_stream_any() && spio_close(file, &result))
		return result;
	function = next(which);
	return function != NULL ? function(file) : -1;
}

static int
next_system(const char *command)
{
	int (*function)(const char *) = next(SYSTEM);

	return function != NULL ? function(command) : -1;
}

/* Whoever started a privileged program has no say in how it makes children. */
static int
inert(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* What we could not open, libc may: only it knows which types it takes. */
SHIM FILE *
popen(const char *command, const char *type)
{
	int saved = errno;
	struct trace *trace;
	FILE *file;

	if (inert())
		return next_popen(command, type);
	file = spio_open(command, type, SPIO_LIBC);
	if (file != NULL)
		return file;
	trace = spio_trace_begin("popen", command);
	errno = saved;
	file = next_popen(command, type);
	spio_trace_libc(trace, file == NULL ? errno : 0);
	return file;
}

SHIM int
pclose(FILE *file)
{
	return close_any(PCLOSE, file);
}

SHIM int
fclose(FILE *file)
{
	return close_any(FCLOSE, file);
}

SHIM int
system(const char *command)
{
	int saved = errno, result;
	struct trace *trace;

	if (command == NULL || inert())
		return next_system(command);
	if (spio_system(command, SPIO_LIBC, &result))
		return result;
	trace = spio_trace_begin("system", command);
	errno = saved;
	result = next_system(command);
	spio_trace_libc(trace, result == -1 ? errno : 0);
	return result;
}
