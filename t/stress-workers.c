/* SPDX-License-Identifier: ISC */
/* The threads: what each of them draws, where it is, and what it says if it
 * finds something wrong. */

#include "stress.h"

#include <dirent.h>
#include <stdarg.h>

#define ODD_ERRNO	12345

struct worker cast[PLAYERS + 16];
size_t workers;
_Thread_local struct worker *me;

/* --- what went wrong --- */

void
say(const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) == -1)
		_exit(1);
}

/* The beginning tells most. */
static void
say_file(const char *task, const char *name)
{
	char path[PATH_MAX], text[48];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", task, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		say(" %s: %.*s", name, (int)n, text);
	close(fd);
}

void
say_states(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	size_t i;

	for (i = 0; i < workers; i++)
		say("%s %d: %u turns, in %s\n", cast[i].name, cast[i].number,
		    atomic_load(&cast[i].turns), atomic_load(&cast[i].doing));
	while (tasks != NULL && (entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.') {
			say("task");
			say_file(entry->d_name, "stat");
			say_file(entry->d_name, "wchan");
			say_file(entry->d_name, "syscall");
			say("\n");
		}
}

void
wrong(const char *format, ...)
{
	char text[384];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say("stress: SPAWNIO_STORM_SEED=%llu: %s %d, turn %u, %s: %s\n",
	    (unsigned long long)seed, me->name, me->number,
	    atomic_load(&me->turns), atomic_load(&me->doing), text);
	abort();
}

/* --- luck --- */

/* Knuth's linear congruential generator, for MMIX. */
static uint64_t
advance(struct worker *worker)
{
	worker->random = worker->random * 6364136223846793005U +
	    1442695040888963407U;
	return worker->random >> 33;
}

unsigned
draw(unsigned n)
{
	return (unsigned)(advance(me) % n);
}

bool
once_in(unsigned n)
{
	return draw(n) == 0;
}

/* --- calls --- */

void
calling(const char *name)
{
	atomic_store(&me->doing, name);
	errno = ODD_ERRNO;
}

void
called(void)
{
	if (errno != ODD_ERRNO)
		wrong("errno became %d", errno);
}

/* --- the cast --- */

struct worker *
engage(const char *name, void (*turn)(void))
{
	struct worker *worker = &cast[workers];

	memset(worker, 0, sizeof(*worker));
	worker->name = name;
	worker->turn = turn;
	worker->number = (int)workers;
	worker->random = seed ^ workers << 32;
	advance(worker);
	atomic_store(&worker->doing, "nothing");
	worker->seen = time(NULL);
	workers++;
	return worker;
}
