# shellcheck shell=sh
# Runs a server for an owner that may die at any moment, and ends the server when it does.
#
# arguments  the signals that end the server, from polite to final; a folder to remove in the end, with its log and
#            configuration beside it (folder.*) and the folder above where that is then empty; another folder to
#            remove in the end; the server's command. Both folders may be the empty word: nothing is removed.
# fd 1       the report to the owner: a line with the server's pid, a line with its exit status
# fd 2       the server's log
# fd 3       the leash, whose other end only the owner holds: it ends when the owner does. A word written to it
#            before its end keeps the folders.
# fd 4       the lock of the data directory, where there is one: held for as long as anything here lives
signals=$1 folder=$2 other=$3
shift 3
trap '' HUP INT TERM

"$@" </dev/null >&2 3<&- 4<&- &
server=$!
trap '' PIPE # nobody may be left to read the report

# The watcher outlives this shell if somebody kills it. It is ended as soon as the server is gone, before the
# server's pid can mean another process.
{
	while read -r _ <&3; do :; done
	for signal in $signals; do
		kill -s "$signal" "$server" || exit
		kill -s CONT "$server" # a stopped process takes no signal but KILL
		seconds=0
		while [ "$seconds" -lt 5 ]; do
			sleep 1 3<&- 4<&-
			seconds=$((seconds + 1))
		done
	done
} >/dev/null 2>&1 &
watcher=$!

echo "$server"
wait "$server"
status=$?
kill -s KILL "$watcher"
wait "$watcher" 2>/dev/null
echo "$status" 2>/dev/null

keep=
while read -r word <&3; do keep=$word; done
[ -z "$keep" ] || exit 0
[ -z "$other" ] || rm -rf -- "$other"
if [ -n "$folder" ]; then
	rm -rf -- "$folder" "$folder".* || { sleep 1 && rm -rf -- "$folder"; }
	rmdir -- "${folder%/*}" 2>/dev/null
fi
exit 0
