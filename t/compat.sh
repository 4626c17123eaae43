#!/bin/sh
# SPDX-License-Identifier: ISC
# <spawnio/compat.h> switches a source over that knows nothing of us, in C and
# C++ of any year, and leaves to it which features it asks of the headers.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

: "${CC:=cc}" "${CXX:=c++}"

cat >"$scratch/c.c" <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int (*run)(const char *) = system;
int
main(void)
{
	FILE *f = popen("exit 3", "r");
	char *text;
	int status;
	if (f == NULL || asprintf(&text, "exit %d", 4) == -1)
		return 1;
	status = run(text);
	free(text);
	return pclose(f) != 3 << 8 || status != 4 << 8;
}
END
cat >"$scratch/posix.c" <<'END'
#define _POSIX_C_SOURCE 200809L
#include <spawnio.h>
#include <stdlib.h>
#include <stdio.h>
int
main(void)
{
	FILE *f = popen("exit 3", "r");
	return f == NULL || pclose(f) != 3 << 8 || system("exit 4") != 4 << 8;
}
END
cat >"$scratch/cc.cc" <<'END'
#include <cstdlib>
#include <cstdio>
#include <string>
#include <stdlib.h>
#include <stdio.h>
int
main()
{
	std::string command("exit 3");
	std::FILE *f = popen(command.c_str(), "r");
	if (f == NULL || pclose(f) != 3 << 8)
		return 1;
	return std::system("exit 4") != 4 << 8 ||
	    ::system("exit 5") != 5 << 8 || system("exit 6") != 6 << 8;
}
END

# switched COMPILER SOURCE STANDARD
switched() {
	object=$scratch/object.o
	have "${1%% *}" || return 0
	# shellcheck disable=SC2086 # lists of flags
	if ! $1 $CPPFLAGS $CFLAGS "-std=$3" -Wall -Wextra -Werror \
	    -I "$top_srcdir/include" -include spawnio/compat.h \
	    -c -o "$object" "$scratch/$2" >"$scratch/log" 2>&1; then
		cat "$scratch/log"
		bad "$1 $2 as $3: does not compile"
		return
	fi
	${NM:-nm} -u "$object" | grep -E ' (popen|pclose|system)(@|$)' &&
	    bad "$1 $2 as $3: libc's"
	# shellcheck disable=SC2086
	${LIBTOOL:-$top_builddir/libtool} --silent --tag=CC --mode=link \
	    $1 $CFLAGS $LDFLAGS -no-install -o "$scratch/switched" "$object" \
	    "$top_builddir/libspawnio.la" >"$scratch/log" 2>&1
	"$scratch/switched" || bad "$1 $2 as $3: does not run"
}

for standard in gnu89 c99 gnu17; do
	switched "$CC" c.c $standard
	switched "$CC" posix.c $standard
done
if ! one_libc; then
	[ "$verdict" = 0 ] || exit 1
	skip "the rest: $CXX is for another C library than $CC"
fi
for standard in c++98 c++17; do
	switched "$CXX" cc.cc $standard
done
exit "$verdict"
