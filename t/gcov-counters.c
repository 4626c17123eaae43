/* SPDX-License-Identifier: ISC */
/* For t/gcov, linked into whatever has code of the library: where its counters
 * are kept.  gcc's own way to the end of a process at which they are written is
 * not ours: a child of ours executes another program, or is killed, and one
 * with a copy of the memory would count in that copy.  So the memory of the
 * counters is that of a file, from before main() on: a process, its forks and
 * all that runs in the child count in the same place, with no call.
 *
 * With SPAWNIO_GCOV=folder, the program writes there what gcov(1) reads. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <gcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* By t/gcov's addition to the linker's script, and by the linker. */
extern char spio_counters[], spio_counters_end[];
extern const struct gcov_info *const __start_spio_gcov[]
    __attribute__((__weak__, __visibility__("hidden")));
extern const struct gcov_info *const __stop_spio_gcov[]
    __attribute__((__weak__, __visibility__("hidden")));

static const char *
base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* One file for each set of counters: it is named as what has them is. */
static void
share(void)
{
	size_t size = (size_t)(spio_counters_end - spio_counters);
	char path[4096];
	Dl_info self;
	int fd;

	if (size == 0 || dladdr(spio_counters, &self) == 0)
		return;
	snprintf(path, sizeof(path), "%s/%s", COUNTERS, base(self.dli_fname));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd == -1)
		return;
	if (ftruncate(fd, (off_t)size) == -1 ||
	    mmap(spio_counters, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		abort();
	close(fd);
}

static void
put(const void *data, unsigned size, void *arg)
{
	FILE **file = arg;

	if (*file != NULL && fwrite(data, 1, size, *file) != size)
		abort();
}

static void
begin(const char *name, void *arg)
{
	FILE **file = arg;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", getenv("SPAWNIO_GCOV"),
	    base(name));
	*file = fopen(path, "w");
	if (*file == NULL) {
		perror(path);
		exit(1);
	}
}

static void *
get(unsigned size, void *arg)
{
	(void)arg;
	return malloc(size);
}

/* Before the constructors of the library, which are to count, too. */
__attribute__((__constructor__(101))) static void
start(void)
{
	const struct gcov_info *const *info;
	FILE *file;

	share();
	if (getenv("SPAWNIO_GCOV") == NULL)
		return;
	for (info = __start_spio_gcov; info < __stop_spio_gcov; info++) {
		file = NULL;
		__gcov_info_to_gcda(*info, begin, put, get, &file);
		if (file != NULL && fclose(file) != 0)
			abort();
	}
}
