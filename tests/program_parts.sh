# What the tests of the program share: counts, checks, and the program run with its exit status and words looked at. $dmft is the program.
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1"; }
skip() { passed=$((passed + 1)); echo "ok - $1 # skip $2"; }
holds() { local name=$1; shift; if "$@"; then ok "$name"; else bad "$name"; fi; }

# expect NAME STATUS PATTERN ARGUMENTS..: exit status, and a pattern in stdout and stderr together; an error is one line of stderr.
expect() {
    local name=$1 wanted=$2 pattern=$3 status
    shift 3
    "$dmft" "$@" >out 2>err </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ]; then bad "$name (status $status, wanted $wanted: $(head -c 300 err))"; return; fi
    if [ -n "$pattern" ] && ! cat out err | grep -qE -e "$pattern"; then bad "$name (no '$pattern' in: $(head -c 300 err))"; return; fi
    if [ "$status" -eq 2 ] && [ "$(wc -l <err)" -ne 1 ]; then bad "$name (not one line: $(cat err))"; return; fi
    if grep -q "HDF5" err && ! grep -q '^dmft: ' err; then bad "$name (HDF5 speaks: $(cat err))"; return; fi
    ok "$name"
}
