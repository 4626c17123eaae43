#!/bin/sh
# SPDX-License-Identifier: ISC
# The child shares the parent's memory and bears the thread pointer of a thread
# that may be gone: whatever a compiler is told to put into everybody's code,
# the child's object calls nothing and reads no thread pointer.  No more does what
# <spawnio/child.h> becomes in the code of others, whose flags are not ours.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

[ "$NATIVE" != 0 ] || skip 'no native engine in this build'
: "${NM:=nm}" "${OBJDUMP:=objdump}"
have "${OBJDUMP%% *}" || skip "no $OBJDUMP"

# x86, aarch64, riscv64, arm, ppc64le, s390x; a relocation may say more than the
# instruction.
thread_pointer='%[fg]s:|tpidr|[[:blank:],(]tp([,)]|$)|[[:blank:]]ear[[:blank:]]'
thread_pointer="$thread_pointer|[[:blank:]]mrc[[:blank:]].*cr13, cr0"
thread_pointer="$thread_pointer|[[:blank:],(]r13([,)]|\$)"
thread_pointer="$thread_pointer|R_[A-Z0-9_]*(TLS|TPOFF|TPREL)"
system_call='[[:blank:]](syscall|svc|ecall|sc|int)([[:blank:]]|$)'

# What the linker defines in each program: where its tables are, and, for ppc64,
# the functions by which others save registers on their own stack.
linker='_GLOBAL_OFFSET_TABLE_|\.TOC\.|_(save|rest)gpr[01]_[0-9]+'

# What a sanitizer's constructor calls, of which each object has one; it can be
# unwound, too.
constructor='__[a-z]+_init|__asan_(un)?register_globals|__aeabi_unwind_cpp_pr.'
constructor="$constructor|__asan_version_mismatch_check_v[0-9]+"

# undefined OBJECT...: each object's undefined symbols, one a line.
undefined() {
	$NM -u "$@" | grep -v -e ':$' -e '^$' |
	    grep -vE " U ($linker|$constructor)\$"
}

# instructions OBJECT EXPRESSION: those that match.
instructions() {
	$OBJDUMP -dr "$1" | grep -E '^ +[0-9a-f]+:|R_' | grep -E -e "$2"
}

check() {
	for object; do
		if undefined "$object"; then
			bad "$object: undefined symbols"
		fi
		if instructions "$object" "$thread_pointer"; then
			bad "$object: the thread pointer"
		fi
		instructions "$object" "$system_call" >/dev/null ||
		    bad "$object: not even a system call, what is this?"
	done
}

# check_folder FOLDER: as libtool names them, for one library or for both.
check_folder() {
	for half in child clone; do
		objects=$(find "$1/lib" \( -name "$half.o" -o \
		    -name "*-$half.o" \) -type f)
		[ -n "$objects" ] || hard "no object of $half"
		# shellcheck disable=SC2086 # names without blanks
		check $objects
	done
}

# A check that sees nothing would be content with anything.
cat >"$scratch/bad.c" <<'END'
extern int elsewhere(void);
static __thread int mine;
int *bad(void);
int *
bad(void)
{
	mine = elsewhere();
	return &mine;
}
END
$CC -ftls-model=local-exec -c -o "$scratch/bad.o" "$scratch/bad.c" ||
    hard 'no compiler'
undefined "$scratch/bad.o" | grep elsewhere >/dev/null ||
    hard "$NM does not show an undefined symbol"
instructions "$scratch/bad.o" "$thread_pointer" >/dev/null ||
    hard "$OBJDUMP does not show the thread pointer"

# Every function of the public headers, by its address: no compiler leaves it
# out.
{
	echo '#include <spawnio/child.h>'
	echo 'extern void *const every[];'
	echo 'void *const every[] = {'
	child_functions | sed 's/.*/	(void *)&,/'
	echo '};'
} >"$scratch/every.c"
[ "$(grep -c '(void \*)' "$scratch/every.c")" -gt 50 ] ||
    hard 'hardly any function found in child.h'

# knows COMPILER ATTRIBUTE
knows() {
	printf '#if !__has_attribute(%s)\n#error no\n#endif\n' "$2" |
	    $1 -E - >/dev/null 2>&1
}

