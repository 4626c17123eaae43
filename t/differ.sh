#!/bin/sh
# SPDX-License-Identifier: ISC
# Commands run by libc and by ours are the same, for each shell as /bin/sh: see
# differ.c.
#
#	t/differ.sh [COUNT [SEED [FILE]]]
#
# COUNT commands are generated for each shell, or those of FILE are taken.  A
# million takes an hour of two CPUs.
set -eu

: "${top_srcdir:=..}" "${top_builddir:=.}" "${CC:=cc}"
count=${1:-${SPAWNIO_DIFFER:-500}}
seed=${2:-1}
file=${3-}
differ=$top_builddir/t/differ

[ -x "$differ" ] || { echo 'skipped: no engine of our own'; exit 77; }
case ${CFLAGS-} in
*-fsanitize=*) echo 'skipped: a sanitizer wants /proc'; exit 77 ;;
esac
if [ "$(id -u)" != 0 ]; then
	[ -z "${SPIO_INSIDE-}" ] || exit 77
	unshare -Urm true 2>/dev/null || { echo 'skipped: no root'; exit 77; }
	SPIO_INSIDE=1 exec unshare -Urm "$0" "$@"
fi

root=$(mktemp -d)
trap 'umount "$root/dev/null" 2>/dev/null || :; rm -rf --one-file-system "$root"' \
    EXIT
trap 'exit 1' HUP INT TERM

# libraries program: those that it is linked to, as its C library tells
libraries() {
	{
		ldd "$1" || "/lib/ld-musl-$(uname -m).so.1" --list "$1"
	} 2>/dev/null | sed -n 's,^[^/]*\(/[^ ]*\) (0x.*,\1,p'
}

copy() {
	for program; do
		for file_ in "$program" $(libraries "$program"); do
			mkdir -p "$root$(dirname "$file_")"
			cp -L "$file_" "$root$file_"
		done
	done
}

mkdir -p "$root/bin" "$root/dev" "$root/spies" "$root/scripts" "$root/folder" \
    "$root/output" "$root/desk" "$root/tmp"
$CC -static -O1 -o "$root/spies/spy" "$top_srcdir/t/spy.c" ||
    { echo 'skipped: no static C library'; exit 77; }
for name in a b-c x.y Foo_1; do
	ln -s spy "$root/spies/$name"
done
cp "$root/spies/spy" "$root/spies/noexec"
chmod 644 "$root/spies/noexec"
mkdir "$root/spies/folder"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$0" "$@"\n' >"$root/scripts/script"
# shellcheck disable=SC2016
printf 'echo text "$0" "$@"\n' >"$root/scripts/text"
cp "$root/spies/spy" "$root/scripts/notmine"
chmod 755 "$root/scripts/script" "$root/scripts/text"
chmod 700 "$root/scripts/notmine"
ln -s desk "$root/link"
mknod -m 666 "$root/dev/null" c 1 3 2>/dev/null ||
    { : >"$root/dev/null" && mount --bind /dev/null "$root/dev/null"; }
: >"$root/record"
chmod 755 "$root"
chmod 666 "$root/record"
chmod 777 "$root/output" "$root/desk" "$root/tmp"
if [ -n "$file" ]; then
	# As t/coverage reads it.  The programs that are named: spies, all of them.
	sed -e '/^#/d' -e 's/^[^	]*	//' -e 's/%{[^}]*}/x/g' \
	    -e 's/%[-0-9.]*l*[a-zA-Z]/x/g' -e 's/\\n/ /g' -e 's/\\\\/\\/g' \
	    "$file" >"$root/commands"
	# shellcheck disable=SC1003
	tr -s ' \t;|&"()`\\' '\n' <"$root/commands" |
	    grep -x '[A-Za-z0-9_.+-]*' | sort -u |
	while read -r name; do
		[ -e "$root/spies/$name" ] || ln -s spy "$root/spies/$name"
	done
fi

status=0
for shell in dash bash busybox; do
	path=$(command -v "$shell") || { echo "$shell is not here"; continue; }
	copy "$(readlink -f "$path")"
	rm -f "$root/bin/sh" "$root/busybox"
	[ "$shell" != busybox ] || : >"$root/busybox"
	ln -s "$(readlink -f "$path")" "$root/bin/sh"
	echo "== $shell, seed $seed"
	if [ -n "$file" ]; then
		"$differ" "$root" "$seed" -f "$root/commands" || status=1
	else
		"$differ" "$root" "$seed" "$count" || status=1
	fi
done
exit $status
