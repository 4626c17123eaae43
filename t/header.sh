#!/bin/sh
# SPDX-License-Identifier: ISC
# Applications choose their language and its year: each public header compiles
# alone, twice in a row, in the oldest and the newest with no warning.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

alone=$scratch/alone.c

# takes COMPILER LANGUAGE STANDARD: whether alone.c compiles.
takes() {
	# shellcheck disable=SC2086 # the compiler may come with options
	$1 -x "$2" "-std=$3" -pedantic-errors -Wall -Wextra -Wundef -Werror \
	    -fsyntax-only -I "$top_srcdir/include" "$alone" \
	    >"$scratch/log" 2>&1
}

# each_header COMPILER LANGUAGE STANDARD...
each_header() {
	compiler=$1
	language=$2
	shift 2
	have "${compiler%% *}" || return 0
	for standard; do
		echo 'int main(void) { return 0; }' >"$alone"
		takes "$compiler" "$language" "$standard" || {
			echo "$compiler has no $standard"
			continue
		}
		seen=$((seen + 1))
		echo 'int f(int a) { if (a = 1) return 2; return a; }' >"$alone"
		if takes "$compiler" "$language" "$standard"; then
			hard "$compiler passes a warning over in $standard"
		fi
		for header in $headers; do
			echo "#include <$header>" >"$alone"
			echo "#include <$header>" >>"$alone"
			# Macros alone are no translation unit.
			echo 'extern int nothing;' >>"$alone"
			takes "$compiler" "$language" "$standard" || {
				cat "$scratch/log"
				bad "$compiler: <$header> as $standard"
			}
		done
	done
}

# Those with system calls say so where they are not for this CPU.
is_foreign() {
	echo "#include <$1>" >"$alone"
	${CC:-cc} -E -I "$top_srcdir/include" "$alone" 2>&1 >/dev/null |
	    grep 'not this CPU'
}

headers=
for header in $(cd "$top_srcdir/include" && find . -name '*.h'); do
	is_foreign "${header#./}" || headers="$headers ${header#./}"
done
[ -n "$headers" ] || hard 'no header under include'

seen=0
for cc in "${CC:-cc}" gcc clang; do
	each_header "$cc" c c89 c99 c11 c17
done
for cxx in "${CXX:-c++}" g++ clang++; do
	each_header "$cxx" c++ c++98 c++17
done
[ "$seen" -gt 0 ] || hard 'no compiler'
echo "$seen compilers and standards"
exit "$verdict"
