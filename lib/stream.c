/* SPDX-License-Identifier: ISC */
/* Two structures over the same nodes, both in plain memory, so that a forked
 * child has them: buckets by FILE*, and a list of descriptors by number.  Each
 * changes by one store to a forward link, with all that it leads to stored
 * before, so that a fork in the middle finds either the old or the new.  The
 * list's backward links, and its tail, are rebuilt by the child when it first
 * needs them. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

/* The list's ends: its first node hangs below head, tail is the last. */
static struct open_end head = { .fd = -1 };
static struct open_end *tail = &head;

/* In this order, as the memory of a process forked by another thread shows. */
#define STORE(link, value) \
	__atomic_store_n(&(link), value, __ATOMIC_RELEASE)

static struct stream **
bucket_of(const FILE *file)
{
	uintptr_t n = (uintptr_t)file / 16;

	return &bucket[(n ^ n / BUCKETS) % BUCKETS];
}

static struct stream *
stream_of(struct open_end *end)
{
	return (struct stream *)((char *)end - offsetof(struct stream, end));
}

/* The forked child of a thread that was half-way through a change. */
static void
look_over(void)
{
	struct open_end *end;

	if (spio_state()->streams_sound)
		return;
	for (tail = &head; (end = tail->next) != NULL; tail = end)
		stream_of(end)->prev = tail;
	spio_state()->streams_sound = 1;
}

static void
link_end(struct stream *stream, struct open_end *prev)
{
	struct open_end *next = prev->next;

	stream->prev = prev;
	stream->end.next = next;
	STORE(prev->next, &stream->end);
	if (next != NULL)
		stream_of(next)->prev = &stream->end;
	else
		tail = &stream->end;
}

static void
unlink_end(struct stream *stream)
{
	struct open_end *next = stream->end.next;

	STORE(stream->prev->next, next);
	if (next != NULL)
		stream_of(next)->prev = stream->prev;
	else
		tail = stream->prev;
}

void
spio_stream_delete(struct stream *stream)
{
	struct stream **link = bucket_of(stream->file);
	int found;

	look_over();
	while (*link != NULL && *link != stream)
		link = &(*link)->next;
	found = *link != NULL;
	if (found)
		STORE(*link, stream->next);
	if (!stream->cloexec)
		unlink_end(stream);
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

/* The last node whose number is at most fd. */
static struct open_end *
at_most(int fd)
{
	struct open_end *end = tail;

	while (end->fd > fd)
		end = stream_of(end)->prev;
	return end;
}

struct stream *
spio_stream_insert(struct stream *stream)
{
	struct stream **link = bucket_of(stream->file), *stale, *all = NULL;
	struct open_end *prev;

	look_over();
	atomic_fetch_add(&count, 1);
	stale = find(stream->file);
	if (stale != NULL) {
		spio_stream_delete(stale);
		stale->next = NULL;
		all = stale;
	}
	if (!stream->cloexec) {
		prev = at_most(stream->end.fd);
		if (prev->fd == stream->end.fd) {
			stale = stream_of(prev);
			prev = stale->prev;
			spio_stream_delete(stale);
			stale->next = all;
			all = stale;
		}
		link_end(stream, prev);
	}
	stream->next = *link;
	STORE(*link, stream);
	return all;
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
spio_stream_ends(void)
{
	return &head;
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
	end->dev_major = major(st.st_dev);
	end->dev_minor = minor(st.st_dev);
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
	return now.ino == end->ino && now.dev_major == end->dev_major &&
	    now.dev_minor == end->dev_minor;
}

/* After an fclose(), another stream may have the FILE. */
static struct stream *
find_open(const FILE *file)
{
	struct stream *stream = find(file);

	return stream != NULL && spio_stream_same_file(&stream->end) ?
	    stream : NULL;
}

struct stream *
spio_stream_find(FILE *file)
{
	struct lock *lock = &spio_state()->launch;
	uint32_t token = spio_lock_take(lock);
	struct stream *stream = find_open(file);

	spio_lock_drop(lock, token);
	return stream;
}

struct stream *
spio_stream_remove(FILE *file)
{
	struct lock *lock = &spio_state()->launch;
	uint32_t token = spio_lock_take(lock);
	struct stream *stream = find_open(file);

	if (stream != NULL) {
		fcntl(stream->end.fd, F_SETFD, FD_CLOEXEC);
		spio_stream_delete(stream);
	}
	spio_lock_drop(lock, token);
	return stream;
}
