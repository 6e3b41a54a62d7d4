"""What the kernel counts for a server, of processes that do a known thing."""

import subprocess
import sys

import pytest

from asgi_anatomy.machine.counters import Meter, available

pytestmark = pytest.mark.skipif(not available, reason="needs /proc")

WORK = {"user": "sum(range(10000))", "kernel": "zero.readinto(room)"}
SPIN = """
import os, sys, time
if sys.argv[1] == "child" and not os.fork():
    pass
elif sys.argv[1] == "child":
    os.wait()
    print(flush=True)
    time.sleep(60)
zero, room = open("/dev/zero", "rb", 0), bytearray(1 << 20)
while time.process_time() < 0.4:
    {work}
if sys.argv[1] != "child":
    print(flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("whose", ["own", "child"])
@pytest.mark.parametrize("where", ["user", "kernel"])
def test_user_and_system_time_are_told_apart(where: str, whose: str) -> None:
    """Also those of a child that was waited for; 0.4 s are 40 to 400 ticks of the kernel's clock."""
    argv = [sys.executable, "-c", SPIN.format(work=WORK[where]), whose]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        user, system = Meter(process.pid).split_ns()
        process.kill()
    assert 0.35e9 < user + system < 0.7e9
    share = system / (user + system)
    assert share < 0.2 if where == "user" else share > 0.7
