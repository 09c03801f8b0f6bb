"""``python -m benchmarks``: see table_of_figures.py."""

from demo.program import run

if __name__ == '__main__':
    run('benchmarks.table_of_figures')
