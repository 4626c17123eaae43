#!/bin/sh
# SPDX-License-Identifier: ISC
# strace -f follows a child however it was made, and changes nothing.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

have strace || skip 'no strace'
probe=$top_builddir/t/probe
need_unprivileged "$probe"

# LeakSanitizer refuses to run under ptrace.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

trace() {
	unprivileged timeout 60 strace -f -s 100 -e trace=execve,execveat "$@" \
	    </dev/null >"$scratch/log" 2>&1
}

trace true || skip 'strace can trace no program here'

engines='auto posix_spawn'
[ "$NATIVE" = 0 ] || engines="$engines avfork vfork fork"
for engine in $engines; do
	export SPAWNIO_ENGINE="$engine"
	trace "$probe" || bad "$engine: the answers"
	for command in 'echo read; exit 3' 'exit 4'; do
		seen="execve(\"/bin/sh\", [\"sh\", \"-c\", \"--\", \"$command\"]"
		grep -F "$seen" "$scratch/log" >/dev/null ||
		    bad "$engine: $command not seen"
	done
	[ "$verdict" = 0 ] || {
		cat "$scratch/log"
		break
	}
done
exit "$verdict"
