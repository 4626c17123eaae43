/* SPDX-License-Identifier: ISC */

#define _GNU_SOURCE

#include <sys/mman.h>

#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "memory.h"

static uint64_t
available_memory(void)
{
	uint64_t kilobytes = 0;
	char line[128];
	FILE *file;

	if ((file = fopen("/proc/meminfo", "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes * 1024;
}

/* A container's limit, which /proc/meminfo knows nothing of. */
static uint64_t
memory_limit(void)
{
	static const char *const names[] = {
		"/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes",
	};
	uint64_t limit = UINT64_MAX, bytes;
	FILE *file;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((file = fopen(names[i], "re")) == NULL)
			continue;
		if (fscanf(file, "%" SCNu64, &bytes) == 1 && bytes < limit)
			limit = bytes;
		fclose(file);
	}
	return limit;
}

/* Half of the memory is left for the rest of the machine. */
size_t
memory_affordable(size_t wanted)
{
	uint64_t available = available_memory(), limit = memory_limit();
	uint64_t room = (available < limit ? available : limit) / 2;

	return wanted < room ? wanted : (size_t)room;
}

/* One call where Linux has it (5.14): page faults can take seconds. */
static void
touch(char *start, size_t size)
{
	volatile char *bytes = start;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

#ifdef MADV_POPULATE_WRITE
	if (madvise(start, size, MADV_POPULATE_WRITE) == 0)
		return;
#endif
	for (size_t at = 0; at < size; at += page)
		bytes[at] = 1;
}

/* Small pages, as most memory of a long-lived process has: what is costly to
 * copy is the page tables. */
int
memory_hold(size_t size)
{
	void *start;

	if (size == 0)
		return 0;
	start = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED) {
		warn("%zu bytes of memory", size);
		return -1;
	}
	madvise(start, size, MADV_NOHUGEPAGE);
	touch(start, size);
	return 0;
}
