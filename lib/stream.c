/* SPDX-License-Identifier: ISC */
/* Two structures in plain memory, so that a forked child has them: buckets by
 * FILE*, and a list of descriptors by number.  Each changes by one store, with
 * all that it leads to stored before, so that a fork in the middle, without the
 * lock (atfork.c), finds either the old or the new: the kernel forbids writing
 * to the pages that it copies. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "pool.h"
#include "state.h"
#include "stream.h"

#define BUCKETS	1024

static struct stream *bucket[BUCKETS];

/* Raised before a stream can be found, lowered after: never too low, and in
 * the forked child of a thread in between it stays too high. */
static _Atomic unsigned count;

/* One array, since every launch copies it.  An end that is closed keeps its
 * place, without its stream, until another takes it or a new list is made. */
struct list {
	struct open_end *end;
	size_t n;
	size_t room;
	size_t open;	/* of the n; wrong by one in the child of a fork in the
			 * middle, until there is a new list */
};

/* By turns, if they are enough: malloc(3) is not for the holder of a lock. */
#define FEW	32

static struct open_end few_ends[2][FEW];
static struct list few[2] = {
	{ .end = few_ends[0], .room = FEW }, { .end = few_ends[1], .room = FEW }
};
static struct list *list = &few[0];

/* In this order, as the memory of a process forked by another thread shows. */
#define STORE(link, value) \
	__atomic_store_n(&(link), value, __ATOMIC_RELEASE)

static struct stream **
bucket_of(const FILE *file)
{
	uintptr_t n = (uintptr_t)file / 16;

	return &bucket[(n ^ n / BUCKETS) % BUCKETS];
}

/* With room for twice as many as n; NULL if there is no memory. */
static struct list *
empty_list(size_t n)
{
	struct list *new;

	if (2 * n <= FEW) {
		new = &few[list == &few[0]];
	} else {
		new = malloc(sizeof(*new) + 2 * n * sizeof(*new->end));
		if (new == NULL)
			return NULL;
		new->end = (struct open_end *)(new + 1);
		new->room = 2 * n;
	}
	new->open = n;
	new->n = 0;
	return new;
}

/* A list of those that are open and, unless it is NULL, of one more; 0 or an
 * errno. */
static int
renew(const struct open_end *more)
{
	struct list *old = list, *new;
	size_t i, n = more != NULL;

	for (i = 0; i < old->n; i++)
		n += old->end[i].stream != NULL;
	new = empty_list(n);
	if (new == NULL)
		return ENOMEM;
	for (i = 0; i < old->n; i++) {
		if (more != NULL && more->fd < old->end[i].fd) {
			new->end[new->n++] = *more;
			more = NULL;
		}
		if (old->end[i].stream != NULL)
			new->end[new->n++] = old->end[i];
	}
	if (more != NULL)
		new->end[new->n++] = *more;
	STORE(list, new);
	/* The old one is written to, by free() or the next time, only after. */
	atomic_thread_fence(memory_order_seq_cst);
	if (old->room > FEW)
		free(old);
	return 0;
}

