/* SPDX-License-Identifier: ISC */

#define _GNU_SOURCE

#include <sys/mman.h>

#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "measure.h"
#include "memory.h"

/* Bytes made resident between two looks at the clock. */
#define STRIDE	((size_t)4 << 20)

void
memory_size(size_t size, char *text, size_t room)
{
	static const char *const units[] = { " KiB", " MiB", " GiB", " TiB" };
	const char *unit = "";
	double value = size;

	for (size_t i = 0; value >= 1024 && i < 4; i++) {
		value /= 1024;
		unit = units[i];
	}
	snprintf(text, room, "%.4g%s", value, unit);
}

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
static size_t
affordable(size_t wanted)
{
	uint64_t available = available_memory(), limit = memory_limit();
	uint64_t room = (available < limit ? available : limit) / 2;
	char asked[32], got[32];

	if (wanted <= room)
		return wanted;
	memory_size(wanted, asked, sizeof(asked));
	memory_size(room, got, sizeof(got));
	warnx("%s resident is more than half of the memory available: "
	    "measuring at %s", asked, got);
	return room;
}

/* One call where Linux has it (5.14): page faults can take seconds. */
static void
touch(char *start, size_t size)
{
	volatile char *bytes = start;
	size_t page = sysconf(_SC_PAGESIZE);

#ifdef MADV_POPULATE_WRITE
	if (madvise(start, size, MADV_POPULATE_WRITE) == 0)
		return;
#endif
	for (size_t at = 0; at < size; at += page)
		bytes[at] = 1;
}

/* Returns how much there was time for.  Small pages, as most memory of a
 * long-lived process has: what is costly to copy is the page tables. */
static size_t
touch_until(char *start, size_t size, double deadline)
{
	size_t at, part;

	madvise(start, size, MADV_NOHUGEPAGE);
	for (at = 0; at < size && measure_clock() < deadline; at += part) {
		part = size - at < STRIDE ? size - at : STRIDE;
		touch(start + at, part);
	}
	return at;
}

int
memory_hold(struct memory *memory, size_t wanted, double deadline)
{
	memory->size = affordable(wanted);
	memory->mapped = memory->size;
	if (memory->mapped == 0)
		return 0;
	memory->start = mmap(NULL, memory->mapped, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory->start == MAP_FAILED) {
		warn("%zu bytes of memory", memory->mapped);
		return -1;
	}
	memory->size = touch_until(memory->start, memory->mapped, deadline);
	if (memory->size < memory->mapped)
		warnx("time for %zu of %zu MiB resident only",
		    memory->size >> 20, memory->mapped >> 20);
	return 0;
}

void
memory_release(struct memory *memory)
{
	if (memory->mapped > 0)
		munmap(memory->start, memory->mapped);
}
