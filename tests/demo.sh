#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The demonstration of scripts/run catches its own client; TAP.
cd "$(dirname "$0")/.." || exit 1
echo 1..4
if ! unshare --net true 2>/dev/null &&
	! unshare --map-root-user --net true 2>/dev/null; then
	for t in 1 2 3 4; do
		echo "ok $t # SKIP no namespace may be made here"
	done
	exit 0
fi
out=$(scripts/run 2>&1)
status=$?
n=0
check() {	# NAME COMMAND...
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "$out" | sed 's/^/# /'
	fi
}
shows() { echo "$out" | grep -Eq "$1"; }
check "status" [ $status = 0 ]
event='.* demo_dns\[\([0-9]*\)\].* ask 192\.168\.1\.1 example\.org.*'
pid=$(echo "$out" | sed -n "s/$event/\1/p" | head -n 1)
check "the client is named" [ -n "$pid" ]
check "the tree shows it under its shell" \
	shows "bash\([0-9]+\)[^ a-z]+demo_dns\(${pid:-none}\)"
check "the client got its answer" \
	shows '^example\.org has address 192\.0\.2\.53$'
