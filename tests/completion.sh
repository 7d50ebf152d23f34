#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# completion.sh PTRAP-NG SCRIPT: the completion reads the options out of --help.
# TAP.
set -u
program=$1
# shellcheck source=scripts/completion/ptrap-ng
. "$2" || exit 1
number=0

check() {	# PREVIOUS_WORD WORD EXPECTED...
	local prev=$1 cur=$2
	shift 2
	_ptrap_ng "$program" "$cur" "$prev"
	number=$((number + 1))
	if [ "${COMPREPLY[*]}" = "$*" ]; then
		echo "ok $number - $prev $cur"
	else
		echo "not ok $number - $prev $cur: ${COMPREPLY[*]}"
	fi
}

echo 1..10
check ptrap-ng --ho --hold --hold-all
check -u --exe --exec --exec-time
check ptrap-ng -Q -Q
check --proto ic icmp icmp6
check -o '' json text
check -s ''
check --enforce /dev/nul /dev/null
check --queue ''
check -1 an any
check --address an any
