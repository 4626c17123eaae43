#!/bin/sh
# SPDX-License-Identifier: ISC
# The manual is right where a machine can tell: its markup, its links, a page
# for each function, errno values that exist, and examples that work as printed.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

man=$top_srcdir/man
: "${CC:=cc}" "${CXX:=c++}"
have "${CXX%% *}" && one_libc || CXX=
have timeout || hard 'no timeout'

# section PAGE NAME: its lines.
section() {
	awk -v name="$2" '
	/^\.Sh / { inside = substr($0, 5) == name; next }
	inside' "$1"
}

# The literal displays of EXAMPLES, each into a file of its own, as a reader
# sees them.
examples() {
	section "$1" EXAMPLES | awk -v prefix="$2" '
	function plain(line,  out, at) {
		while (at = index(line, "\\")) {
			out = out substr(line, 1, at - 1)
			line = substr(line, at + 1)
			if (sub(/^(e|\(rs|\[rs\])/, "", line))
				out = out "\\"
			else if (sub(/^(-|\(mi)/, "", line))
				out = out "-"
			else if (sub(/^(\(aq|\[aq\])/, "", line))
				out = out "\047"
			else if (sub(/^(\(dq|\[dq\])/, "", line))
				out = out "\""
			else if (sub(/^(\(ha|\[ha\])/, "", line))
				out = out "^"
			else if (sub(/^(\(ti|\[ti\])/, "", line))
				out = out "~"
			else if (!sub(/^[&:]/, "", line))
				return "#error unknown escape: \\" line
		}
		return out line
	}
	/^\.Bd .*-literal/ { inside = 1; n++; file = prefix n ".c"; next }
	/^\.Ed/ { inside = 0; close(file); next }
	!inside { next }
	/^\./ { print "#error a macro in an example" >file; next }
	{ print plain($0) >file }'
}

# build PROGRAM LANGUAGE, from PROGRAM.LANGUAGE, against the library of the build
# folder.
build() {
	standard=-D_POSIX_C_SOURCE=202405L
	! grep -q '^#define _[A-Z_]*_SOURCE' "$1.$2" || standard=
	case $2 in
	c)	compiler="$CC -std=c99" ;;
	cc)	compiler="$CXX -std=c++11" ;;
	esac
	rm -f "$1"
	# shellcheck disable=SC2086 # lists of flags
	${LIBTOOL:-$top_builddir/libtool} --silent --tag=CC --mode=link \
	    $compiler $CPPFLAGS $CFLAGS $standard -Wall -Wextra -Werror \
	    -I "$top_srcdir/include" $LDFLAGS -no-install -o "$1" "$1.$2" \
	    "$top_builddir/libspawnio.la" >"$1.log" 2>&1
	[ -x "$1" ]
}

# build_and_run PROGRAM LANGUAGE
build_and_run() {
	if ! build "$1" "$2"; then
		cat "$1.log"
		bad "$1.$2: does not build"
	elif ! run "$1"; then
		cat "$1.log"
		bad "$1.$2: does not end well"
	fi
}

# run PROGRAM, in a folder that it may litter.
run() {
	(cd "$scratch" && timeout 20 "$1") </dev/null >"$1.log" 2>&1
}

# check_link LINE PAGE
check_link() {
	target=$man/${1#.so man?/}
	case $1 in
	".so man${2##*.}/"*".${2##*.}")
		;;
	*)
		bad "$2: a link to another section" ;;
	esac
	if [ ! -f "$target" ] || grep -q '^\.so' "$target"; then
		bad "$2: a link to no page"
	fi
}

check_page() {
	page=$1
	name=$scratch/$(basename "$page")-
	examples "$page" "$name"
	for source in "$name"*.c; do
		[ -f "$source" ] || continue
		program=${source%.c}
		programs=$((programs + 1))
		grep -q 'main(' "$source" || bad "$source: no whole program"
		build_and_run "$program" c
		[ -n "$CXX" ] || continue
		cp "$source" "$program.cc"
		build_and_run "$program" cc
	done
	section "$page" ERRORS | sed -n 's/^\.It Bq Er //p' | tr ' ' '\n' |
	    grep '^E[A-Z0-9]*$' | sort -u >"$scratch/errors"
	{
		echo '#include <errno.h>'
		while read -r errno; do
			echo "#ifndef $errno"
			echo "#error $page: no such errno: $errno"
			echo "#endif"
		done <"$scratch/errors"
	} >"$scratch/errno.c"
	# shellcheck disable=SC2086
	$CC $CPPFLAGS -E "$scratch/errno.c" 2>&1 >/dev/null | grep . &&
	    bad "$page: ERRORS"
}

programs=0
for page in "$man"/*.[1-8]; do
	[ -f "$page" ] || hard 'no page'
	link=$(grep '^\.so' "$page")
	if [ -n "$link" ]; then
		check_link "$link" "$page"
	else
		check_page "$page"
	fi
done
echo "$programs examples"
[ "$programs" -gt 0 ] || hard 'no example'

for function in $(public_functions); do
	page=$man/$function.3
	[ -f "$page" ] || {
		bad "no page for $function"
		continue
	}
	link=$(sed -n 's,^\.so man3/,,p' "$page")
	page=$man/${link:-$function.3}
	section "$page" NAME | grep -E "^\\.Nm $function( ,)?\$" >/dev/null ||
	    bad "$page: $function is not in NAME"
	section "$page" SYNOPSIS | grep -E "^\\.F[no] \"?$function\"?( |\$)" \
	    >/dev/null || bad "$page: $function is not in SYNOPSIS"
done

# One page for all of <spawnio/child.h>, without what others are made of.
page=$man/spawnio_child.3
for function in $(child_functions); do
	case $function in
	child_execute_in | child_is_elsewhere | child_join | child_limit_* |\
	child_sigdefault_from | child_sigdispose | child_span)
		continue ;;
	esac
	section "$page" SYNOPSIS | grep -E "^\\.F[no] $function( |\$)" \
	    >/dev/null || bad "$page: $function is not in SYNOPSIS"
done

[ "$verdict" = 0 ] || exit "$verdict"
have mandoc || skip 'the markup: no mandoc'
for page in "$man"/*.[1-8]; do
	grep -q '^\.so' "$page" ||
	    mandoc -T lint -W warning "$page" >"$scratch/lint" 2>&1
	if [ -s "$scratch/lint" ]; then
		cat "$scratch/lint"
		bad "$page: markup"
	fi
done
exit "$verdict"
