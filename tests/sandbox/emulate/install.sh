#!/bin/sh
# Installs what the sandbox is compared with into node_modules/ beside this file: once, and anew when the lock has changed.
# Where there is no npm, or no node for this machine, nothing happens: those tests are skipped, and listed at the end.
set -eu
cd "$(dirname "$0")"

stamp=node_modules/.installed-from
[ "$(uname -sm)" = "Linux x86_64" ] || exit 0
command -v npm >/dev/null || exit 0
! cmp -s package-lock.json "$stamp" || exit 0

echo "Installing emulate with npm, for the second opinion on the sandbox."
if npm ci --ignore-scripts --no-audit --no-fund --no-progress --no-update-notifier --loglevel=error >/dev/null; then
  cp package-lock.json "$stamp"
else
  echo "Not installed: emulate. The tests that need it are skipped, and listed at the end; with CI=true they fail." >&2
fi
