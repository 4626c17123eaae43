#!/bin/sh
# SPDX-License-Identifier: ISC
# Each file says its licence once, near its top; lines of C fit 80 columns and
# no line ends in white space.

# shellcheck source=t/common
. "${top_srcdir:?}/t/common"

# What git knows or would add; a release has no .git of its own, and may have
# been built in.
listed() {
	if [ -e .git ] && have git &&
	    git ls-files -co --exclude-standard 2>/dev/null | grep .; then
		return
	fi
	find . \( -name .git -o -name 'build*' -o -name _build -o -name m4 -o \
	    -name autom4te.cache -o -name '*.tmp' \) -prune -o -type f \
	    ! -name configure ! -name '*~' ! -name 'config.*' ! -name libtool \
	    -print
}

# kind FILE: what is asked of it, if it is a file that people write.
kind() {
	case $1 in
	*README.md | NEWS | COPYING | HACKING)
		echo prose ;;
	*.[chS])
		echo c ;;
	*.[1-8])
		# A link to a page has one line, and no comment.
		grep -q '^\.so ' "$1" || echo licensed ;;
	*.sh | *.py | *.map | *.pc.in | *.ac | *.am | *.yml | t/*common)
		echo licensed ;;
	*)
		! head -n 1 "$1" | grep -q '^#!' || echo licensed ;;
	esac
}

cd "$top_srcdir" || hard "no $top_srcdir"
listed | sed 's,^\./,,' >"$scratch/files"

files=0
while read -r file; do
	[ -f "$file" ] || continue
	kind=$(kind "$file")
	[ -n "$kind" ] || continue
	files=$((files + 1))
	LC_ALL=C awk -v kind="$kind" -v file="$file" '
	function say(what) {
		printf "%s:%d: %s\n", file, NR, what
		wrong = 1
	}
	function columns(line,  tab, n) {
		while (tab = index(line, "\t")) {
			n += tab - 1
			n += 8 - n % 8
			line = substr(line, tab + 1)
		}
		return n + length(line)
	}
	/[ \t\r]$/ { say("white space at the end") }
	kind == "c" && columns($0) > 80 { say("more than 80 columns") }
	/SPDX-[L]icense-Identifier/ {
		found++
		near = NR <= 3 && /SPDX-[L]icense-Identifier: ISC( \*\/)?$/
	}
	END {
		if (kind != "prose" && (found != 1 || !near))
			say("not one licence, ISC, near the top")
		exit wrong
	}' "$file" || verdict=1
done <"$scratch/files"
echo "$files files"
[ "$files" -gt 9 ] || hard 'hardly any file'
exit "$verdict"
