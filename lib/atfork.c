/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE

#include <errno.h>
#include <link.h>
#include <pthread.h>

#include "atfork.h"
#include "lock.h"
#include "state.h"

static int registered;

/* The kernel copies descriptors first, and then the memory, page by page.  A
 * stream that came or went meanwhile would be in one copy and not in the other:
 * a descriptor that no child would close, or half a list.  Whoever forks in a
 * signal handler may have the lock himself, and must do without. */
static void
before_fork(void)
{
	struct state *state = spio_state_made();
	uint32_t token;

	if (state == NULL || spio_lock_is_mine(&state->launch))
		return;
	token = spio_lock_take_until(&state->launch,
	    spio_deadline(SPIO_FORK_PATIENCE_MS));
	if (token != 0)
		atomic_store(&state->launch.forking, token);
}

/* Unless the lock was lost, see lock.h. */
static void
after_fork(void)
{
	struct state *state = spio_state_made();
	uint32_t token;

	if (state == NULL || !spio_lock_is_mine(&state->launch))
		return;
	token = atomic_load(&state->launch.forking);
	if (token != atomic_load(&state->launch.owner))
		return;
	atomic_store(&state->launch.forking, 0);
	spio_lock_drop(&state->launch, token);
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
	uintptr_t offset = (uintptr_t)&registered - object->dlpi_addr;

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
	spio_state_forked();
}

/* Before anybody else does, if possible: then the lock is not held while the
 * handlers of others run, who may wait for one that launches. */
__attribute__((__constructor__(102))) static void
begin(void)
{
	if (!stays_loaded())
		return;
	registered = 1;
	pthread_atfork(before_fork, after_fork, in_child);
}

void
spio_atfork_wipe(void)
{
	int saved = errno;

	if (!registered)
		pthread_atfork(NULL, NULL, spio_state_forked);
	errno = saved;
}
