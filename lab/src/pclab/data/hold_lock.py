"""Runs as root on a real machine: holds a lock until its standard input closes. Arguments: file, who."""

import fcntl
import os
import sys

path, who = sys.argv[1:]
descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print(os.read(descriptor, 4096).decode(errors="replace").strip() or "somebody who did not say", flush=True)
    sys.exit(1)
os.ftruncate(descriptor, 0)
os.write(descriptor, who.encode())
print("held", flush=True)
sys.stdin.buffer.read()
