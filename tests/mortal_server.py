"""Servers whose processes or threads end under load: `python -m tests.mortal_server KIND PORT`.

forking: a child for every connection. replacing: two workers, each of which is replaced after so many requests.
abandoning: the same, but nobody waits for those that end. threads: a thread for every connection. calling: a program
for every request. Every answer of these ends its connection.

varying: answers with a header whose length varies; the last of a connection says `Connection: close`.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading

import share

MOST = 300
"""Requests that a worker answers."""


def answer(stream: socket.socket, count: int = 1, header: bytes = b"") -> None:
    """Answer so many requests on a new connection, and close it."""
    with stream:
        for number in range(count):
            data = b""
            while b"}" not in data:
                if not (more := stream.recv(65536)):
                    return
                data += more
            body = share.endpoint(data.partition(b"\r\n\r\n")[2])
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b" % (len(body), header * random.randint(1, 9))
            stream.sendall(head + (b"connection: close\r\n" if number == count - 1 else b"") + b"\r\n" + body)
        stream.shutdown(socket.SHUT_WR)


def forking(listening: socket.socket) -> None:
    """Answer each connection in a child."""
    while True:
        stream, _ = listening.accept()
        if not os.fork():
            listening.close()
            answer(stream)
            os._exit(0)
        stream.close()
        with contextlib.suppress(ChildProcessError):
            while any(os.waitpid(-1, os.WNOHANG)):
                pass


def replacing(listening: socket.socket) -> None:
    """Keep two workers, each for MOST requests."""
    for _ in range(2):
        work(listening)
    while True:
        os.wait()
        work(listening)


def abandoning(listening: socket.socket) -> None:
    """Keep one worker, as the kernel tells of none that ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        work(listening)
        with contextlib.suppress(ChildProcessError):
            os.wait()


def threads(listening: socket.socket) -> None:
    """Answer each connection in a thread."""
    while True:
        threading.Thread(target=answer, args=(listening.accept()[0],)).start()


def calling(listening: socket.socket) -> None:
    """Run a program for each request."""
    while True:
        stream, _ = listening.accept()
        subprocess.run(["true"], check=True)
        with contextlib.suppress(OSError):  # a client that has ended
            answer(stream)


def varying(listening: socket.socket) -> None:
    """Answer some requests of each connection."""
    while True:
        threading.Thread(target=answer, args=(listening.accept()[0], 50, b"x-time: 0.1\r\n")).start()


def work(listening: socket.socket) -> None:
    """Start a worker."""
    if os.fork():
        return
    for _ in range(MOST):
        answer(listening.accept()[0])
    os._exit(0)


with socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=256) as server:
    kinds = (forking, replacing, abandoning, threads, calling, varying)
    {kind.__name__: kind for kind in kinds}[sys.argv[1]](server)
