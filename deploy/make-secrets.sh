#!/usr/bin/env bash
# Makes up the secrets that docker-compose.yml mounts, each in a file of its own below deploy/secrets. What exists stays.
# The folder is closed to everyone else; the files are readable, because the containers run as another user.
set -euo pipefail
cd "$(dirname "$0")/secrets"
chmod 700 .

keep_or_write() {
	local name=$1 value=$2
	if [ -s "$name" ]; then
		echo "deploy/secrets/$name: exists, kept"
		return
	fi
	printf '%s' "$value" >"$name.new"
	chmod 444 "$name.new"
	mv "$name.new" "$name"
	echo "deploy/secrets/$name: made"
}

random_hex() {
	od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

keep_or_write postgres-password "$(random_hex 24)"
keep_or_write database-url "postgres://boostress:$(cat postgres-password)@postgres:5432/boostress?sslmode=disable"
keep_or_write admin-password "$(random_hex 12)"
keep_or_write secret-key "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
