#!/bin/sh
# What is refused, and that the others are served meanwhile.
. "$(dirname "$0")/lib.sh"

step "no scheduler: exit 5 after the timeout"
began=$(date +%s)
exits 5 "$B/dq" --scheduler "unix:$T/nobody.sock" --connect-timeout 1 status
one_error_line
[ $(($(date +%s) - began)) -le 4 ]
exits 5 "$B/dq" --connect-timeout 0.2 status
exits 5 "$B/dq" --scheduler tcp://127.0.0.1:1 --connect-timeout 0.2 status
exits 5 "$B/dq" --contact "$T/no-contact" status
exits 2 "$B/dq" --scheduler nonsense status

step "a directory in use"
start_scheduler
exits 7 timeout 20 "$B/dq-scheduler" --state "$STATE" --listen "unix:$T/other.sock"
one_error_line
is "$(cat "$T/out")" ""

step "a socket in use"
exits 7 timeout 20 "$B/dq-scheduler" --state "$T/state2" --listen "$ADDR"
one_error_line

step "garbage on the socket closes that connection alone, with a reason"
start_worker w1 --slots 1
if command -v python3 >/dev/null; then
	python3 - "$T/s.sock" <<'PY'
import os, socket, sys
no_frame = b"not a frame"
large = b"frame before admission: at most 4 KiB"
for data, text in ((b"GET / HTTP/1.0\r\n\r\n", no_frame), (b"\xff" * 16, no_frame),
                   (b"\xff" * 1000000, no_frame), (os.urandom(4096), b""), (b"\0" * 64, b"not the message"),
                   (b"\x01\x10\0\0\x01\0\0\0" + b"\0" * 8, large),
                   (b"\xff\xff\xff\x7f\x01\0\0\0" + b"\0" * 8, large)):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(sys.argv[1])
    heard = b""
    try:
        s.sendall(data)
        while part := s.recv(4096):
            heard += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    if heard[4:5] != b"\x05" or text not in heard:
        sys.exit(f"{data[:20]} was answered with {heard}, not {text}")
PY
fi
is "$(dq run -- echo served)" served
kill -0 "$SCHEDULER"

# says TEXT ARG...: a usage error, in these words and no more.
says() {
	text=$1
	shift
	exits 2 dq "$@"
	is "$(cat "$T/errors")" "dq: $text"
}
step "a key is named once in what is said of it"
says "submit: key: must be UTF-8 without control characters, '/', '[' and ']': a[b" submit --key 'a[b' -- true
dq submit --key taken -- true >/dev/null
exits 6 dq submit --key taken -- false
is "$(cat "$T/errors")" "dq: submit: another task has the key: taken"

step "a command has a first word, a worker has slots"
says "submit: the command's first word is empty" submit -- '' x
says "run: the command's first word is empty" run -- ''
exits 2 timeout 20 "$B/dq-worker" --scheduler "$ADDR" --dir "$T/none" --slots 0
one_error_line

step "a socket nobody answers is replaced"
kill_hard "$SCHEDULER"
[ -S "$T/s.sock" ]
start_scheduler
is "$(dq run -- echo back)" back
stop "$WORKER"
stop "$SCHEDULER"
check_store

step "a file that is no store"
mkdir "$T/state3"
head -c 65536 /dev/urandom >"$T/state3/data.mdb"
exits 7 timeout 20 "$B/dq-scheduler" --state "$T/state3" --listen "unix:$T/other.sock"
one_error_line
exits 7 timeout 20 "$B/dq-scheduler" --state /proc/nowhere --listen "unix:$T/other.sock"
one_error_line
