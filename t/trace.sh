#!/bin/sh
# SPDX-License-Identifier: ISC
# SPAWNIO_TRACE: a line of JSON for each call, none lost and none mixed, however
# many processes write; no line where there is nothing to say or no place for
# it.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"
# shellcheck source=t/shim-common
. "$top_srcdir/t/shim-common"

trace=$scratch/trace
writers=8
each=100

number='[0-9][0-9]*\.[0-9]\{3\}'
line="^{\"time\":[0-9]*\\.[0-9]\\{6\\},\"pid\":[0-9]*,\"tid\":[0-9]*"
line="$line,\"call\":\"\\(popen\\|system\\)\",\"engine\":\"[a-z_]*\""
line="$line,\"return_us\":$number,\"exec_us\":\\($number\\|null\\)"
line="$line,\"exit_us\":\\($number\\|null\\),\"status\":\\([0-9]*\\|null\\)"
line="$line,\"errno\":\\([0-9]*\\|null\\),\"command\":\".*\"}\$"

well_formed() {
	! grep -v "$line" "$trace" || bad "$1: not as the manual has it"
	have python3 || return 0
	python3 - "$trace" <<'END' || bad "$1: not JSON"
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    json.loads(line)
END
}

# In one file, from several processes at once.
i=0
pids=
while [ $i -lt $writers ]; do
	under SPAWNIO_TRACE="$trace" LD_PRELOAD="$shim" \
	    "$program" many $each </dev/null &
	pids="$pids $!"
	i=$((i + 1))
done
for pid in $pids; do
	wait "$pid" || bad "a writer: status $?"
done
well_formed 'at once'
lines=$(wc -l <"$trace")
distinct=$(sed 's/.*"command"//' "$trace" | sort -u | wc -l)
[ "$lines" -eq $((writers * each)) ] || bad "$lines lines"
[ "$distinct" -eq $((writers * each)) ] || bad "$distinct different lines"

# traced ARGUMENT...: what the test program does, in a trace of its own.
traced() {
	rm -f "$trace"
	under SPAWNIO_TRACE="$trace" LD_PRELOAD="$shim" "$program" "$@" \
	    >"$scratch/out" 2>&1 </dev/null
}

# finds PATTERN WHAT: in a line of the trace.
finds() {
	grep -e "$1" "$trace" >/dev/null || {
		cat "$trace"
		bad "$2"
	}
}

# says COMMAND TEXT: how a command is written down.
says() {
	traced system "$1"
	well_formed "$1"
	grep -F "\"command\":\"$2\"}" "$trace" >/dev/null || {
		cat "$trace"
		bad "written down wrongly: $1"
	}
}

says ': a "b" \c' ': a \"b\" \\c'
says ": 	tab" ': \u0009tab'
says "$(printf ': \303\244 \342\202\254 \360\237\230\200')" \
    "$(printf ': \303\244 \342\202\254 \360\237\230\200')"
says "$(printf ': \364\220\200\200 \365\200\200\200')" \
    ': \udcf4\udc90\udc80\udc80 \udcf5\udc80\udc80\udc80'
says "$(printf ': \377 \303 \300\200 \355\240\200')" \
    ': \udcff \udcc3 \udcc0\udc80 \udced\udca0\udc80'

# Longer than a pipe takes at once, six bytes for one, and a status.
long=$(printf '%030000d' 0 | tr 0 '\001')
traced system "exit 3 # $long"
well_formed long
finds '"status":768,"errno":null' 'no status'
[ "$(wc -c <"$trace")" -gt 180000 ] || bad 'a long line is cut off'

# A call that fails goes on to libc, which fails as well.
traced full 'exit 3'
well_formed full
finds '"engine":"libc".*"status":null,"errno":24' 'no failure'
traced too-long
for call in system popen; do
	finds "\"call\":\"$call\",\"engine\":\"libc\"" "no $call of libc"
done
traced ignored
well_formed ignored
finds '"call":"popen".*"status":null,"errno":10,' 'a status that is lost'

# The library's own calls go on to nobody: there is no engine in what fails
# before a child was to be made.
# shellcheck disable=SC2086 # lists of flags
if $CC $CPPFLAGS $CFLAGS -I "$top_srcdir/include" -include spawnio/compat.h \
    -o "$scratch/own" "$top_srcdir/t/shim.c" -L "$top_builddir/.libs" \
    "-Wl,-rpath,$(cd "$top_builddir" && pwd)/.libs" $LDFLAGS -lspawnio \
    -lpthread; then
	rm -f "$trace"
	under SPAWNIO_TRACE="$trace" "$scratch/own" too-long >"$scratch/out"
	finds '"call":"system","engine":null,.*"status":null,"errno":7,' \
	    'no failure of its own'
else
	bad 'not linked'
fi

# No place for it: a name longer than any, in a folder that has gone.
under SPAWNIO_TRACE="$(printf '%05000d' 0)" LD_PRELOAD="$shim" "$program" \
    system : || bad 'a long name'
