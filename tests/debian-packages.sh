#!/bin/sh
# Installs Debian packages that some tests run for real: `sh tests/debian-packages.sh prometheus postgresql`, as root.
# The tests start these programs themselves, on free ports. So no service of theirs is started here, now or at boot.
set -eu

[ $# -gt 0 ] || { echo "Usage: $0 PACKAGE …" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0 must be run by root. Nothing was installed." >&2; exit 2; }

policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
ours=
# apt-get waits for another one that runs; a mirror may fail once.
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null; }
twice() { "$@" || { echo "Trying once more." >&2; "$@"; }; }
# Recommended packages are left out: prometheus would bring a node-exporter that nobody asked for.
install() { apt install -y --no-install-recommends "$@" >/dev/null; }
remove_policy() { if [ -n "$ours" ]; then rm -f "$policy"; fi; }

echo "Installing Debian packages for the tests: $*"
trap remove_policy EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  # Debian asks this program before it starts a service; 101 is "do not". One that is there already is left alone.
  ours=yes
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
if ! { twice apt update && twice install "$@"; }; then
  echo "Not installed: $*. The tests that need them are skipped, and listed at the end; with CI=true they fail." >&2
  exit 0
fi
if [ -d /run/systemd/system ]; then
  for service in prometheus prometheus-alertmanager postgresql; do
    case " $* " in *" $service "*) systemctl disable --quiet --now "$service" 2>/dev/null || true ;; esac
  done
fi
echo "Installed: $*. None of them was started."
