#!/bin/sh
# SPDX-License-Identifier: ISC
# spawnio(1): statuses as env(1) has them, the program's own otherwise; options;
# other preloaded libraries; the trace and the summary of a whole tree.

# Whoever started us may ignore it, as nohup(1) does.
# shellcheck disable=SC2016
[ -z "$(sh -c 'kill -HUP $$; echo ignored' 2>/dev/null)" ] ||
    exec env --default-signal=HUP sh "$0"

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
	timeout -k 1 60 "$spawnio" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
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

# explains STATUS TEXT COMMAND: the output has a line that is TEXT.
explains() {
	ends "$1" --explain "$3"
	grep -F -x -e "$2" "$scratch/out" >/dev/null ||
	    bad "spawnio --explain '$3': $(cat "$scratch/out")"
}

refuses 'no such choice of shell' --shell=never true
refuses 'one argument: file is another' --explain ls file
if [ "$NATIVE" != 0 ]; then
	explains 0 "argv[1]: 'a b'" 'ls "a b"'
	explains 0 "assignment: 'x=1'" 'x=1 ls'
	explains 0 "redirection: 2 is what 1 is" 'ls 2>&1'
	explains 0 "redirection: 7 is closed" 'ls 7>&-'
	explains 0 "redirection: 1>> 'f'" 'ls >>f'
	explains 0 "redirection: 0<> 'f'" 'ls <>f'
	explains 1 'the shell, for a pipeline in the command' 'ls | cat'
	explains 1 'the shell, for a file below /dev or /proc in the command' \
	    'ls <thread-self/status'
	env PWD=/nosuch "$spawnio" --explain ls >"$scratch/out" &&
	    bad "spawnio --explain: status 0 for a wrong PWD"
	grep 'the shell, for a PWD' "$scratch/out" >/dev/null ||
	    bad "spawnio --explain: no word of a wrong PWD"
fi
ends 1 --explain 'echo x'
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

ends 127 --summary no-such-program-at-all
[ "$(wc -l <"$scratch/err")" -eq 1 ] || bad 'a summary of nothing'

