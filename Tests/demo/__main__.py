"""``python -m demo``: see demonstration.py."""

from demo.program import run

if __name__ == '__main__':
    run('demo.demonstration')
