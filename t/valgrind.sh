#!/bin/sh
# SPDX-License-Identifier: ISC
# valgrind has no clone3(2), ends a program that makes a child on a stack of
# its own by clone(2), and turns a vfork into a fork: the gate must step down,
# and no memory be lost or used before it was set.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

have valgrind || skip 'no valgrind'
case "$CC $CFLAGS $LDFLAGS" in
*-fsanitize=*)
	skip 'a sanitizer and valgrind do not mix' ;;
esac
probe=$top_builddir/t/probe
need_unprivileged "$probe"

check() {
	unprivileged timeout 100 valgrind -q --error-exitcode=9 \
	    --leak-check=full --vgdb=no --child-silent-after-fork=yes "$@" \
	    </dev/null >"$scratch/log" 2>&1
}

# In musl, valgrind sees free() and not malloc(): no need of us for that.
cat >"$scratch/plain.c" <<'END'
#include <stdio.h>
int
main(void)
{
	FILE *f = fopen("/dev/null", "r");
	return f == NULL || fclose(f) != 0;
}
END
# shellcheck disable=SC2086 # lists of flags
$CC $CPPFLAGS $CFLAGS $LDFLAGS -o "$scratch/plain" "$scratch/plain.c" ||
    hard 'no compiler'
chmod 755 "$scratch" "$scratch/plain"
check "$scratch/plain" || {
	tail "$scratch/log"
	skip 'valgrind cannot run what this compiler makes'
}

engine=vfork
[ "$NATIVE" != 0 ] || engine=posix_spawn
unset SPAWNIO_ENGINE
check "$probe" || bad 'the answers, or the memory'
! grep 'debuginfo reader' "$scratch/log" ||
    skip "valgrind is too old for this compiler's debugging information"
grep "^$engine: " "$scratch/log" >/dev/null || bad "the engine is not $engine"
[ "$verdict" = 0 ] || {
	cat "$scratch/log"
	exit 1
}

# helgrind sees no lock in a word and a futex: it is told of ours, by calls that
# the linker puts around those of the library.  Threads, each with streams and
# commands.
cat >"$scratch/told.c" <<'END'
#include <stdint.h>
#include <valgrind/helgrind.h>
struct lock;
uint32_t __real_spio_lock_take(struct lock *);
void __real_spio_lock_drop(struct lock *, uint32_t);
uint32_t __wrap_spio_lock_take(struct lock *);
void __wrap_spio_lock_drop(struct lock *, uint32_t);
uint32_t
__wrap_spio_lock_take(struct lock *lock)
{
	uint32_t token = __real_spio_lock_take(lock);
	ANNOTATE_HAPPENS_AFTER(lock);
	return token;
}
void
__wrap_spio_lock_drop(struct lock *lock, uint32_t token)
{
	ANNOTATE_HAPPENS_BEFORE(lock);
	__real_spio_lock_drop(lock, token);
}
END
# shellcheck disable=SC2086 # lists of flags
$CC $CPPFLAGS $CFLAGS -I "$top_srcdir/include" -include spawnio/compat.h \
    -o "$scratch/threads" "$top_srcdir/t/shim.c" "$scratch/told.c" \
    -Wl,--wrap=spio_lock_take,--wrap=spio_lock_drop \
    "$top_builddir/.libs/libcore.a" $LDFLAGS -lpthread \
    >"$scratch/log" 2>&1 || {
	cat "$scratch/log"
	skip 'helgrind: no valgrind/helgrind.h, or no such linker'
}

# To helgrind an atomic variable is as any other.  This one is set once, by
# pthread_once(3), and whoever finds it unset goes that way too.
cat >"$scratch/suppressions" <<'END'
{
   whether there is a trace, an atomic
   Helgrind:Race
   fun:spio_trace_begin
}
{
   the same, where that is not inlined
   Helgrind:Race
   fun:is_on
}
END
for engine in auto fork posix_spawn; do
	SPAWNIO_ENGINE=$engine timeout 200 valgrind -q --tool=helgrind \
	    --error-exitcode=9 --vgdb=no --child-silent-after-fork=yes \
	    --suppressions="$scratch/suppressions" "$scratch/threads" threads \
	    </dev/null >"$scratch/log" 2>&1 || {
		cat "$scratch/log"
		bad "a race: $engine"
	}
done
exit "$verdict"
