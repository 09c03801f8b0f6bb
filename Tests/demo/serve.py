"""``python -m demo.serve``: see interactive.py."""

from demo.program import run

if __name__ == '__main__':
    run('demo.interactive')
