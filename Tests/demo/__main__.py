"""``python -m demo``: see story.py."""

from demo.entry import start

if __name__ == '__main__':
    start('demo.story')
