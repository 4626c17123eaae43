/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <link.h>
#include <pthread.h>

#include "atfork.h"
#include "lock.h"
#include "state.h"

/* Many who launch may come first. */
#define FORK_PATIENCE_MS	(10 * SPIO_PATIENCE_MS)

/* The thread that forks with the launch lock in its hands, and its token. */
static _Atomic uintptr_t forker;
static uint32_t forkers_token;

static uintptr_t
this_thread(void)
{
	return (uintptr_t)pthread_self();
}

/* The kernel copies descriptors first, and then the memory, page by page.  A
 * stream that came or went meanwhile would be in one copy and not in the other:
 * a descriptor that no child would close, or half a list.  Whoever forks in a
 * signal handler may have the lock himself, and must do without. */
static void
before_fork(void)
{
	uint32_t token = spio_lock_take_until(&spio_state()->launch,
	    spio_deadline(FORK_PATIENCE_MS));

	if (token == 0)
		return;
	forkers_token = token;
	atomic_store(&forker, this_thread());
}

static void
after_fork(void)
{
	if (atomic_load(&forker) != this_thread())
		return;
	atomic_store(&forker, 0);
	spio_lock_drop(&spio_state()->launch, forkers_token);
}

static int
is_marked_to_stay(const struct dl_phdr_info *object, const ElfW(Phdr) *dynamic)
{
	const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr +
	    dynamic->p_vaddr);

	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_FLAGS_1)
			return (entry->d_un.d_val & DF_1_NODELETE) != 0;
	return 0;
}

/* Called for each object until it returns not 0: for the program itself first,
 * then for libraries.  1 if it has this code and is never unloaded, -1 if it
 * may be. */
static int
judge(struct dl_phdr_info *object, size_t size, void *first)
{
	const ElfW(Phdr) *part, *dynamic = NULL;
	int is_program = *(int *)first, is_this = 0;
	uintptr_t offset = (uintptr_t)&forker - object->dlpi_addr;

	(void)size;
	*(int *)first = 0;
	for (part = object->dlpi_phdr;
	    part < object->dlpi_phdr + object->dlpi_phnum; part++) {
		if (part->p_type == PT_DYNAMIC)
			dynamic = part;
		if (part->p_type == PT_LOAD &&
		    offset - part->p_vaddr < part->p_memsz)
			is_this = 1;
	}
	if (!is_this)
		return 0;
	return is_program || (dynamic != NULL &&
	    is_marked_to_stay(object, dynamic)) ? 1 : -1;
}

/* The C library calls what pthread_atfork(3) was given also while another
 * thread unloads it, and a plug-in may have a copy of this library in it. */
static int
stays_loaded(void)
{
	int first = 1;

	return dl_iterate_phdr(judge, &first) == 1;
}

/* qemu's user mode says yes to MADV_WIPEONFORK, and wipes nothing: there the
 * child has the lock, too. */
static void
in_child(void)
{
	after_fork();
	atomic_store(&forker, 0);
	spio_state_forked();
}

void
spio_atfork_begin(int must_wipe)
{
	int saved = errno;

	if (stays_loaded())
		pthread_atfork(before_fork, after_fork, in_child);
	else if (must_wipe)
		pthread_atfork(NULL, NULL, in_child);
	errno = saved;
}
