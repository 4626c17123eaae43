#!/bin/sh
# SPDX-License-Identifier: ISC
# The examples do what they say.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

examples=$(cd "${top_builddir:?}" && pwd)/examples
[ -x "$examples/jobs" ] || hard "no $examples/jobs"
have timeout || hard 'no timeout'

# same NAME: what was expected on standard input is what is in the file.
same() {
	cat >"$scratch/expected"
	diff "$scratch/expected" "$scratch/$1" || bad "$1"
}

# run NAME COMMAND...: its output, without carriage returns, and status; it reads
# what is in the file input.
run() {
	name=$1
	shift
	timeout 60 "$@" <"$scratch/input" >"$scratch/$name.out" 2>&1
	status=$?
	tr -d '\r' <"$scratch/$name.out" >"$scratch/$name"
}

# Two at a time: the output of each in one piece, whoever is first.
printf '%s\n' 'echo one; sleep .2; echo one' 'echo two; echo two >&2' \
    >"$scratch/input"
run two "$examples/jobs" -j 2
[ "$status" = 0 ] || bad "jobs: status $status"
sort "$scratch/two" >"$scratch/sorted"
printf '%s\n' '$ echo one; sleep .2; echo one' '$ echo two; echo two >&2' \
    one one two two | sort | same sorted
grep -A 1 '^one' "$scratch/two" | head -n 2 >"$scratch/pieces"
printf 'one\none\n' | same pieces

# No more after one that fails; and all that a job has started ends with it.
printf '%s\n' 'exit 3' 'echo never' >"$scratch/input"
run failing "$examples/jobs" -j 1
[ "$status" = 1 ] || bad "a job that fails: status $status"
printf '%s\n' '$ exit 3' 'exit status 3' | same failing
# shellcheck disable=SC2016
echo 'sleep 50 & echo $!; wait' >"$scratch/input"
run limited "$examples/jobs" -t 1
[ "$status" = 1 ] || bad "a job that takes too long: status $status"
grep -q '^stopped after 1 s' "$scratch/limited" || bad 'no time limit'
pid=$(grep '^[0-9]' "$scratch/limited")
case $(ps -o stat= -p "${pid:-1}" 2>/dev/null) in
'' | Z*) ;;
*)	bad "a job's child $pid is still there" ;;
esac

children=1000
most=$(awk '/^Max open files/ { print $5 }' /proc/self/limits)
if [ "$most" != unlimited ] && [ "$most" -lt 2100 ]; then
	children=$(((most - 100) / 2))
fi
run events "$examples/events" "$children"
[ "$status" = 0 ] || bad "events: status $status"
same events <<END
$children children at once
$children ended well, having written $((children * 6)) bytes
END

cat >"$scratch/program" <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "$REQUEST_METHOD $PATH_INFO ${QUERY_STRING:-none} $(cat)"
END
cat >"$scratch/failing-program" <<'END'
#!/bin/sh
exit 1
END
cat >"$scratch/long" <<'END'
#!/bin/sh
exec cat /dev/zero
END
chmod +x "$scratch/program" "$scratch/failing-program" "$scratch/long"
printf '%s\r\n' 'POST /a?b=c HTTP/1.0' 'Content-Length: 5' '' hello \
    >"$scratch/input"
run cgi "$examples/cgi" "$scratch/program"
same cgi <<'END'
HTTP/1.0 200 OK
Content-Type: text/plain

POST /a b=c hello
END
answers() {
	printf '%s\r\n' 'GET / HTTP/1.0' '' >"$scratch/input"
	run answer "$examples/cgi" "$1"
	head -n 1 "$scratch/answer" >"$scratch/line"
	echo "HTTP/1.0 $2" | same line
}
answers "$scratch/failing-program" '500 Internal Server Error'
answers "$scratch/long" '502 Bad Gateway'
answers "$scratch/missing" '502 Bad Gateway'
echo nonsense >"$scratch/input"
run nonsense "$examples/cgi" "$scratch/program"
head -n 1 "$scratch/nonsense" >"$scratch/line"
echo 'HTTP/1.0 400 Bad Request' | same line
exit "$verdict"
