"""Pictures of figures, as SVG."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_REPEATABLE = {'svg.hashsalt': 'benchmarks', 'svg.fonttype': 'none'}  # the same figures make the same file
_WIDTH, _COLOUR = 8.0, '#1f5fa8'  # inches


def bars(file: Path, title: str, seconds: Mapping[str, float]) -> None:
    """One bar for each name, the first on top."""
    figure = Figure(figsize=(_WIDTH, 1.2 + 0.5 * len(seconds)), layout='constrained')
    axes = figure.add_subplot()
    drawn = axes.barh(list(seconds), list(seconds.values()), color=_COLOUR)
    axes.bar_label(drawn, fmt='%.2f s', padding=4)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set(title=title, xlabel='seconds')
    _save(figure, file)


def line(file: Path, title: str, seconds: Mapping[int, float]) -> None:
    """Plot seconds against messages, and the straight line from nothing to the largest."""
    figure = Figure(figsize=(_WIDTH, 4.5), layout='constrained')
    axes = figure.add_subplot()
    largest = max(seconds)
    axes.plot([0, largest], [0, seconds[largest]], '--', color='#999999', label='straight')
    axes.plot(list(seconds), list(seconds.values()), 'o-', color=_COLOUR, label='measured')
    axes.set(title=title, xlabel='messages', ylabel='seconds')
    axes.legend()
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    with rc_context(_REPEATABLE):
        FigureCanvasSVG(figure).print_svg(file, metadata={'Date': None, 'Creator': None})
