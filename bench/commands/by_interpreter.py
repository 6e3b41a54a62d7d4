"""A ladder under several Pythons, one after another: one record each."""

from collections.abc import Callable

from bench.commands.output import say
from bench.data.errors import BadInput, Fault, Problem, Stopped
from bench.data.layers import PYTHON
from bench.data.plan import Plan
from bench.data.record import Bench
from bench.host.interpreters import describe, find, set_up


def measure_each(
    pythons: str, plan: Plan, begin: Callable[[Plan], Bench], measure: Callable[[Plan, Bench], Problem | None]
) -> tuple[dict[str, Bench | str], Problem | None]:
    """Measure a plan under each Python: a record, or the reason why there is none, by name; and what ended the run.

    `begin` makes an empty record; `measure` fills and keeps it, and returns what ended it early. After a signal, no
    other Python is begun.
    """
    names = [*dict.fromkeys(pythons.replace(",", " ").split())]
    if not names:
        raise BadInput(f"PYTHONS={pythons} names none: expected versions, such as PYTHONS='3.12 3.13'")
    found: dict[str, Bench | str] = {}
    problem: Problem | None = None
    for name in names:
        try:
            interpreter = find(name)
            python = set_up(interpreter, say)
            say(f"Python {interpreter.version}: {python}")
            own = plan if python == PYTHON else plan.served_by(str(python))
            record = begin(own)
            record.python = describe(python)
            problem = measure(own, record) or problem
            found[name] = record
        except Stopped as stopped:
            problem = stopped
        except Fault as fault:
            found[name] = fault.message
        if isinstance(problem, Stopped):
            break
    return found, problem
