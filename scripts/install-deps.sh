#!/bin/sh
# Installs what Boostress needs on this machine and does not find, and nothing else:
#
#   scripts/install-deps.sh run     Postgres 14 or later, and Redis 7 or later or Valkey, as programs only
#   scripts/install-deps.sh test    the same, and a C compiler for the race detector
#
# `boostress dev` starts private servers of its own from these programs, so no system service is started,
# enabled or given a database. Go and Node.js are checked and left to the person: there are many ways to install
# them. Prints nothing when nothing is missing.
set -eu

postgres_min=14
redis_min=7
go_min=26 # of Go 1
node_min=20

say() { printf 'install-deps: %s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# major PROGRAM prints the major version that the program tells of itself: 15 for "postgres (PostgreSQL) 15.18".
major() {
	"$1" --version 2>/dev/null | sed -n -e '1s/^[^0-9]*\([0-9][0-9]*\).*/\1/p'
}

# recent PROGRAM MINIMUM tells whether the program runs and is of that major version or later.
recent() {
	[ -x "$1" ] || return 1
	recent_major=$(major "$1")
	[ -n "$recent_major" ] && [ "$recent_major" -ge "$2" ]
}

# The folders where package managers put Postgres off the PATH; internal/devstack looks in the same.
have_postgres() {
	on_path=$(command -v postgres || :)
	for program in ${on_path:+"$on_path"} \
		/usr/lib/postgresql/*/bin/postgres \
		/usr/pgsql-*/bin/postgres \
		/usr/libexec/postgresql*/postgres \
		/opt/homebrew/opt/postgresql*/bin/postgres \
		/usr/local/opt/postgresql*/bin/postgres \
		/home/linuxbrew/.linuxbrew/opt/postgresql*/bin/postgres \
		/Applications/Postgres.app/Contents/Versions/*/bin/postgres \
		/usr/local/pgsql/bin/postgres; do
		if recent "$program" "$postgres_min" && [ -x "${program%/*}/initdb" ]; then
			return 0
		fi
	done
	return 1
}

have_redis() {
	for name in redis-server valkey-server; do
		on_path=$(command -v "$name" || :)
		for program in ${on_path:+"$on_path"} \
			"/usr/bin/$name" "/usr/sbin/$name" "/usr/local/bin/$name" \
			"/opt/homebrew/bin/$name" "/home/linuxbrew/.linuxbrew/bin/$name"; do
			recent "$program" "$redis_min" && return 0
		done
	done
	return 1
}

# macOS needs no C compiler for the race detector.
have_compiler() {
	[ "$system" = Darwin ] || command -v "${CC:-cc}" >/dev/null 2>&1 ||
		command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1
}

check_go() {
	command -v go >/dev/null 2>&1 ||
		die "Go 1.$go_min or later is needed and 'go' is not on the PATH: see https://go.dev/doc/install"
	# With a Go since 1.21 this is the toolchain that go.mod asks for, fetched if need be.
	go_found=$(cd "$(dirname "$0")/.." && go env GOVERSION 2>/dev/null) || go_found=unknown
	minor=$(printf '%s\n' "$go_found" | sed -n -e 's/.*go1\.\([0-9][0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge "$go_min" ] ||
		die "Go 1.$go_min or later is needed, found $go_found at $(command -v go): see https://go.dev/doc/install"
}

check_node() {
	command -v node >/dev/null 2>&1 ||
		die "Node.js $node_min or later is needed and 'node' is not on the PATH: see https://nodejs.org/en/download"
	node_found=$(major node)
	[ "${node_found:-0}" -ge "$node_min" ] ||
		die "Node.js $node_min or later is needed, found ${node_found:-none} at $(command -v node): see https://nodejs.org/en/download"
	command -v npm >/dev/null 2>&1 ||
		die "npm is needed to build the playground and is not on the PATH: install the package 'npm'"
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "root is needed to install $missing and there is no sudo: run '$0 $purpose' as root once"
	fi
}

# ---- Debian, Ubuntu -------------------------------------------------------------------------------------------

policy=/usr/sbin/policy-rc.d
policy_saved=/usr/sbin/policy-rc.d.before-boostress
no_cluster=/etc/postgresql-common/createcluster.d/boostress.conf

# quiet_packages keeps the packages' scripts from starting a server (policy-rc.d) and from creating a database
# cluster (createcluster.d); loud_packages puts everything back, also when the installation failed or was interrupted.
quiet_packages() {
	trap loud_packages EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# shellcheck disable=SC2016 # expanded by the inner shell
	as_root sh -c '
		if [ -e "$1" ] || [ -L "$1" ]; then [ -e "$2" ] || [ -L "$2" ] || mv "$1" "$2"; fi
		printf "#!/bin/sh\n# Put here by Boostress while it installs packages.\nexit 101\n" >"$1"
		chmod 755 "$1"
		mkdir -p "${3%/*}"
		printf "create_main_cluster = false\n" >"$3"
	' sh "$policy" "$policy_saved" "$no_cluster"
}

loud_packages() {
	trap - EXIT
	# shellcheck disable=SC2016 # expanded by the inner shell
	as_root sh -c '
		rm -f "$1" "$3"
		if [ -e "$2" ] || [ -L "$2" ]; then mv "$2" "$1"; fi
		rmdir "${3%/*}" "$(dirname "${3%/*}")" 2>/dev/null || : # where they are empty, as before
	' sh "$policy" "$policy_saved" "$no_cluster"
	[ -z "$redis_is_new" ] || keep_disabled "$redis_package"
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >&2
}

# offered PACKAGE prints the major version that apt would install, nothing if it has no such package.
offered() {
	LC_ALL=C apt-cache policy "$1" 2>/dev/null |
		sed -n -e 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9]*\).*/\2/p'
}

apt_redis() {
	for package in redis-server valkey-server valkey; do
		offer=$(offered "$package")
		if [ "${offer:-0}" -ge "$redis_min" ]; then
			printf '%s\n' "$package"
			return
		fi
	done
}

install_apt() {
	say "updating the package lists"
	apt update || say "apt-get update failed; going on with the lists that are here"
	packages=
	if [ -n "$need_postgres" ]; then
		offer=$(offered postgresql)
		[ "${offer:-0}" -ge "$postgres_min" ] ||
			die "Postgres $postgres_min or later is needed and apt offers ${offer:-none}: add the packages of https://www.postgresql.org/download/ and run this again"
		packages="postgresql"
	fi
	redis_package='' redis_is_new=''
	if [ -n "$need_redis" ]; then
		redis_package=$(apt_redis)
		[ -n "$redis_package" ] ||
			die "Redis $redis_min or later or Valkey is needed and apt offers neither: add the packages of https://redis.io/docs/latest/operate/oss_and_stack/install/ and run this again"
		dpkg-query --show "$redis_package" >/dev/null 2>&1 || redis_is_new=yes
		packages="$packages $redis_package"
	fi
	[ -z "$need_compiler" ] || packages="$packages gcc libc6-dev"
	say "installing with apt-get: ${packages# }"
	quiet_packages
	# shellcheck disable=SC2086 # a list of words
	apt install -y --no-install-recommends $packages
	loud_packages
}

# keep_disabled undoes what the package's installation enabled, so that no Redis appears at the next boot either.
keep_disabled() {
	dpkg-query --show "$1" >/dev/null 2>&1 || return 0
	if command -v systemctl >/dev/null 2>&1; then
		as_root systemctl --quiet disable "$1" 2>/dev/null || say "could not disable the service $1: it may start at the next boot"
	elif command -v update-rc.d >/dev/null 2>&1; then
		as_root update-rc.d "$1" disable 2>/dev/null || say "could not disable the service $1: it may start at the next boot"
	fi
}

# ---- Fedora and its relatives ---------------------------------------------------------------------------------

install_dnf() {
	packages=
	[ -z "$need_postgres" ] || packages="postgresql-server"
	[ -z "$need_compiler" ] || packages="$packages gcc glibc-devel"
	if [ -n "$packages" ]; then
		say "installing with dnf: ${packages# }"
		# shellcheck disable=SC2086 # a list of words
		as_root dnf install -y --setopt=install_weak_deps=False $packages >&2
	fi
	if [ -n "$need_redis" ]; then
		say "installing with dnf: valkey, or redis where there is no valkey"
		as_root dnf install -y --setopt=install_weak_deps=False valkey >&2 ||
			as_root dnf install -y --setopt=install_weak_deps=False redis >&2
	fi
}

# ---- macOS ----------------------------------------------------------------------------------------------------

install_brew() {
	command -v brew >/dev/null 2>&1 ||
		die "missing: $missing. Install Homebrew (https://brew.sh) and run this again, or install them yourself"
	[ -z "$need_postgres" ] || {
		say "installing with Homebrew: postgresql@17"
		brew install --quiet postgresql@17 >&2
	}
	[ -z "$need_redis" ] || {
		say "installing with Homebrew: redis"
		brew install --quiet redis >&2
	}
}

# ---------------------------------------------------------------------------------------------------------------

# find_missing sets need_postgres, need_redis and need_compiler, and words for a person in missing.
find_missing() {
	need_postgres='' need_redis='' need_compiler='' missing=''
	have_postgres || {
		need_postgres=yes
		missing="Postgres $postgres_min or later"
	}
	have_redis || {
		need_redis=yes
		missing="${missing:+$missing, }Redis $redis_min or later (or Valkey)"
	}
	[ "$purpose" = run ] || have_compiler || {
		need_compiler=yes
		missing="${missing:+$missing, }a C compiler"
	}
}

purpose=${1:-}
case $purpose in
run | test) ;;
*)
	printf 'usage: %s run|test\n' "$0" >&2
	exit 2
	;;
esac

system=$(uname -s)
check_go
check_node
find_missing
[ -n "$missing" ] || exit 0

say "missing: $missing"
if [ "$system" = Darwin ]; then
	install_brew
elif command -v apt-get >/dev/null 2>&1; then
	install_apt
elif command -v dnf >/dev/null 2>&1; then
	install_dnf
else
	die "this system is not known here. Install with its package manager, and run this again: $missing"
fi

find_missing
[ -z "$missing" ] || die "still missing after the installation: $missing"
say "done"
