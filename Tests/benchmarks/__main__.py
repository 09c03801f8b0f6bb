"""``python -m benchmarks``: see table_of_figures.py."""

from demo.entry import start

if __name__ == '__main__':
    start('benchmarks.table_of_figures')
