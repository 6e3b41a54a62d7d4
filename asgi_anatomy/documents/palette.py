"""The colours of pages and charts, light and dark, and whose they are."""

import re

LIGHT = {
    "paper": "#ffffff", "raised": "#f6f7f9", "ink": "#1b1f24", "muted": "#57606c", "faint": "#e8eaee",
    "line": "#c5cbd3", "accent": "#0a5bd3", "on-accent": "#ffffff",
    "soft": "#e3edfc", "slow": "#b3500a", "on-slow": "#ffffff",
    "under1": "#e2e6eb", "under2": "#ced5dd",
    "part1": "#5a8adf", "part2": "#ef7e4e", "part3": "#26625e", "part4": "#fac693", "part5": "#8330a3",
    "part6": "#8bb0ef", "part7": "#63741d", "part8": "#a893a0", "part9": "#c9ced6",
    "on1": "#1b1f24", "on2": "#1b1f24", "on3": "#ffffff", "on4": "#1b1f24", "on5": "#ffffff",
    "on6": "#1b1f24", "on7": "#ffffff", "on8": "#1b1f24", "on9": "#1b1f24",
}  # fmt: skip
DARK = {
    "paper": "#0f1216", "raised": "#171b21", "ink": "#e8eaed", "muted": "#a0a9b5", "faint": "#232931",
    "line": "#434b56", "accent": "#6ea8ff", "on-accent": "#0f1216",
    "soft": "#1a2a44", "slow": "#f2994a", "on-slow": "#0f1216",
    "under1": "#262c34", "under2": "#363f4a",
    "part1": "#8e57c0", "part2": "#dec93a", "part3": "#3b8358", "part4": "#f7f9ae", "part5": "#a4b5f7",
    "part6": "#a6ebfa", "part7": "#84a21f", "part8": "#fa879e", "part9": "#4d5661",
    "on1": "#ffffff", "on2": "#0f1216", "on3": "#ffffff", "on4": "#0f1216", "on5": "#0f1216",
    "on6": "#0f1216", "on7": "#0f1216", "on8": "#0f1216", "on9": "#ffffff",
}  # fmt: skip
OWN = ("uvicorn", "fastapi", "starlette", "interpreter", "pydantic", "httptools", "asyncio", "uvloop")
"""What has a colour of its own in every chart, part1 to part8; all else is grey, named where there is room."""
GREY = len(OWN) + 1


def number(name: str) -> int:
    """The number of a package's colour; a component such as uvloop/libuv or pydantic-core has its package's."""
    name = re.split("[/-]", name)[0]
    return OWN.index(name) + 1 if name in OWN else GREY
