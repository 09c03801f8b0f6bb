"""``python -m demo.serve``: see by_hand.py."""

from demo.entry import start

if __name__ == '__main__':
    start('demo.by_hand')
