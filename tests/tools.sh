#!/usr/bin/env bash
# Puts the migration tools of others into DIRECTORY, each in its own folder, and a program for each into DIRECTORY/bin:
# dbmate, liquibase, sqlx, refinery, diesel, alembic, sqitch. What is there already stays.
#
# usage: tools.sh DIRECTORY TOOL...

# E: the trap below is for what fails in functions too.
set -Eeuo pipefail
# The tools may be run by another account than the one that fetched them.
umask 022

fail() { echo "tools.sh: $*" >&2; exit 1; }

# The version of a tool, and the registry it is in.
known() {
	case $1 in
	dbmate) version=2.36.0 registry=npm package=dbmate ;;
	# The newer ones of that registry come without Liquibase itself.
	liquibase) version=4.28.1 registry=npm package=liquibase ;;
	sqlx) version=0.9.0 registry=cargo package=sqlx-cli features=postgres,rustls ;;
	refinery) version=0.10.0 registry=cargo package=refinery_cli features=postgresql ;;
	diesel) version=2.3.14 registry=cargo package=diesel_cli features=postgres ;;
	alembic) version=1.20.1 registry=python package=alembic ;;
	sqitch) version=debian registry=debian package=sqitch ;;
	*) fail "$1 is not among the tools that it knows: dbmate liquibase sqlx refinery diesel alembic sqitch" ;;
	esac
}

# Where a tool of this version is kept.
home() { echo "$directory/$1-$version"; }

# A program in bin that runs $2 with what it is given.
wrap() {
	mkdir -p "$directory/bin"
	printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$directory/bin/.$1-$$"
	chmod 755 "$directory/bin/.$1-$$"
	mv "$directory/bin/.$1-$$" "$directory/bin/$1"
}

# As root, or by sudo.
debian() {
	local as_root=()
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	command -v apt-get >/dev/null || fail "no apt-get to install $*: install them in your system's way"
	{ "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=120 update &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
			install -y --no-install-recommends "$@"; } >"$directory/.apt.log" 2>&1 ||
		{ tail -n 15 "$directory/.apt.log" >&2; fail "apt-get could not install $*"; }
}

# What has to be on the machine before the tool can be had.
prerequisites() {
	case $1 in
	liquibase) command -v java >/dev/null || debian default-jre-headless ;;
	diesel) [ -e /usr/include/postgresql/libpq-fe.h ] || debian libpq-dev ;;
	esac
	case $registry in
	npm) command -v npm >/dev/null || fail "npm not found: install the package npm" ;;
	python) python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip not found: install the package python3-pip" ;;
	esac
}

# Each puts the tool into the directory $2, which is $3 when it is whole.
from_npm() {
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$2" "$package@$version" >/dev/null
	local program=node_modules/.bin/$package
	# What the packages put into .bin starts Node first; the tools themselves are inside.
	case $1 in
	dbmate) program=$(cd "$2" && echo node_modules/@dbmate/*/bin/dbmate) ;;
	liquibase) program=node_modules/liquibase/dist/liquibase/liquibase ;;
	esac
	chmod +x "$2/$program"
	wrap "$1" "$3/$program"
}

from_cargo() {
	# Few jobs where somebody asks for it: others may work here too.
	cargo install --quiet --locked --jobs "${TOOLS_JOBS:-2}" --root "$2" --no-default-features --features "$features" \
		--version "$version" "$package"
	wrap "$1" "$3/bin/$1"
}

from_python() {
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$2" \
		--only-binary :all: "$package==$version" psycopg2-binary
	wrap "$1" "env PYTHONPATH=$3 python3 -m alembic.config"
}

from_debian() {
	debian sqitch libdbd-pg-perl postgresql-client
	wrap "$1" /usr/bin/sqitch
}

# Whether the program is there and runs.
works() {
	[ -d "$(home "$1")" ] && [ -x "$directory/bin/$1" ] || return 1
	case $1 in
	alembic | refinery) "$directory/bin/$1" --help >/dev/null 2>&1 ;;
	*) "$directory/bin/$1" --version >/dev/null 2>&1 ;;
	esac
}

[ $# -ge 2 ] || fail "usage: tools.sh DIRECTORY TOOL..."
directory=$1
shift
for tool; do known "$tool"; done

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
# One at a time: two would fetch the same.
exec 9>"$directory/.tools.lock"
flock 9
new=
trap 'rm -rf "$new"' EXIT
trap 'fail "failed to fetch $tool $version"' ERR
for tool; do
	known "$tool"
	! works "$tool" || continue
	echo "tools.sh: fetching $tool $version"
	prerequisites "$tool"
	new=$(mktemp -d "$directory/.new-XXXXXX")
	chmod 755 "$new"
	"from_$registry" "$tool" "$new" "$(home "$tool")"
	rm -rf "$(home "$tool")"
	mv "$new" "$(home "$tool")"
	works "$tool" || fail "$tool $version does not run here"
done
