#!/bin/sh
# SPDX-License-Identifier: ISC
# spawnio(1): statuses as env(1) has them, the program's own otherwise; options;
# other preloaded libraries; the trace and the summary of a whole tree.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"
# shellcheck source=t/shim-common
. "$top_srcdir/t/shim-common"

spawnio=$(cd "$top_builddir" && pwd)/spawnio
[ -x "$spawnio" ] || hard "no $spawnio"
LD_PRELOAD=$shim sh -c : 2>/dev/null ||
    skip 'the shell has another C library than the shim'
export LC_ALL=C SHIM_INHERIT=1

run() {
	timeout 60 "$spawnio" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# ends STATUS ARGUMENT...
ends() {
	wanted=$1
	shift
	run "$@"
	status=$?
	[ "$status" = "$wanted" ] || bad "spawnio $*: status $status"
}

# refuses TEXT ARGUMENT...: 125, and a line that says so.
refuses() {
	text=$1
	shift
	ends 125 "$@"
	grep -F -e "spawnio: " "$scratch/err" | grep -F -e "$text" >/dev/null ||
	    bad "spawnio $*: does not say: $text"
	[ ! -s "$scratch/out" ] || bad "spawnio $*: something on its output"
}

refuses 'no program'
refuses 'no program' --summary
refuses 'no such engine: warp' --engine=warp true
refuses '--frob' --frob true
refuses '/no/such/folder/x' --trace=/no/such/folder/x true
ends 0 --help
grep '^usage: spawnio' "$scratch/out" >/dev/null || bad 'no usage'
ends 0 --version
grep '^spawnio [0-9]' "$scratch/out" >/dev/null || bad 'no version'
"$spawnio" --help >/dev/full 2>/dev/null && bad 'a full disk is not noticed'

: >"$scratch/data"
for summary in '' --summary; do
	# shellcheck disable=SC2086 # an option or none
	{
		ends 0 $summary true
		ends 9 $summary sh -c 'exit 9'
		ends 9 $summary -- sh -c 'exit 9'
		ends 127 $summary no-such-program-at-all
		grep '^spawnio: no-such-program-at-all: ' "$scratch/err" \
		    >/dev/null || bad 'not found, and not said'
		ends 126 $summary "$scratch/data"
		ends 3 $summary sh -c 'trap "exit 3" TERM; kill $$; exit 1'
		run $summary sh -c 'kill -TERM $$' || status=$?
		[ "$status" = 143 ] || bad "a signal: status $status"
		ends 5 $summary "$spawnio" $summary sh -c 'exit 5'
		# shellcheck disable=SC2016
		ends 4 $summary sh -c 'test "$1" = -x && exit 4' sh -x
	}
done

# SIGTERM at spawnio ends the program, and the summary still comes.
"$spawnio" --summary sleep 30 2>"$scratch/err" &
pid=$!
sleep 1
kill "$pid"
wait "$pid"
status=$?
[ "$status" = 143 ] || bad "SIGTERM: status $status"
grep 'no calls' "$scratch/err" >/dev/null || bad 'SIGTERM: no summary'

# nohup(1) holds for the program too.
(
	trap '' HUP
	# shellcheck disable=SC2016
	exec "$spawnio" --summary sh -c 'kill -HUP $$; exit 6' 2>/dev/null
)
status=$?
[ "$status" = 6 ] || bad "nohup: status $status"

# shellcheck disable=SC2016
ends 0 sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$scratch/out")" = "$shim" ] || bad 'LD_PRELOAD'
for others in /x/one.so '/x/one.so:/x/two.so' '/x/one.so /x/two.so'; do
	# shellcheck disable=SC2016
	LD_PRELOAD=$others ends 0 sh -c 'echo "$LD_PRELOAD"'
	[ "$(cat "$scratch/out")" = "$shim:$others" ] || bad "LD_PRELOAD $others"
done
# shellcheck disable=SC2016
ends 0 "$spawnio" sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$scratch/out")" = "$shim" ] || bad 'the shim twice'

for engine in avfork vfork fork posix_spawn; do
	trace=$scratch/trace.$engine
	ends 0 --engine=$engine --trace="$trace" "$program" popen 'exit 1'
	if [ "$NATIVE" != 0 ]; then
		grep "\"engine\":\"$engine\"" "$trace" >/dev/null ||
		    bad "the engine is not $engine"
	fi
	[ ! -s "$scratch/err" ] || bad 'the trace is on standard error'
done
(cd "$scratch" && run -t "$program" popen 'exit 1')
[ -s "$scratch/spawnio.trace" ] || bad 'no spawnio.trace'

# A tree: two programs by system(), and theirs.
TMPDIR=$scratch ends 0 --summary --engine=vfork "$program" system \
    "'$program' many 16; '$program' system 'exit 3'"
cat >"$scratch/wanted" <<END
16 0 :
1 0 '$program'
1 1 exit
18 1 total
END
awk '$1 ~ /^[0-9]+$/ { print $1, $2, $NF }' "$scratch/err" |
    sort -k 3 >"$scratch/got"
sort -k 3 "$scratch/wanted" | diff - "$scratch/got" || bad 'summary'
ls -d "$scratch"/spawnio.?????? 2>/dev/null && bad 'a folder is left behind'

# Of a trace that is there already, the new lines.
trace=$scratch/both
for n in 1 2; do
	ends 0 --summary --trace="$trace" "$program" many 10
	grep '^ *10 ' "$scratch/err" >/dev/null || bad 'summary of a trace'
	[ "$(wc -l <"$trace")" = $((n * 10)) ] || bad 'trace and summary'
done
exit "$verdict"
