"""The colours of packages can be told apart, by people who see few colours too, and the words on them can be read."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from asgi_anatomy.documents.palette import DARK, GREY, LIGHT, OWN, number

Array = NDArray[np.float64]
VISIONS = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),  # noqa: E501
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),  # noqa: E501
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),  # noqa: E501
}  # fmt: skip
"""Linear RGB as it is seen; severity 1.0 of Machado, Oliveira and Fernandes, IEEE TVCG 15 (6), 2009."""
APART = 0.08
"""Of OKLab's distance, in which black and white are 1 apart; about four times what is just seen."""


def linear(colour: str) -> Array:
    """Linear RGB of a colour such as #ff8800 (IEC 61966-2-1)."""
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Array) -> Array:
    """Of linear RGB; Ottosson 2020, https://bottosson.github.io/posts/oklab."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    seen: Array = lab @ np.cbrt(cones @ rgb)
    return seen


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2."""
    dark, light = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(each)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_any_two_can_be_told_apart(scheme: dict[str, str], vision: str) -> None:
    """So that it does not matter which of them, and the grey of all others, are neighbours in a bar."""
    seen = {
        name: oklab(np.clip(VISIONS[vision] @ linear(scheme[f"part{place}"]), 0, 1))
        for place, name in enumerate((*OWN, "grey"), start=1)
    }
    close = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)}
    assert {pair: apart for pair, apart in close.items() if apart < APART} == {}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_on_them_can_be_read(scheme: dict[str, str]) -> None:
    assert all(contrast(scheme[f"part{each}"], scheme[f"on{each}"]) >= 4.5 for each in range(1, GREY + 1))


def test_whose_colour_it_is() -> None:
    assert [number(name) for name in OWN] == [*range(1, GREY)]
    assert number("uvloop/libuv") == number("uvloop")
    assert number("pydantic-core") == number("pydantic")
    assert {number(name) for name in ("libc", "anyio", "servers/asyncio_server.py", "the rest")} == {GREY}
