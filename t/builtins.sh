#!/bin/sh
# SPDX-License-Identifier: ISC
# lib/builtins.h has every word that a shell knows itself, in the order that
# bsearch(3) needs; a word that it lacks would be looked for in PATH.
#
# What could be such a word is taken from the shell's own lists, and from the
# strings in its program; which of them are, the shell is asked, where PATH has
# no program but an echo.  Path-bound builtins, which ksh has, are no words.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

LC_ALL=C
export LC_ALL
header=$top_srcdir/lib/builtins.h
known=$scratch/known

# own_list SHELL: a script that prints words that it has
# shellcheck disable=SC2016 # the shell that runs it is another one
own_list() {
	case $1 in
	bash) echo 'enable -a; compgen -k; compgen -b; alias' ;;
	busybox) echo 'help; alias' ;;
	ksh) echo 'builtin; alias' ;;
	zsh) echo 'print -l ${(k)builtins} ${(k)reswords} ${(k)aliases}' ;;
	*) echo alias ;;
	esac
}

# ask SHELL NAME FILE: run by SHELL that is called NAME
ask() {
	case $1 in
	busybox) set -- "$1" sh "$3" ;;
	zsh) set -- "$1" "$2" -f "$3" ;;
	esac
	ask_shell=$1
	ask_path=$scratch/$ask_shell/$2
	shift 2
	(cd "$scratch/empty" && env -i PATH="$scratch/path" LC_ALL=C \
	    "$ask_path" "$@" </dev/null 2>/dev/null) || :
}

# Words that can be a program's name to lib/parse.c, or are very short.  The
# linker lets a string be the end of another, so all that words end with is a
# word too.
candidates() {
	grep -aoE '[][A-Za-z0-9_+.:@!{}-]+' "$1" | sort -u | awk '
	{
		for (i = length > 15 ? length - 14 : 1; i <= length; i++) {
			word = substr($0, i)
			if ((word ~ /^[A-Za-z0-9_][A-Za-z0-9_+.:@-]*$/ ||
			    length(word) <= 2) && !seen[word]++)
				print word
		}
	}'
}

# words_of SHELL NAME
words_of() {
	case $1 in
	# Some of its builtins are there only if PATH has a like program; where
	# it is POSIX's, it has none of these options.
	yash) lookup="{ command -v -- '&' || command -abkv -- '&'; }" ;;
	*) lookup="command -v -- '&'" ;;
	esac
	cat "$scratch/candidates" "$known" |
	    sed "s/.*/$lookup \\&\\& echo '= &'/" >"$scratch/questions"
	ask "$1" "$2" "$scratch/questions" | sed -n 's/^= //p'
}

# check SHELL NAME: no word is missing from the header
check() {
	words_of "$1" "$2" | sort -u >"$scratch/words"
	n=$(wc -l <"$scratch/words")
	echo "$1, called $2: $n words"
	[ "$n" -gt 30 ] || bad "$1 does not say which words it has"
	comm -23 "$scratch/words" "$known" >"$scratch/missing"
	[ ! -s "$scratch/missing" ] ||
		bad "words of $1 that are not in builtins.h:" \
		    "$(tr '\n' ' ' <"$scratch/missing")"
}

sed -n '/^static/,/^}/p' "$header" | grep -o '"[^"]*"' | tr -d '"' >"$known"
[ -s "$known" ] || hard "no word in $header"
sort -cu "$known" 2>"$scratch/disorder" ||
	bad "not in the order of strcmp, or twice: $(cat "$scratch/disorder")"
sort -o "$known" -u "$known"
most=$(sed -n 's/.*BUILTIN_LENGTH[^0-9]*\([0-9]*\).*/\1/p' "$header" | head -n 1)
awk -v most="$most" 'length > most { exit 1 }' "$known" ||
	bad "a word is longer than $most"

# yash has an echo only where PATH has one.
mkdir "$scratch/empty" "$scratch/path"
: >"$scratch/path/echo"
chmod 755 "$scratch/path/echo"
found=
for shell in dash bash busybox ksh zsh yash; do
	program=$(command -v "$shell") ||
		{ echo "skipped: no $shell"; continue; }
	found=yes
	mkdir "$scratch/$shell"
	ln -s "$(readlink -f "$program")" "$scratch/$shell/$shell"
	ln -s "$(readlink -f "$program")" "$scratch/$shell/sh"
	own_list "$shell" >"$scratch/list"
	{
		ask "$shell" "$shell" "$scratch/list"
		cat "$program"
	} >"$scratch/text"
	candidates "$scratch/text" >"$scratch/candidates"
	[ "$shell" = busybox ] || check "$shell" "$shell"
	check "$shell" sh
done
[ -n "$found" ] || [ "$verdict" -ne 0 ] || skip 'no shell that is known'
exit "$verdict"
