"""How a layer answers each case of the contract, right or wrong, and in which cases two of them differ."""

import contextlib
import socket
from collections.abc import Mapping

import msgspec

from bench.data.contract import Contract
from bench.data.layers import Layer
from bench.host.conformance import TIMEOUT
from bench.host.http import Answer, receive
from bench.host.server import Server

USER = "user"
"""The name of the User request among the cases."""
MOST = 4096  # bytes of an answer that are kept


class Reply(msgspec.Struct, frozen=True):
    """One answer: its status (0: none that is complete), and its first bytes, as Latin-1."""

    status: int
    raw: str


def answers(layer: Layer, contract: Contract, environment: Mapping[str, str] | None = None) -> dict[str, Reply]:
    """What a layer answers to the User request, each case, and each request of the workload that is neither.

    Raises ServerFault if it does not answer the workload as it should.
    """
    with Server(layer, contract, environment=environment) as server:
        wires = {
            USER: contract.user.wire(),
            **{name: case.wire(contract.user) for name, case in contract.cases.items()},
            **{
                f"{contract.workload.name} {number}": asked.wire()
                for number, asked in enumerate(contract.workload.asked, 1)
                if not asked.case
            },
        }
        return {name: _ask(server, wire) for name, wire in wires.items()}


def _ask(server: Server, wire: bytes) -> Reply:
    answer = Answer(0, b"")
    with contextlib.suppress(OSError), socket.create_connection((server.host, server.port), TIMEOUT) as stream:
        with contextlib.suppress(ConnectionError):  # refused before everything was sent: there may still be an answer
            stream.sendall(wire)
        answer = receive(stream)
    return Reply(answer.status, answer.raw[:MOST].decode("latin-1"))


def exact(replies: Mapping[str, Reply], contract: Contract) -> bool:
    """Whether the User request was answered as the contract says, to the byte."""
    return replies[USER].raw == contract.user.answer


def differing(a: Mapping[str, Reply], b: Mapping[str, Reply]) -> dict[str, str]:
    """The cases that two sides answer differently: "422 -> 400", or "200, with other bytes"."""
    found = {}
    for case in (case for case in a if case in b and a[case] != b[case]):
        one, other = a[case].status, b[case].status
        found[case] = f"{one} -> {other}" if one != other else f"{one}, with other bytes"
    return found