/* The first whose number is not below fd, or the end of the list. */
static struct open_end *
place_of(int fd)
{
	size_t low = 0, high = list->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (list->end[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return &list->end[low];
}

static int
is_listed(const struct open_end *end)
{
	return end < list->end + list->n;
}

/* 0 or an errno. */
static int
enlist(const struct open_end *end)
{
	struct open_end *place = place_of(end->fd), closed = *end;
	int last = !is_listed(place);

	if (last ? list->n == list->room : place->stream != NULL)
		return renew(end);
	closed.stream = NULL;
	*place = closed;
	STORE(place->stream, end->stream);
	if (last)
		STORE(list->n, list->n + 1);
	list->open++;
	return 0;
}

static void
unlist(const struct stream *stream)
{
	struct open_end *place = place_of(stream->end.fd);

	if (!is_listed(place) || place->stream != stream)
		return;
	STORE(place->stream, NULL);
	list->open--;
	if (list->n > 2 * list->open + 8)
		renew(NULL);	/* or the next time */
}

void
spio_stream_delete(struct stream *stream)
{
	struct stream **link = bucket_of(stream->file);
	int found;

	while (*link != NULL && *link != stream)
		link = &(*link)->next;
	found = *link != NULL;
	if (found)
		STORE(*link, stream->next);
	unlist(stream);
	if (found)
		atomic_fetch_sub(&count, 1);
}

int
spio_stream_any(void)
{
	return atomic_load(&count) != 0;
}

static struct stream *
find(const FILE *file)
{
	struct stream *stream = *bucket_of(file);

	while (stream != NULL && stream->file != file)
		stream = stream->next;
	return stream;
}

/* Put stream before those, having taken it out. */
static void
chain(struct stream *stream, struct stream **closed)
{
	spio_stream_delete(stream);
	stream->next = *closed;
	*closed = stream;
}

int
spio_stream_insert(struct stream *stream, struct stream **closed)
{
	struct stream **link = bucket_of(stream->file), *same;
	struct open_end *place;
	int err = 0;

	stream->end.stream = stream;
	atomic_fetch_add(&count, 1);
	same = find(stream->file);
	if (same != NULL)
		chain(same, closed);
	if (!stream->cloexec) {
		place = place_of(stream->end.fd);
		if (is_listed(place) && place->fd == stream->end.fd &&
		    place->stream != NULL)
			chain(place->stream, closed);
		err = enlist(&stream->end);
	}
	if (err != 0) {
		atomic_fetch_sub(&count, 1);
		return err;
	}
	stream->next = *link;
	STORE(*link, stream);
	return 0;
}

/* Those whose child may still write to them. */
static _Atomic(struct stream *) kept;

static void
keep(struct stream *stream)
{
	stream->next = atomic_load(&kept);
	while (!atomic_compare_exchange_weak(&kept, &stream->next, stream))
		;
}

static void
free_or_keep(struct stream *stream)
{
	struct stream *next;

	for (; stream != NULL; stream = next) {
		next = stream->next;
		spio_reap_check_pidfd(&stream->kid);
		if (stream->kid.pidfd >= 0)
			close(stream->kid.pidfd);
		stream->kid.pidfd = -1;
		spio_trace_end(stream->trace, ECHILD, -1);
		stream->trace = NULL;
		if (spio_pool_holds(stream->kid.block, stream->kid.generation))
			keep(stream);
		else
			free(stream);
	}
}

void
spio_stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	free_or_keep(atomic_exchange(&kept, NULL));
	free_or_keep(stream);
}

const struct open_end *
spio_stream_ends(size_t *n)
{
	*n = list->n;
	return list->end;
}

/* Of an inode 0 nothing is known: a filter may refuse fstat(2), or statx(2) as
 * which libc makes it. */
static int
identify(struct open_end *end)
{
	struct stat st;

	end->ino = 0;
	if (fstat(end->fd, &st) != 0)
		return errno;
	end->ino = st.st_ino;
	end->dev = (uint32_t)st.st_dev;
	return 0;
}

void
spio_stream_identify(struct stream *stream)
{
	identify(&stream->end);
}

int
spio_stream_same_file(const struct open_end *end)
{
	struct open_end now = *end;
	int saved = errno, err = identify(&now);

	errno = saved;
	if (err != 0 || end->ino == 0)
		return err != EBADF;
	return now.ino == end->ino && now.dev == end->dev;
}

/* After an fclose(), another stream may have the FILE. */
static struct stream *
find_open(const FILE *file)
{
	struct stream *stream = find(file);

	return stream != NULL && spio_stream_same_file(&stream->end) ?
	    stream : NULL;
}

/* Not again: exit(3) in a signal handler may close streams. */
static uint32_t
take_once(struct lock *lock)
{
	return spio_lock_is_mine(lock) ? 0 : spio_lock_take(lock);
}

struct stream *
spio_stream_find(FILE *file)
{
	struct lock *lock = &spio_state()->launch;
	uint32_t token = take_once(lock);
	struct stream *stream = find_open(file);

	spio_lock_drop(lock, token);
	return stream;
}

struct stream *
spio_stream_remove(FILE *file)
{
	struct lock *lock = &spio_state()->launch;
	uint32_t token = take_once(lock);
	struct stream *stream = find_open(file);

	if (stream != NULL) {
		fcntl(stream->end.fd, F_SETFD, FD_CLOEXEC);
		spio_stream_delete(stream);
	}
	spio_lock_drop(lock, token);
	return stream;
}