# others COMPILER: the usual flags, and what distributions add.
others() {
	have "${1%% *}" || return 0
	echo 'int x;' >"$scratch/x.c"
	while read -r attribute flags; do
		[ "$attribute" = any ] || knows "$1" "$attribute" || continue
		# shellcheck disable=SC2086 # a list
		$1 $flags -Werror -c -o "$scratch/x.o" "$scratch/x.c" \
		    >/dev/null 2>&1 || continue
		echo "$1 $flags"
		seen=$((seen + 1))
		# shellcheck disable=SC2086
		if $1 $flags -I "$top_srcdir/include" \
		    -c -o "$scratch/every.o" "$scratch/every.c"; then
			check "$scratch/every.o"
		else
			bad 'does not compile'
		fi
	done <<'END'
any -O0
any -O2
any -O3 -fPIC
any -Os
any -O2 -D_FORTIFY_SOURCE=2 -fstack-clash-protection -fcf-protection
no_stack_protector -O2 -fstack-protector-strong
no_stack_protector -O0 -fstack-protector-strong
uninitialized -O2 -ftrivial-auto-var-init=pattern
no_sanitize_coverage -O0 -fsanitize=thread
no_sanitize_coverage -O2 -fsanitize=address
no_sanitize_coverage -O0 -fsanitize-coverage=trace-pc
disable_sanitizer_instrumentation -O0 -fsanitize=thread
disable_sanitizer_instrumentation -O2 -fsanitize=thread
disable_sanitizer_instrumentation -O2 -fsanitize=address
disable_sanitizer_instrumentation -O0 -fsanitize=memory
disable_sanitizer_instrumentation -O0 -fsanitize=safe-stack
disable_sanitizer_instrumentation -O0 -fsanitize-coverage=trace-pc
no_instrument_function -O0 -finstrument-functions
no_instrument_function -O0 -pg
END
}

seen=0
others "$CC"
# Debian's clang compiles for all CPUs, but does not know where headers are.
machine=$($CC -dumpmachine)
case $CC in
*clang*)	others gcc ;;
*)
	if [ "$machine" = "$(gcc -dumpmachine)" ]; then
		others clang
	elif [ -d "/usr/$machine/include" ]; then
		# It knows a sanitizer where it cannot compile for it.
		others "clang --target=$machine -fno-crash-diagnostics \
		    -isystem /usr/$machine/include"
	fi
	;;
esac
[ "$seen" -gt 4 ] || hard 'hardly any flags tried'

check_folder "$top_builddir"
if [ -f "$top_srcdir/config.status" ]; then
	[ "$verdict" = 0 ] || exit 1
	skip 'the rest: the source folder is a build folder'
fi

# What configure made, in another folder, for other flags.
srcdir=$(cd "$top_srcdir" && pwd)
for made in Makefile libtool lib; do
	cp -Rp "$top_builddir/$made" "$scratch" || hard "no $made"
done
cd "$scratch" || hard 'no scratch folder'
# They name the sources as seen from the other folder; make writes new ones.
find . -name '*.Plo' -exec rm -f {} +

# Each group as far as the compiler knows its flags.
echo 'int x;' >x.c
while read -r group; do
	flags=
	for flag in $group; do
		if $CC -Werror "$flag" -c -o x.o x.c >/dev/null 2>&1; then
			flags="$flags $flag"
		fi
	done
	[ -n "$flags" ] || continue
	echo "CFLAGS='${flags# }'"
	find . \( -name '*.o' -o -name '*.l[ao]' \) -exec rm -f {} +
	own_make -o Makefile srcdir="$srcdir" top_srcdir="$srcdir" \
	    VPATH="$srcdir" CFLAGS="${flags# }" libchild.la >log 2>&1 || {
		cat log
		bad 'make'
		continue
	}
	check_folder .
done <<'END'
-fstack-protector-all -pg -fsanitize=thread -O0 -ftrivial-auto-var-init=pattern
-O3 -flto
-Os -fsanitize=address,undefined
-finstrument-functions -fprofile-generate -fsplit-stack -ftrapv
-O2 --coverage -fsanitize=safe-stack
-O2 -fsanitize-coverage=trace-pc
END
exit "$verdict"
