#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# levels.sh SOURCE_ROOT: no module includes one of its own level or above.
# TAP, one line a file.
cd "${1:-.}" || exit 1
for f in include/*.h src/*.c; do echo "$f"; done | awk '
	FILENAME == "tests/levels" {
		if ($1 ~ /^[0-9.]+$/)
			for (i = 2; i <= NF; i++) level[$i] = $1 + 0
		next
	}
	{
		mod = $0; sub(/.*\//, "", mod); sub(/\.[ch]$/, "", mod)
		bad = ""
		if (!(mod in level)) bad = " (not in tests/levels)"
		while ((getline line < $0) > 0) {
			if (line !~ /^#include "/) continue
			split(line, q, "\""); inc = q[2]; sub(/\.h$/, "", inc)
			if (inc == mod || index(mod, inc "_") == 1) continue
			if (!(inc in level)) bad = bad " (unknown " inc ")"
			else if (level[inc] >= level[mod]) bad = bad " (" inc ")"
		}
		n++
		if (bad != "") printf "not ok %d - %s includes%s\n", n, $0, bad
		else printf "ok %d - %s\n", n, $0
	}
	END { printf "1..%d\n", n }
' tests/levels - 
