"""``python -m sandbox.demo``: see story.py."""

from sandbox.demo.entry import start

if __name__ == '__main__':
    start('sandbox.demo.story')