# SIGTERM at spawnio ends the program, and the summary still comes.
for signal in TERM HUP USR1 USR2; do
	rm -f "$scratch/started"
	# shellcheck disable=SC2016
	TMPDIR=$scratch "$spawnio" --summary \
	    sh -c 'echo >"$1"; exec sleep 30' sh \
	    "$scratch/started" 2>"$scratch/err" &
	pid=$!
	i=0
	until [ -s "$scratch/started" ] || [ $i -gt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -$signal "$pid"
	wait "$pid"
	status=$?
	[ "$status" -gt 128 ] || bad "SIG$signal: status $status"
	[ "$(kill -l "$status")" = $signal ] || bad "SIG$signal: $status"
	grep 'no calls' "$scratch/err" >/dev/null ||
	    bad "SIG$signal: no summary"
done

# Even before spawnio knows the program's number.
late() {
	timeout 60 strace -o /dev/null -e trace=clone,clone3,fork,vfork -e \
	    inject=clone,clone3,fork,vfork:delay_exit=500000 "$@"
}
if have strace && late true 2>/dev/null; then
	# shellcheck disable=SC2016
	late "$spawnio" --summary sh -c 'kill -TERM $PPID; exec sleep 10' \
	    2>"$scratch/err"
	status=$?
	[ "$status" = 143 ] || bad "SIGTERM at once: status $status"
fi

# await STATE PID: it has that state of proc(5)?
await() {
	i=0
	until [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$2/stat")" = "$1" ]; do
		[ $i -lt 100 ] || return
		sleep 0.1
		i=$((i + 1))
	done
}

# A program that stops, stops spawnio, and goes on with it.
# shellcheck disable=SC2016
"$spawnio" --summary sh -c 'echo $$ >"$1"; kill -STOP $$; kill -STOP $$
    exit 3' sh "$scratch/stopped" 2>"$scratch/err" &
pid=$!
for _ in 1 2; do
	await T "$pid" || {
		bad 'the program has stopped, spawnio has not'
		kill -KILL "$(cat "$scratch/stopped")"
		break
	}
	kill -CONT "$pid"
done
wait "$pid"
status=$?
[ "$status" = 3 ] || bad "stopped and continued: status $status"

# What the terminal sends is the program's, as it was.
# shellcheck disable=SC2016
ends 6 --summary sh -c 'kill -INT $PPID; kill -QUIT $PPID; kill -TSTP $PPID
    exit 6'
for ignored in CHLD INT QUIT TSTP TERM HUP USR1 USR2 CONT; do
	(
		trap '' $ignored
		grep SigIgn /proc/self/status >"$scratch/wanted"
		exec "$spawnio" --summary grep SigIgn /proc/self/status \
		    >"$scratch/out" 2>"$scratch/err"
	) || bad "ignored: SIG$ignored: status $?"
	diff "$scratch/wanted" "$scratch/out" || bad "ignored: SIG$ignored"
	grep 'no calls' "$scratch/err" >/dev/null ||
	    bad "ignored: SIG$ignored: no summary"
done

# wait_status STATUS COMMAND: ends spawnio by a signal, without a second core?
wait_status() {
	rm -f "$scratch/status"
	(
		cd "$scratch" || exit
		# shellcheck disable=SC3045 # where there is none, no core
		ulimit -c unlimited 2>/dev/null
		run --trace="$scratch/status" "$program" system "exec $2"
	)
	grep "\"status\":$1," "$scratch/status" >/dev/null || {
		cat "$scratch/status"
		bad "not with status $1: $2"
	}
}
wait_status 15 "'$spawnio' --summary sh -c 'kill -TERM \$\$'"
# Also one that was blocked at first.
env --block-signal=TERM true 2>/dev/null && wait_status 15 \
    "env --block-signal=TERM '$spawnio' --summary '$program' terminate"
case $(cat /proc/sys/kernel/core_pattern) in
'|'*)	;;
*)	wait_status 3 "'$spawnio' --summary sh -c 'kill -QUIT \$\$'" ;;
esac

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
# shellcheck disable=SC2016
LD_PRELOAD='' ends 0 sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$scratch/out")" = "$shim" ] || bad 'an empty LD_PRELOAD'
for others in /x/one.so '/x/one.so:/x/two.so' '/x/one.so /x/two.so' \
    "${shim%.so}" "${shim}.1"; do
	# shellcheck disable=SC2016
	LD_PRELOAD=$others ends 0 sh -c 'echo "$LD_PRELOAD"'
	[ "$(cat "$scratch/out")" = "$shim:$others" ] || bad "LD_PRELOAD $others"
done
# shellcheck disable=SC2016
ends 0 "$spawnio" sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$scratch/out")" = "$shim" ] || bad 'the shim twice'

# The shim lies beside, or where it is installed, if it is.
mkdir -p "$scratch/a b/.libs" "$scratch/bin"
cp "$spawnio" "$scratch/a b"
cp "$spawnio" "$scratch/bin"
cp "$shim" "$scratch/a b/.libs"
own=$spawnio
spawnio="$scratch/a b/spawnio"
refuses 'takes no name' true
spawnio=$scratch/bin/spawnio
# shellcheck disable=SC2016
run sh -c 'echo "$LD_PRELOAD"'
case $?,$(cat "$scratch/out" "$scratch/err") in
0,/*/libspawnio/libspawnio-preload.so)
	;;
125,"spawnio: /"*/libspawnio/libspawnio-preload.so:*)
	;;
*)	bad 'elsewhere, no shim, and that is not said' ;;
esac
spawnio=$own

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
# shellcheck disable=SC2016
(cd "$scratch" && run --trace=relative \
    sh -c 'cd bin && exec "$1" many 3' sh "$program")
