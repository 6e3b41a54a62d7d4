"""Servers whose processes end under load: `python -m tests.mortal_server forking|replacing PORT`.

forking: a child for every connection. replacing: two workers, each of which is replaced after so many requests. Every
answer ends its connection.
"""

import contextlib
import os
import socket
import sys

import share

MOST = 300
"""Requests that a worker answers."""


def answer(stream: socket.socket) -> None:
    """Answer one request on a new connection, and close it."""
    data = b""
    with stream:
        while b"}" not in data:
            if not (more := stream.recv(65536)):
                return
            data += more
        body = share.endpoint(data.partition(b"\r\n\r\n")[2])
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        stream.sendall(head + body)
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


def work(listening: socket.socket) -> None:
    """Start a worker."""
    if os.fork():
        return
    for _ in range(MOST):
        answer(listening.accept()[0])
    os._exit(0)


with socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=256) as server:
    {"forking": forking, "replacing": replacing}[sys.argv[1]](server)
