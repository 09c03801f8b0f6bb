"""The README of each playbook, which demisto-sdk writes, and the image in it, drawn as XSOAR lays the playbook out."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from delivery.commands import ROOT, DeliveryError, program, readable, run

# of a task in the units of its position
_WIDTH, _HEIGHT = 380, 95
_UNITS_PER_INCH = 130
_LINE, _TEXT = '#5b6b82', '#17212e'
_COLORS = {'condition': '#fff3d6', 'playbook': '#e3ecfb', 'title': '#d9f2e5', 'start': '#d9f2e5', 'regular': '#ffffff'}


def main(folder: Path = ROOT) -> int:
    """Write README and image of every playbook, and return the exit status."""
    for path in sorted(folder.glob('Packs/*/Playbooks/playbook-*.yml')):
        try:
            readme, text = path.with_name(f'{path.stem}_README.md'), written(path, folder)
        except DeliveryError as error:
            print(f'docs: {path.relative_to(folder)}: {error}', file=sys.stderr)
            return 1
        same = readme.is_file() and readme.read_text(encoding='utf-8') == text
        readme.write_text(text, encoding='utf-8')
        if not (same and image(path).is_file()):
            draw(path)
        print(f'docs: {readme.relative_to(folder)}: {"as it was" if same else "written"}')
    return 0


def image(playbook: Path) -> Path:
    """Return where the image of a playbook is, as its README and demisto-sdk expect."""
    return playbook.parents[1] / 'doc_files' / f'{playbook.stem.removeprefix("playbook-")}.png'


def written(playbook: Path, folder: Path = ROOT) -> str:
    """Return the README that demisto-sdk writes for a playbook.

    Raises:
        DeliveryError: demisto-sdk failed.
    """
    readme = folder / 'build' / f'{playbook.stem}_README.md'  # .demisto-sdk-conf sends it there
    readme.parent.mkdir(exist_ok=True)
    readme.unlink(missing_ok=True)
    done = run([program('demisto-sdk'), 'generate-docs', '-i', str(playbook)], folder)
    if done.returncode or not readme.is_file():
        raise DeliveryError(f'demisto-sdk generate-docs failed:\n{readable(done.stdout)[-2000:]}')
    return readme.read_text(encoding='utf-8')


def draw(playbook: Path) -> None:
    """Draw the tasks of a playbook where they are in XSOAR, with arrows to the tasks that follow."""
    from matplotlib.figure import Figure

    tasks: dict[str, Any] = YAML(typ='safe').load(playbook)['tasks']
    places = {number: json.loads(task['view'])['position'] for number, task in tasks.items()}
    width = max(place['x'] for place in places.values()) + _WIDTH + 50
    height = max(place['y'] for place in places.values()) + _HEIGHT + 50
    figure = Figure(figsize=(width / _UNITS_PER_INCH, height / _UNITS_PER_INCH), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis('off')
    for number, task in tasks.items():
        _draw_task(axes, task, places[number])
        for branch, followers in task.get('nexttasks', {}).items():
            for follower in followers:
                _draw_arrow(axes, places[number], places[follower], branch.strip('#').replace('default', 'else'))
    path = image(playbook)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={'Software': None})


def _draw_task(axes: Any, task: Any, place: dict[str, int]) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner, shape = (place['x'] + 6, place['y'] + 6), 'round,pad=6,rounding_size=10'
    color = _COLORS[task['type']]
    axes.add_patch(FancyBboxPatch(corner, _WIDTH - 12, _HEIGHT - 12, boxstyle=shape, facecolor=color, edgecolor=_LINE, zorder=2))
    name = textwrap.fill(task['task']['name'] or 'Start', 34)
    script = task['task'].get('script') or task['task'].get('scriptName', '')
    what = script.rpartition('|||')[2] or {'condition': 'condition', 'playbook': 'sub-playbook'}.get(task['type'], '')
    if task['type'] == 'condition' and 'conditions' not in task and not script:
        what = 'a person decides'
    middle = (place['x'] + _WIDTH / 2, place['y'] + _HEIGHT / 2)
    axes.text(*middle, '\n'.join(filter(None, (name, what))), ha='center', va='center', fontsize=10, color=_TEXT, zorder=3)


def _draw_arrow(axes: Any, start: dict[str, int], end: dict[str, int], label: str) -> None:
    tail, head = (start['x'] + _WIDTH / 2, start['y'] + _HEIGHT), (end['x'] + _WIDTH / 2, end['y'])
    bend = tail[1] + 22  # down, across, and down again, as XSOAR draws it
    axes.plot((tail[0], tail[0], head[0]), (tail[1], bend, bend), color=_LINE, linewidth=1, zorder=1)
    arrow = {'arrowstyle': '-|>', 'color': _LINE, 'shrinkA': 0, 'shrinkB': 0}
    axes.annotate('', head, (head[0], bend), arrowprops=arrow, zorder=1)
    if label != 'none':
        box = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 1}
        axes.text((tail[0] + head[0]) / 2, bend, label, ha='center', va='center', fontsize=9, color=_TEXT, bbox=box, zorder=3)


if __name__ == '__main__':
    sys.exit(main())
