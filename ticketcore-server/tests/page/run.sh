#!/bin/sh
# Browser test of the page: `run.sh [BASE_URL [SCREENSHOT_DIR]]`. Without a URL against the mock server of this folder.
# Needs Node and Debian's chromium (`apt-get install -y chromium`, or CHROMIUM=path).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export PLAYWRIGHT="$root/target/page-test"
if [ ! -d "$PLAYWRIGHT/node_modules/playwright-core" ]; then
    mkdir -p "$PLAYWRIGHT"
    echo '{"private":true}' >"$PLAYWRIGHT/package.json"
    (cd "$PLAYWRIGHT" && npm install --no-audit --no-fund --silent playwright-core@1.65.1)
fi
node --test "$here/units.test.mjs"
shots=${2:-"$root/target/page-shots"}
if [ $# -ge 1 ]; then
    exec node "$here/run.mjs" "$1" "$shots"
fi
log="$PLAYWRIGHT/mock.log"
node "$here/mock.mjs" --moving >"$log" &
mock=$!
trap 'kill $mock' EXIT
until grep -q http "$log"; do sleep 0.1; done
node "$here/run.mjs" "$(cat "$log")" "$shots"
