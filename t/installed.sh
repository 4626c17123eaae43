#!/bin/sh
# SPDX-License-Identifier: ISC
# What is installed is all that a program needs to be built by pkg-config, as C
# and as C++, shared and static; and all of it goes again.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

: "${CC:=cc}" "${CXX:=c++}" "${OBJDUMP:=objdump}"
have pkg-config || skip 'no pkg-config'

root=$scratch/root
mkdir "$root" "$scratch/static"
own_make -C "$top_builddir" install DESTDIR="$root" >"$scratch/log" 2>&1 || {
	tail "$scratch/log"
	hard 'make install'
}

for page in "$top_srcdir"/man/*.[1-8]; do
	find "$root" -name "${page##*/}" | grep . >/dev/null ||
	    bad "${page##*/} is not installed"
done
pc=$(find "$root" -name libspawnio.pc)
[ -n "$pc" ] || hard 'libspawnio.pc is not installed'

# The linker takes a shared library where it finds both.
archive=$(find "$root" -name libspawnio.a)
shared=$(find "$root" -name 'libspawnio.so')
[ -z "$archive" ] || cp "$archive" "$scratch/static"

export PKG_CONFIG_LIBDIR="${pc%/*}" PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
unset PKG_CONFIG_PATH SPAWNIO_ENGINE

# program NEEDED COMPILER OPTION...: build it, run it; does it want the shared
# library, yes or no?
program() {
	wanted=$1
	compiler=$2
	shift 2
	rm -f "$scratch/probe"
	# shellcheck disable=SC2046,SC2086 # lists of flags
	$compiler $CFLAGS $(pkg-config --cflags libspawnio) \
	    -o "$scratch/probe" "$source" $LDFLAGS "$@" >"$scratch/log" 2>&1 ||
	    {
		cat "$scratch/log"
		bad "$compiler $*: does not build"
		return
	}
	needed=no
	$OBJDUMP -p "$scratch/probe" | grep 'NEEDED.*libspawnio' >/dev/null &&
	    needed=yes
	[ "$needed" = "$wanted" ] || bad "$compiler $*: shared: $needed"
	LD_LIBRARY_PATH="${shared%/*}" "$scratch/probe" ||
	    bad "$compiler $*: does not run"
}

cp "$top_srcdir/t/probe.c" "$scratch/probe.c"
cp "$top_srcdir/t/probe.c" "$scratch/probe.cc"
for source in "$scratch/probe.c" "$scratch/probe.cc"; do
	compiler=$CC
	[ "$source" = "$scratch/probe.c" ] || compiler=$CXX
	have "${compiler%% *}" || continue
	# shellcheck disable=SC2046
	[ -z "$shared" ] ||
	    program yes "$compiler" $(pkg-config --libs libspawnio)
	# shellcheck disable=SC2046
	[ -z "$archive" ] || program no "$compiler" "-L$scratch/static" \
	    $(pkg-config --static --libs libspawnio)
done

own_make -C "$top_builddir" uninstall DESTDIR="$root" >"$scratch/log" 2>&1 ||
    bad 'make uninstall'
find "$root" ! -type d | grep . && bad 'left behind by make uninstall'
exit "$verdict"