[ "$(wc -l <"$scratch/relative")" = 3 ] || bad 'a relative trace'

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
TMPDIR=$scratch "$spawnio" --summary sleep 0.2 2>&1 | :
TMPDIR=$scratch ends 127 --summary no-such-program-at-all
ls -d "$scratch"/spawnio.?????? 2>/dev/null && bad 'a folder is left behind'

# lies WHERE: the trace for the summary.
lies() {
	# shellcheck disable=SC2016
	ends 0 --summary sh -c 'echo "$SPAWNIO_TRACE"'
	case $(cat "$scratch/out") in
	"$1"/spawnio.??????/trace)
		;;
	*)	bad "TMPDIR=${TMPDIR-}: $(cat "$scratch/out")" ;;
	esac
}
TMPDIR=$scratch lies "$scratch"
TMPDIR=relative lies /tmp
TMPDIR='' lies /tmp
TMPDIR=/no/such/folder refuses /no/such/folder --summary true

# The table of a trace in which all is known.
# call ENGINE RETURN_US EXIT_US STATUS ERRNO COMMAND
call() {
	printf '{"time":1.000000,"pid":1,"tid":1,"call":"popen","engine":%s,' \
	    "$1"
	printf '"return_us":%s,"exec_us":null,"exit_us":%s,' "$2" "$3"
	printf '"status":%s,"errno":%s,"command":"%s"}\n' "$4" "$5" "$6"
}
{
	call '"avfork"' 1000.000 5000.000 0 null 'one a'
	call '"posix_spawn"' 5000.000 8000.500 256 null '  one\u0009b'
	call '"libc"' 3000.000 null null 24 '\u000aone\u000ab'
	call '"fork"' 2000.250 7000.000 0 null on
	call '"vfork"' 0.040 9000.000 9 null '\"a \" b\" c'
	call null 20000.000 null null 11 'two'
	call '"libc"' 30.000 null null null 'z\\ b'
	call '"libc"' 20.000 null null null "$(printf 'x\177') b"
	call '"libc"' 30.000 null null null 'y \"status\":9,'
	call '"avfork"' 0.000 1.000 0 null ''
	call '"avfork"' 1000.000 5000.000 0 null 'cut off' | tr -d '\n'
} >"$scratch/known"
cat >"$scratch/wanted" <<'END'
                     blocked,                         until
   calls failures          ms      mean     worst      exit engine      command
-------- -------- ----------- --------- --------- --------- ----------- ----------------
       1        1      20.000    20.000    20.000         - -           two
       3        2       9.000     3.000     5.000     6.500 avfork,posix_spawn,libc one
       1        0       2.000     2.000     2.000     7.000 fork        on
       1        0       0.030     0.030     0.030         - libc        y
       1        0       0.030     0.030     0.030         - libc        z\\
       1        0       0.020     0.020     0.020         - libc        x\u007f
       1        1       0.000     0.000     0.000     9.000 vfork       \"a
       1        0       0.000     0.000     0.000     0.001 avfork      ""
-------- -------- ----------- --------- --------- --------- ----------- ----------------
      10        4      31.080     3.108    20.000     5.800 avfork,vfork,fork,posix_spawn,libc total
END
# shellcheck disable=SC2016
ends 0 --summary sh -c 'cat "$1" >>"$SPAWNIO_TRACE"' sh "$scratch/known"
diff "$scratch/wanted" "$scratch/err" || bad 'the table'

i=0
while [ $i -lt 1100 ]; do
	call '"avfork"' 1000.000 1000.000 0 null "word$i a"
	i=$((i + 1))
done >"$scratch/known"
# shellcheck disable=SC2016
ends 0 --summary sh -c 'cat "$1" >>"$SPAWNIO_TRACE"' sh "$scratch/known"
n=$(grep -c '^ *1  *0 .* word[0-9]*$' "$scratch/err")
[ "$n" = 1100 ] || bad "$n rows of 1100"