(
	mkdir "$scratch/gone"
	cd "$scratch/gone" || exit 1
	rmdir "$scratch/gone"
	under SPAWNIO_TRACE=trace LD_PRELOAD="$shim" "$program" system : \
	    2>"$scratch/out"
) || bad 'no folder'

# Of a second, at least.
fifth='\([2-9][0-9]\{5\}\|[0-9]\{7,\}\)\.'

# Times, whose engine can tell when the command was executed, and whose not.
set -- posix_spawn "$number"
[ "$NATIVE" = 0 ] || set -- "$@" avfork null vfork "$number" fork null
while [ $# -gt 0 ]; do
	SPAWNIO_ENGINE=$1
	export SPAWNIO_ENGINE
	before=$(date +%s)
	traced popen 'sleep 0.2'
	finds "\"engine\":\"$1\",.*\"exec_us\":$2," "$1: exec_us"
	finds "\"exit_us\":$fifth" "$1: exit_us"
	time=$(sed 's/[^0-9]*\([0-9]*\).*/\1/' "$trace")
	[ "$time" -ge "$before" ] || bad "$1: time before its time"
	[ "$time" -le "$(date +%s)" ] || bad "$1: time after its time"
	traced system 'sleep 0.2'
	finds "\"return_us\":$fifth" "$1: return_us"
	shift 2
done
unset SPAWNIO_ENGINE

# Whose call: a thread's, a forked copy's own, but none that it inherits.
traced threads
awk -F '[:,]' '$4 != $6 { n++ } END { exit n != 4 * 8 * 2 }' "$trace" ||
    bad 'tid'
traced forks
[ "$(wc -l <"$trace")" = 3 ] || bad 'fork: not three lines'
awk -F '[:,]' '{ n[$4]++ } END { for (i in n) k = k " " n[i]; print k }' \
    "$trace" >"$scratch/out"
case $(cat "$scratch/out") in
' 1 2' | ' 2 1')
	;;
*)	bad 'fork: pid' ;;
esac

# Of the file: one write, no descriptor that stays, a mode for umask to cut.
(
	umask 022
	# shellcheck disable=SC3045 # all that have a limit take -n
	ulimit -n 20
	traced many 40
	[ "$(wc -l <"$trace")" = 40 ]
) || bad 'descriptors'
case $(ls -l "$trace") in
-rw-r--r--*)
	;;
*)	bad "$(ls -l "$trace")" ;;
esac
if have strace && strace -o "$scratch/log" true 2>/dev/null; then
	rm -f "$trace"
	under strace -o "$scratch/log" -e 'trace=write,?open,openat' \
	    -E SPAWNIO_TRACE="$trace" -E LD_PRELOAD="$shim" \
	    "$program" system 'exit 0'
	grep -F "\"$trace\", " "$scratch/log" | grep O_CLOEXEC >/dev/null ||
	    bad 'not close-on-exec'
	[ "$(grep -c '^write(' "$scratch/log")" = 1 ] || bad 'not one write'
fi

# A relative name is one in the folder where the program was started.
(cd "$scratch" && under SPAWNIO_TRACE=here LD_PRELOAD="$shim" "$program" many 3)
[ "$(wc -l <"$scratch/here")" = 3 ] || bad 'a relative name'
mkdir "$scratch/folder"
(cd "$scratch" && under SPAWNIO_TRACE=here LD_PRELOAD="$shim" \
    "$program" move folder)
[ "$(wc -l <"$scratch/here")" = 6 ] || bad 'a relative name, another folder'

# No place to write to, or one: nobody is told.
under "$program" same-after 'echo said' >"$scratch/plain"
under "$program" too-long >"$scratch/plain-long"
for place in /dev/full /no/such/folder/trace "$scratch" '' \
    "$trace"; do
	under SPAWNIO_TRACE="$place" LD_PRELOAD="$shim" "$program" same-after \
	    'echo said' >"$scratch/out" 2>&1 || bad "$place: status $?"
	diff "$scratch/plain" "$scratch/out" || bad "$place: not the same"
	under SPAWNIO_TRACE="$place" LD_PRELOAD="$shim" "$program" too-long \
	    >"$scratch/out"
	diff "$scratch/plain-long" "$scratch/out" || bad "$place: another errno"
done

# A pipe: nobody reads, so that nobody waits; or who reads, goes.
mkfifo "$scratch/pipe"
timeout 10 env LC_ALL=C SPAWNIO_TRACE="$scratch/pipe" LD_PRELOAD="$shim" \
    "$program" same-after 'echo said' >"$scratch/out" || bad "a pipe: status $?"
diff "$scratch/plain" "$scratch/out" || bad 'a pipe: not the same'
exec 8<>"$scratch/pipe"
(sleep 1; exec sleep 1) <&8 &
exec 8>&-
under SPAWNIO_TRACE="$scratch/pipe" LD_PRELOAD="$shim" "$program" \
    system ": $long" || bad "a pipe without a reader: status $?"
wait
(
	ulimit -f 0
	under SPAWNIO_TRACE="$trace.limit" LD_PRELOAD="$shim" "$program" \
	    system 'exit 0'
) || bad "a file at its limit: status $?"
exit "$verdict"
