"""``make xsoar-lint``: what the platform's reviewers reject fails here too."""

from pathlib import Path

from delivery import xsoar_lint
from delivery.commands import ROOT

SCRIPT = 'script: ""\ntype: python\n'
SOURCE = 'import time\n\n\ndef main() -> None:\n    try:\n        {}\n    except Exception as error:\n        return_error(error)'
INTEGRATION = 'script:\n  commands:\n  - name: probe-run\n  type: python\n'


def checked(folder: Path, kind: str, described: str, code: str) -> int:
    source = folder / 'Packs' / 'Probe' / kind / 'Probe' / 'Probe.py'
    source.parent.mkdir(parents=True)
    source.write_text(code)
    source.with_suffix('.yml').write_text(described)
    return xsoar_lint.main(folder)


def test_calls_that_scripts_must_not_make_fail(tmp_path: Path, capsys) -> None:
    forbidden = {
        "print('here')": 'E9002',
        'time.sleep(11)': 'E9003',
        'exit(1)': 'E9004',
        "demisto.results('ok')": 'W9008',
        "return_outputs('ok', {})": 'W9009',
    }
    assert checked(tmp_path, 'Scripts', SCRIPT, SOURCE.format('\n        '.join(forbidden))) == 1
    said = capsys.readouterr().out
    for number, code in enumerate(forbidden.values(), 6):
        assert f'Packs/Probe/Scripts/Probe/Probe.py:{number}: {code}' in said
    assert said.endswith('xsoar-lint: 1 files: failed\n')


def test_a_command_of_the_yml_that_the_code_does_not_know_fails(tmp_path: Path, capsys) -> None:
    assert checked(tmp_path, 'Integrations', INTEGRATION, "def main() -> None:\n    print('probe-test')\n") == 1
    assert 'probe-run' in capsys.readouterr().out


def test_a_line_is_excused_where_it_stands_and_with_a_reason() -> None:
    excused = [
        line
        for path in ROOT.glob('Packs/*/*/*/*.py')
        for line in path.read_text(encoding='utf-8').splitlines()
        if 'pylint: disable' in line
    ]
    assert any('sleep-exists' in line for line in excused)
    assert [line for line in excused if not line.partition('disable=')[2].partition('#')[2].strip()] == []
