"""A bar chart of ratios as SVG, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot  # what draws must be chosen before

_OURS, _PEERS, _FLOOR = "#1f6f9f", "#b0b7bd", "#e3e6e8"
_BAR = 0.34  # inches a bar takes


def draw(path: Path, title: str, bars: list[tuple[str, float, str]]) -> None:
    """Draw *bars*, each a name, a ratio and a kind: "ours", "floor" or another; the first on top."""
    settings = {
        "svg.hashsalt": path.name,  # else the names inside differ each time
        "svg.fonttype": "none",  # text stays text
        "font.family": "sans-serif",
        "font.size": 10,
    }
    colours = {"ours": _OURS, "floor": _FLOOR}
    with mpl.rc_context(settings):
        figure, axes = pyplot.subplots(figsize=(8, 1 + _BAR * len(bars)), layout="constrained")
        drawn = axes.barh(
            [name for name, _, _ in bars],
            [ratio for _, ratio, _ in bars],
            color=[colours.get(kind, _PEERS) for _, _, kind in bars],
            height=0.7,
        )
        background = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.bar_label(drawn, fmt="%.2f", padding=4, bbox=background)
        axes.axvline(1, color="#444444", linewidth=0.8, linestyle="--", zorder=0)
        axes.margins(x=0.08, y=0.02)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.suptitle(title, fontsize=11, x=0.01, horizontalalignment="left")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    # Lines that end in a space are matplotlib's.
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))
