"""``make bench`` runs to its end. Its figures depend on the machine: no test holds them to a goal."""
import os
import subprocess
import sys
from pathlib import Path

from sandbox.demo.upload import REPOSITORY


def test_benchmark_prints_a_row_for_each_subject(tmp_path: Path) -> None:
    environment = {**os.environ, 'PYTHONPATH': 'Tests', 'TMPDIR': str(tmp_path)}
    done = subprocess.run([sys.executable, '-m', 'benchmarks'], cwd=REPOSITORY, env=environment, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.partition('---')[2].splitlines()[1:]
    assert [row.split()[0] for row in rows] == ['Import', 'Signing', 'Signing', 'Cold', 'Warm', 'Memory', 'Memory', 'Memory']
    assert all(' met' in row or ' missed' in row for row in rows)
    # the one figure that no machine changes: a warm command loads neither cryptography nor jwt
    assert ' none ' in rows[1]
    assert list(tmp_path.iterdir()) == []
