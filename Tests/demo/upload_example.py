"""``python -m demo.upload_example NAME``: see example.py."""

from demo.program import run

if __name__ == '__main__':
    run('demo.example')
