# Sourced by scripts/demo and scripts/test: a virtual environment with the project in it, made once, quick after.
# usage: setup_environment EXTRAS   e.g. setup_environment "" or setup_environment "dev,postgres"

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    say "Python 3.11 or newer is needed (Debian 12: apt-get install python3 python3-venv)."
    exit 1
}

# Debian packages that are missing are installed when we are root, else named.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" = 0 ]; then
        say "Installing Debian packages: ${missing[*]}"
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
    else
        say "Missing Debian packages: ${missing[*]}"
        say "Install them with: sudo apt-get install ${missing[*]}"
        return 1
    fi
}

# Runs a command that installs packages without any service of theirs being started, now or at the next boot.
# usage: unstarted SERVICE COMMAND...
unstarted() {
    local service="$1" policy=/usr/sbin/policy-rc.d ours="" status=0
    shift
    if [ "$(id -u)" = 0 ]; then
        if [ ! -e "$policy" ]; then
            ours=yes
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
        fi
        if [ ! -e "/etc/systemd/system/$service.service" ] && [ -d /etc/systemd/system ]; then
            ln -s /dev/null "/etc/systemd/system/$service.service"
        fi
    fi
    "$@" || status=$?
    [ -z "$ours" ] || rm -f "$policy"
    return "$status"
}

setup_environment() {
    local extras="${1:-}" python stamp want
    cd "$root"
    want="$(sha256sum pyproject.toml | cut -d' ' -f1) [$extras]"
    stamp=.venv/.installed
    if [ -f "$stamp" ] && grep -qxF "$want" "$stamp" && [ -x .venv/bin/hotline ]; then
        return
    fi
    python="$(find_python)"
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv || exit 1
        say "Making a virtual environment in .venv"
        "$python" -m venv .venv
    fi
    say "Installing the line and what it stands on (once; some minutes)"
    .venv/bin/python -m pip install --disable-pip-version-check -q -e ".${extras:+[$extras]}"
    grep -qxF "$want" "$stamp" 2>/dev/null || echo "$want" >>"$stamp"
}
