#!/bin/sh
# SPDX-License-Identifier: ISC
# SPAWNIO_TRACE: a line of JSON for each call, none lost and none mixed, however
# many processes write; no line where there is nothing to say or no place for it.

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

# says COMMAND TEXT: how a command is written down.
says() {
	rm -f "$trace"
	under SPAWNIO_TRACE="$trace" LD_PRELOAD="$shim" \
	    "$program" system "$1" >/dev/null 2>&1 </dev/null
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
says "$(printf ': \377 \303 \300\200 \355\240\200')" \
    ': \udcff \udcc3 \udcc0\udc80 \udced\udca0\udc80'

# Longer than a pipe takes at once, and a status.
long=$(printf '%065000d' 0)
rm -f "$trace"
under SPAWNIO_TRACE="$trace" LD_PRELOAD="$shim" "$program" system \
    "exit 3 # $long"
well_formed long
grep '"status":768,"errno":null' "$trace" >/dev/null || bad 'no status'

# A call that fails goes on to libc, which fails as well.
rm -f "$trace"
under SPAWNIO_TRACE="$trace" LD_PRELOAD="$shim" "$program" full 'exit 3'
grep '"engine":"libc".*"status":null,"errno":24' "$trace" >/dev/null ||
    bad 'no failure'

# A relative name is one in the folder where the program was started.
(cd "$scratch" && under SPAWNIO_TRACE=here LD_PRELOAD="$shim" "$program" many 3)
[ "$(wc -l <"$scratch/here")" = 3 ] || bad 'a relative name'

# No place to write to: nobody is told.
for place in /dev/full /no/such/folder/trace "$scratch" ''; do
	under SPAWNIO_TRACE="$place" LD_PRELOAD="$shim" "$program" system \
	    'echo said' >"$scratch/out" 2>&1 || bad "$place: status $?"
	[ "$(cat "$scratch/out")" = said ] || bad "$place: something is said"
done
(
	ulimit -f 0
	under SPAWNIO_TRACE="$trace.limit" LD_PRELOAD="$shim" "$program" \
	    system 'exit 0'
) || bad "a file at its limit: status $?"
exit "$verdict"
