/* SPDX-License-Identifier: ISC */
/* What this process has, and what is left of a storm in it. */

#include "stress.h"

#ifdef __GLIBC__
# include <malloc.h>
# if __GLIBC_PREREQ(2, 33)
#  define HAVE_MALLINFO2
# endif
#endif

/* As in t/storm.c; and what each plug-in leaves that has the library in it. */
#define HEAP_MAY_GROW	(64 * 1024)
#define ALL_MAY_GROW	(1536 * 1024)
#define PLUGIN_LEAVES	(64 * 1024)
#define MAPS_MAY_GROW	40
#define PLUGIN_MAPS	12

static long
status_of(const char *field)
{
	char line[256];
	long n = -1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && n == -1 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			n = atol(line + strlen(field));
	if (f != NULL)
		fclose(f);
	return n;
}

static long
heap(void)
{
#ifdef HAVE_MALLINFO2
	return (long)mallinfo2().uordblks;
#else
	return 0;
#endif
}

static long
maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	long n = 0;
	int c;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

struct belongings
take_stock(void)
{
	struct belongings now = { .descriptors = 0 };
	int fd;

	now.heap = heap();
	now.all = status_of("VmRSS:") * 1024;
	now.maps = maps();
	now.plugins = (long)atomic_load(&tally.static_plugins);
	for (fd = 0; fd < 1024; fd++)
		now.descriptors += fcntl(fd, F_GETFD) != -1;
	return now;
}

static void
check_growth(const struct belongings *before, const struct belongings *now)
{
	long unloaded = now->plugins - before->plugins;

	if (now->descriptors != before->descriptors)
		wrong("%d descriptors, before %d", now->descriptors,
		    before->descriptors);
	if (!MAY_LIMIT)
		return;
	if (now->heap - before->heap > HEAP_MAY_GROW)
		wrong("the heap grew by %ld", now->heap - before->heap);
	if (now->all - before->all > ALL_MAY_GROW + unloaded * PLUGIN_LEAVES)
		wrong("memory grew by %ld", now->all - before->all);
	if (now->maps - before->maps > MAPS_MAY_GROW + unloaded * PLUGIN_MAPS)
		wrong("%ld mappings, before %ld", now->maps, before->maps);
}

void
check_belongings(const struct belongings *before)
{
	struct belongings now = take_stock();

	if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD)
		wrong("a child is left");
	if (status_of("Threads:") != 1)
		wrong("%ld threads are left", status_of("Threads:") - 1);
	if (spawnio_quiesce(0) != 0)
		wrong("a launch is in flight");
	check_dispositions();
	check_growth(before, &now);
}
