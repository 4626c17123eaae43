#!/bin/sh
# SPDX-License-Identifier: ISC
# What the library exports is what spawnio.h declares, and a static archive,
# which has no version script, keeps to our prefixes.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

libs=${top_builddir:?}/.libs
prefixes='^(spopen$|spclose$|ssystem$|avfork$|spawnio_|spio_)'
# The compiler's own, in an instrumented or a 32-bit position independent build.
compilers='^(__odr_asan|__(gcov|llvm|profc|profd)_|__x86\.get_pc_thunk)'

same() {
	diff "$1" "$2" || bad "$3"
}

in_map() {
	sed 's/#.*//' "$top_srcdir/lib/$1" | tr -d ' \t' | awk '
	/^local:/ || /^}/ { global = 0 }
	global && sub(/;$/, "") { print }
	/^global:/ { global = 1 }' | sort -u
}

in_map libspawnio.map >"$scratch/map"
public_functions >"$scratch/header"
[ -s "$scratch/map" ] || hard 'no name found in the map'
same "$scratch/header" "$scratch/map" 'spawnio.h (<) and the map (>) differ'

# exported FILE.  Versions are symbols too, absolute ones.
exported() {
	${NM:-nm} -D --defined-only "$1" |
	    awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

seen=0
if [ -f "$libs/libspawnio-preload.so" ]; then
	in_map libspawnio-preload.map >"$scratch/map-of-shim"
	[ -s "$scratch/map-of-shim" ] || hard 'no name found in the map'
	exported "$libs/libspawnio-preload.so" >"$scratch/shim"
	same "$scratch/map-of-shim" "$scratch/shim" \
	    'the map (<) and the shim (>) differ'
fi

if [ -f "$libs/libspawnio.so" ]; then
	seen=1
	exported "$libs/libspawnio.so" >"$scratch/shared"
	same "$scratch/map" "$scratch/shared" \
	    'the map (<) and the shared library (>) differ'
fi

if [ -f "$libs/libspawnio.a" ]; then
	seen=1
	${NM:-nm} -g --defined-only "$libs/libspawnio.a" |
	    awk 'NF == 3 { print $3 }' | sort -u >"$scratch/static"
	comm -23 "$scratch/map" "$scratch/static" >"$scratch/missing"
	same /dev/null "$scratch/missing" \
	    'public names (>) missing from the static library'
	grep -Ev -e "$prefixes" -e "$compilers" "$scratch/static" \
	    >"$scratch/stray"
	same /dev/null "$scratch/stray" \
	    'names (>) without a prefix of ours in the static library'
fi

[ "$seen" = 1 ] || [ "$verdict" = 1 ] || skip 'no library in the build folder'
exit "$verdict"
