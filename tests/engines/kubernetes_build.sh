#!/usr/bin/env bash
# Builds kube-apiserver, kube-scheduler and kube-controller-manager of Debian's own source package, for Debian
# packages only the client, which is installed where there is none. Every dependency is inside that source:
# nothing else is fetched. As root; 35 MB to fetch, 3 to 15 minutes on two cores, 3 GB of disk meanwhile, 160 MB
# kept. Nothing is done where they are.
#
#     tests/engines/kubernetes_build.sh [FOLDER]      # else $HESUAN_K8S_BIN, else /var/cache/hesuan-k8s
set -euo pipefail
into=${1:-${HESUAN_K8S_BIN:-/var/cache/hesuan-k8s}}
programs=(kube-apiserver kube-scheduler kube-controller-manager)
packages=(etcd-server golang-go dpkg-dev jq rsync make)

built() {
  local program
  for program in "${programs[@]}"; do [ -x "$into/$program" ] || return 1; done
}

install_packages() {
  local missing=() package
  for package in "$@"; do dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package"); done
  [ "${#missing[@]}" -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

fetch_source() { # the machine's own list of packages has no sources in it: a list beside it, of the same place
  local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts"
    -o "Dir::State::lists=$work/lists" -o APT::Sandbox::User=root)
  mkdir -p "$work/parts" "$work/lists/partial"
  awk '/^URIs:/ {place = $2} /^Suites:/ {suite = $2} /^Signed-By:/ {key = $2}
    place && suite && key {print "Types: deb-src\nURIs: " place "\nSuites: " suite "\nComponents: main\nSigned-By: " key; exit}' \
    /etc/apt/sources.list.d/debian.sources > "$work/parts/source.sources"
  apt-get "${options[@]}" -qq update
  apt-get "${options[@]}" -qq source kubernetes > "$work/source.log" 2>&1
}

build() {
  local version
  version=$(dpkg-parsechangelog -S Version | sed 's/.*really//; s/-.*//')
  mkdir -p .go/src/k8s.io home
  ln -sfn ../../.. .go/src/k8s.io/kubernetes
  printf "KUBE_GIT_%s='%s'\n" COMMIT debian TREE_STATE archive VERSION "v$version" \
    MAJOR "${version%%.*}" MINOR "$(cut -d. -f2 <<< "$version")" > version
  env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME="$PWD/home" GOPATH="$PWD/.go" GOPROXY=off CGO_ENABLED=0 \
    KUBE_GIT_VERSION_FILE="$PWD/version" \
    make GOFLAGS=-tags=providerless WHAT="${programs[*]/#/cmd/}" > "$work/build.log" 2>&1 ||
    { tail -20 "$work/build.log" >&2; return 1; }
}

install_packages etcd-server
# Another's kubectl does as well, and Debian's package would be refused beside it.
command -v kubectl > /dev/null || install_packages kubernetes-client
if built; then exit 0; fi
echo "Building ${programs[*]} into $into …"
install_packages "${packages[@]}"
work=$(mktemp -d /var/tmp/hesuan-k8s.XXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
fetch_source
cd kubernetes-*/
build
mkdir -p "$into"
for program in "${programs[@]}"; do
  # Under its name in one step: a build that was interrupted has left nothing that is taken for whole.
  install -m 755 "_output/local/bin/linux/$(dpkg --print-architecture)/$program" "$into/.$program"
  mv "$into/.$program" "$into/$program"
done
