#!/bin/sh
# SPDX-License-Identifier: ISC
# gdb takes its breakpoints out of a child that it believes has memory of its
# own: with a child that shares ours they would be gone from us as well.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

have gdb || skip 'no gdb'
probe=$top_builddir/t/probe
need_unprivileged "$probe"

# LeakSanitizer refuses to run under ptrace.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS
unset SPAWNIO_ENGINE

debug() {
	unprivileged timeout 60 gdb -nx -batch \
	    -iex 'set debuginfod enabled off' \
	    -iex 'set startup-with-shell off' "$@" </dev/null \
	    >"$scratch/log" 2>&1
}

debug -ex run "$(command -v true)"
grep 'exited normally' "$scratch/log" >/dev/null ||
    skip 'gdb can run no program here'

debug -ex 'break after_launch' -ex run -ex continue -ex continue "$probe"
hits=$(grep -c 'Breakpoint 1, .*after_launch' "$scratch/log")
[ "$hits" -eq 2 ] || bad "$hits of 2 stops after a launch"
grep 'exited normally' "$scratch/log" >/dev/null || bad 'the exit'
[ "$verdict" = 0 ] || cat "$scratch/log"
exit "$verdict"