# Of a trace that is there already, the new lines.
trace=$scratch/both
for n in 1 2; do
	ends 0 --summary --trace="$trace" "$program" many 10
	grep '^ *10 ' "$scratch/err" >/dev/null || bad 'summary of a trace'
	[ "$(wc -l <"$trace")" = $((n * 10)) ] || bad 'trace and summary'
done

# Also of one in the environment; what cannot be read back is told at once.
# shellcheck disable=SC2016
(cd "$scratch" && SPAWNIO_TRACE=given run --summary \
    sh -c 'cd bin && exec "$1" many 10' sh "$program")
grep '^ *10 ' "$scratch/err" >/dev/null || bad 'summary of a relative trace'
mkfifo "$scratch/fifo"
ends 0 --trace="$scratch/fifo" "$program" many 3
for trace in /no/such/folder/x /dev/null "$scratch/fifo"; do
	SPAWNIO_TRACE=$trace refuses "$trace: " --summary echo started
	refuses "$trace: " --summary --trace="$trace" echo started
done

# The manual and both completions know the options that there are.
options() {
	grep -o -e '--[a-z][a-z]*' | sort -u
}
"$spawnio" --help | sed -n 's/^  -., *\(--[a-z]*\).*/\1/p' | sort \
    >"$scratch/options"
[ "$(wc -l <"$scratch/options")" -ge 5 ] || bad 'options of --help'
sed -n 's/.*Fl -\([a-z]*\).*/--\1/p' "$top_srcdir/man/spawnio.1" | options |
    diff "$scratch/options" - || bad 'options of the manual'
completion=$top_srcdir/completion
options <"$completion/_spawnio" | diff "$scratch/options" - ||
    bad 'options for zsh'
! have zsh || zsh -n "$completion/_spawnio" || bad 'syntax for zsh'

unset OFFSET
# completes WORD...: the last one, as bash has split the line.
completes() {
	# shellcheck disable=SC2016
	bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	    [ -z "$OFFSET" ] || _command_offset() { COMPREPLY=("$1"); }
	    _spawnio; printf "%s\n" "${COMPREPLY[@]}"' bash \
	    "$completion/spawnio.bash" spawnio "$@" 2>/dev/null
}

# gives WANTED WORD...
gives() {
	wanted=$1
	shift
	got=$(completes "$@" | sort | tr '\n' ' ')
	[ "$got" = "$wanted " ] || bad "bash, $*: $got"
}
if bash -c 'mapfile -t lines </dev/null && compgen -W x' >/dev/null 2>&1; then
	engines='auto avfork fork posix_spawn vfork'
	for engine in $engines; do
		"$spawnio" --help | grep -w "$engine" >/dev/null ||
		    bad "--help has no $engine"
		"$spawnio" --engine="$engine" true || bad "no engine $engine"
	done
	completes -- | options | diff "$scratch/options" - ||
	    bad 'options for bash'
	gives --summary --su
	gives --engine= --en
	gives '--trace --trace=' --tr
	gives "$engines" --engine =
	gives 'avfork' --engine = av
	gives "$engines" -e ''
	gives "$engines" -se ''
	gives always -sS al
	gives "$scratch/known" -se fork true "$scratch/kno"
	gives vfork --summary --engine v
	gives "$scratch/known" --trace = "$scratch/kno"
	gives "$scratch/known" --engine = fork true "$scratch/kno"
	gives "$scratch/known" -e fork --trace true "$scratch/kno"
	gives "$scratch/known" --trace = file true --engine "$scratch/kno"
	# With bash-completion, where the program is.
	export OFFSET=1
	gives 3 -e fork true ''
	gives 4 --engine = fork true -x
	gives 4 --trace = file true ''
	gives 3 --trace --summary true ''
	unset OFFSET
	completes --summary tru | grep -x true >/dev/null || bad 'bash: true'
	completes --trace tru | grep -x true >/dev/null || bad 'bash: true'
fi
exit "$verdict"
