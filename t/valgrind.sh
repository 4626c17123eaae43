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
[ "$verdict" = 0 ] || cat "$scratch/log"
exit "$verdict"
