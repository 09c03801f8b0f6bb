"""``python -m sandbox``: see demo/by_hand.py."""

from sandbox.demo.entry import start

if __name__ == '__main__':
    start('sandbox.demo.by_hand')
