#!/bin/sh
# SPDX-License-Identifier: ISC
# A program that is run under the shim says what it says without, whichever the
# engine, and whatever else is preloaded; and the shim has run its commands.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"
# shellcheck source=t/shim-common
. "$top_srcdir/t/shim-common"

# calls FILE: popen and system by our engines.
calls() {
	grep -c '"engine":"\(avfork\|vfork\|fork\|posix_spawn\)"' "$1"
}

# same NAME [VARIABLE=VALUE]...: with these the program, and its threads, are
# traced, and say what they ought to.
same() {
	name=$1
	shift
	rm -f "$scratch/trace"
	: >"$scratch/out"
	for what in all threads; do
		under SPAWNIO_TRACE="$scratch/trace" "$@" "$program" $what \
		    >>"$scratch/out" 2>&1 </dev/null || bad "$name: status $?"
	done
	diff "$scratch/plain" "$scratch/out" || bad "$name"
	n=$(calls "$scratch/trace")
	[ "$n" -gt 80 ] || bad "$name: only $n calls came to the shim"
}

under "$program" all >"$scratch/plain" 2>&1 </dev/null ||
    hard 'without the shim'
[ -s "$scratch/plain" ] || hard 'it says nothing'
# What threads say is written here: musl's own popen() fails with EBADF when
# another thread closes a stream.
cat >>"$scratch/plain" <<'END'
thread: 0
thread: 0
thread: 0
thread: 0
threads: children: none
END

for engine in auto avfork vfork fork posix_spawn; do
	same "$engine" SPAWNIO_ENGINE=$engine LD_PRELOAD="$shim"
done

# fclose() is as glibc has it, also where libc is another.
cat >"$scratch/fclose" <<'END'
fclose: 1280
fclose: 1536
fclose: children: none
END
under LD_PRELOAD="$shim" "$program" fclose >"$scratch/out"
diff "$scratch/fclose" "$scratch/out" || bad fclose

# Another preloaded library, which counts what comes through.
cat >"$scratch/other.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
FILE *
popen(const char *command, const char *type)
{
	FILE *(*next)(const char *, const char *);
	*(void **)&next = dlsym(RTLD_NEXT, "popen");
	if (write(9, "o", 1) == -1)
		return NULL;
	return next(command, type);
}
int
pclose(FILE *file)
{
	int (*next)(FILE *);
	*(void **)&next = dlsym(RTLD_NEXT, "pclose");
	if (write(9, "c", 1) == -1)
		return -1;
	return next(file);
}
int
fclose(FILE *file)
{
	int (*next)(FILE *);
	*(void **)&next = dlsym(RTLD_NEXT, "fclose");
	return next(file);
}
int
system(const char *command)
{
	int (*next)(const char *);
	*(void **)&next = dlsym(RTLD_NEXT, "system");
	if (write(9, "s", 1) == -1)
		return -1;
	return next(command);
}
END
other=$scratch/other.so
# shellcheck disable=SC2086 # lists of flags
$CC $CPPFLAGS $CFLAGS $LDFLAGS -shared -fPIC -o "$other" "$scratch/other.c" ||
    hard 'no second library'
for preload in "$other:$shim" "$shim:$other"; do
	same "$preload" LD_PRELOAD="$preload" 9>"$scratch/seen"
done
# What came to it behind the shim: types that are libc's to take, system(NULL).
for letter in o c s; do
	grep $letter "$scratch/seen" >/dev/null || bad "behind the shim: no $letter"
done

# A plug-in has the functions of the shim too, unless it is bound to the C
# library, whose pclose() knows no stream of the shim.
cat >"$scratch/plug-in.c" <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
FILE *
plug_in_popen(const char *command, const char *type)
{
	return popen(command, type);
}
int
plug_in_pclose(FILE *file)
{
	return pclose(file);
}
int
plug_in_fclose(FILE *file)
{
	return fclose(file);
}
int
plug_in_system(const char *command)
{
	return system(command);
}
END
# shellcheck disable=SC2086 # lists of flags
$CC $CPPFLAGS $CFLAGS $LDFLAGS -shared -fPIC -o "$scratch/plug-in.so" \
    "$scratch/plug-in.c" || hard 'no plug-in'
