"""Draws what clients saw across an upgrade.

    handover_plot.py DATA PICTURE

Started by script/bench, with what handover.py has left as DATA.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot  # what draws must be chosen before

#: Seconds before an upgrade and after it that are drawn.
_AROUND = 1.0
#: Seconds for which answers are counted together, and of whose answers the longest is drawn.
_BIN, _DOT = 0.25, 0.05


def draw(path: Path, shown: list[tuple[str, list[dict[str, Any]], tuple[float, float]]]) -> None:
    """Draw, side by side, answers a second and how long each took.

    Each case has a title, what came of its requests, and when an upgrade began and ended.
    """
    settings = {
        "svg.hashsalt": path.name,  # else the names inside differ each time
        "svg.fonttype": "none",  # text stays text
        "font.size": 9,
    }
    with mpl.rc_context(settings):
        figure, axes = pyplot.subplots(
            2, len(shown), figsize=(10, 4), sharex="col", sharey="row", layout="constrained"
        )
        for column, (title, told, (began, ended)) in enumerate(shown):
            answered: list[tuple[float, float]] = []
            failed: list[tuple[float, float]] = []
            for client in told:
                for due, took, _, answer, _ in client["requests"]:
                    when = client["since"] + due - began
                    if -_AROUND <= when <= ended - began + _AROUND:
                        (failed if answer is None else answered).append((when, took * 1e3))
            top, bottom = axes[0][column], axes[1][column]
            top.set_title(title)
            edges = [
                _BIN * number
                for number in range(int(-_AROUND / _BIN), int((ended - began + _AROUND) / _BIN) + 1)
            ]
            done = [when + took / 1e3 for when, took in answered]
            weights = [1 / _BIN] * len(done)
            top.hist(done, edges, weights=weights, color="#4c72b0")
            longest: dict[int, tuple[float, float]] = {}
            for when, took in answered:
                place = int(when // _DOT)
                longest[place] = max(
                    longest.get(place, (when, 0)), (when, took), key=lambda one: one[1]
                )
            bottom.scatter(*zip(*longest.values()), s=3, color="#4c72b0")
            if failed:
                bottom.scatter(
                    [when for when, _ in failed],
                    [1000] * len(failed),
                    s=8,
                    marker="x",
                    color="#c44e52",
                )
            for ax in (top, bottom):
                ax.axvspan(0, ended - began, color="#eeeeee", zorder=0)
            bottom.set_yscale("log")
            bottom.set_xlabel("seconds since the upgrade began")
        axes[0][0].set_ylabel("answers a second\n")
        axes[1][0].set_ylabel("ms, longest of 50\n(x: failed)")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    # Lines that end in a space are matplotlib's.
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.split("\n")), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[2]), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
