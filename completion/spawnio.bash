# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Completion of spawnio(1) for bash.

_spawnio() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local engines='auto avfork vfork fork posix_spawn'
	local options='--engine= --shell= --explain= --summary --trace --trace='
	options+=' --help --version'
	local i

	# From the program's name on, it is that program's line.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]},${COMP_WORDS[i + 1]-} in
		-*,=)
			((i += 2)) ;;
		-[eSx],* | -s[eSx],* | --engine,* | --shell,* | --explain,*)
			((i++)) ;;
		-*)	;;
		*)
			if declare -F _command_offset >/dev/null; then
				_command_offset "$i"
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return ;;
		esac
	done
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [ "$prev" = --trace ]; then
		prev=
	fi
	case $prev,$cur in
	-e,* | -se,* | --engine,*)
		mapfile -t COMPREPLY < <(compgen -W "$engines" -- "$cur") ;;
	-S,* | -sS,* | --shell,*)
		mapfile -t COMPREPLY < <(compgen -W 'auto always' -- "$cur") ;;
	-x,* | -sx,* | --explain,*) ;;
	--trace,*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*,-*)
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		[[ ${COMPREPLY-} != *= ]] || compopt -o nospace ;;
	*)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	esac
}

complete -F _spawnio spawnio