cat >"$scratch/plug-in" <<'END'
its system: 256
its pclose of its own: 512
its fclose of its own: 768
our pclose of its: 1024
our fclose of its: 1280
all but ours: children: none
its pclose of ours: 1792
its fclose of ours: 2048
our pclose of ours: 2304
dlclose: 0
what it left: 1536
all: children: none
END
sed -e '/^its .* ours:/s/:.*/: 0/' -e '/^all:/s/none/left/' \
    "$scratch/plug-in" >"$scratch/deep-plug-in"

# plug_in HOW CALLS: how many of them the shim sees to the end.
plug_in() {
	rm -f "$scratch/trace"
	under SPAWNIO_TRACE="$scratch/trace" LD_PRELOAD="$shim" "$program" \
	    "$1" "$scratch/plug-in.so" >"$scratch/out" || bad "$1: status $?"
	diff "$scratch/$1" "$scratch/out" || bad "$1"
	n=$(grep -v '"status":null' "$scratch/trace" | calls -)
	[ "$n" = "$2" ] || bad "$1: $n calls came to the shim"
}
plug_in plug-in 9
if echo '#include <dlfcn.h>' | $CC -D_GNU_SOURCE -E -dM - |
    grep RTLD_DEEPBIND >/dev/null; then
	plug_in deep-plug-in 1
fi

# While the loader runs a plug-in's constructor, other threads close streams; and
# what the loader has to say outlives an fclose().
cat >"$scratch/thread.c" <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
static void *
close_streams(void *arg)
{
	pclose(popen("exit 0", "r"));
	fclose(fopen("/dev/null", "r"));
	return arg;
}
__attribute__((__constructor__)) static void
await_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, close_streams, NULL) == 0)
		pthread_join(thread, NULL);
}
END
# shellcheck disable=SC2086 # lists of flags
$CC $CPPFLAGS $CFLAGS -shared -fPIC -o "$scratch/thread.so" \
    "$scratch/thread.c" $LDFLAGS -lpthread || hard 'no plug-in with a thread'
under LD_PRELOAD="$shim" "$program" load "$scratch/thread.so" ||
    bad "a thread beside a constructor: status $?"
under LD_PRELOAD="$shim" "$program" fail-to-load "$scratch/none.so" ||
    bad 'fclose() takes dlerror() its message'

# Secure mode: the loader drops a preload with a path, so the shim is linked in,
# and what it leaves to others comes to the second library.
if [ "$(id -u)" -eq 0 ] && have setpriv; then
	chmod 755 "$scratch"
	cp "$shim" "$scratch"
	# shellcheck disable=SC2086
	$CC $CPPFLAGS $CFLAGS -o "$scratch/set-id" "$top_srcdir/t/shim.c" \
	    -Wl,--no-as-needed "$scratch/${shim##*/}" "$other" \
	    "-Wl,-rpath,$scratch" $LDFLAGS -lpthread ||
	    hard 'not linked'
	: >"$scratch/trace"
	chmod 666 "$scratch/trace"
	# try HOW SEEN: system, popen and pclose, and which the other has seen.
	try() {
		for call in system popen; do
			unprivileged env SPAWNIO_TRACE="$scratch/trace" \
			    "$scratch/set-id" $call 'exit 0' ||
			    bad "linked: $1: $call"
		done 9>"$scratch/seen"
		[ "$(cat "$scratch/seen")" = "$2" ] ||
		    bad "linked: $1: left to others: $(cat "$scratch/seen")"
	}
	try 'plain' ''
	[ "$(calls "$scratch/trace")" = 2 ] || bad 'linked in, it does nothing'
	chmod u+s,g+s "$scratch/set-id"
	: >"$scratch/trace"
	try 'set-user-ID' soc
	[ ! -s "$scratch/trace" ] || bad 'traces in secure mode'

	# The library is not inert there, but has no trace either.
	cp "$top_builddir/.libs/libspawnio.so"* "$scratch"
	# shellcheck disable=SC2086
	$CC $CPPFLAGS $CFLAGS -I "$top_srcdir/include" \
	    -include spawnio/compat.h -o "$scratch/set-id" \
	    "$top_srcdir/t/shim.c" -L "$scratch" "-Wl,-rpath,$scratch" \
	    $LDFLAGS -lspawnio -lpthread || hard 'not linked'
	try 'the library' ''
	[ "$(calls "$scratch/trace")" = 2 ] || bad 'the library does not trace'
	chmod u+s,g+s "$scratch/set-id"
	: >"$scratch/trace"
	try 'the library, set-user-ID' ''
	[ ! -s "$scratch/trace" ] || bad 'the library traces in secure mode'
fi
exit "$verdict"
