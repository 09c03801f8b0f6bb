"""Runs one command of an integration; the engine starts this file as a process of its own.

``python -I command_process.py <socket> <pipe>``: numbers of file descriptors. JSON lines go over the socket, the first one is
the job, see ``Job.to_message``. The pipe ends when the server does. Standard output and standard error are the log.
"""

import fcntl
import marshal
import os
import sys
import types

FOLDER = os.path.dirname(os.path.abspath(__file__))
# The folder of this file stays out of sys.path while the integration runs: it sees installed packages only.
sys.path.append(FOLDER)
from demisto_object import Channel, Demisto  # noqa: E402

sys.path.remove(FOLDER)
_LONGEST_MESSAGE = 4000


def load(script: str) -> types.CodeType:
    """Compile a script, or read what an earlier command compiled of it; the file's name is a digest of its text."""
    compiled = f'{script}.{sys.implementation.cache_tag}'
    try:
        with open(compiled, 'rb') as file:
            # at once: marshal.load would ask the file for a few bytes at a time, a hundred thousand times
            return marshal.loads(file.read())  # noqa: S302 - what an earlier command wrote below
    except FileNotFoundError:
        pass
    with open(script, encoding='utf-8') as source:
        code = compile(source.read(), script, 'exec', dont_inherit=True)
    unfinished = f'{compiled}.{os.getpid()}'
    with open(unfinished, 'wb') as file:
        marshal.dump(code, file)
    os.replace(unfinished, compiled)
    return code


def run(script: str, demisto: Demisto) -> None:
    """Execute a script as the main module, with ``demisto`` in its namespace."""
    module = types.ModuleType('__main__')
    module.__dict__.update(demisto=demisto, __file__=script, __builtins__=__builtins__)
    sys.modules['__main__'] = module
    exec(load(script), module.__dict__)  # noqa: S102 - it is what this file is for


def end_with(pipe: int) -> None:
    """Let the kernel end this process, and all that it starts, when the other end of a pipe is closed."""
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC)
    os.set_inheritable(pipe, False)


def main() -> int:
    end_with(int(sys.argv[2]))
    channel = Channel(int(sys.argv[1]))
    job = channel.receive()
    sys.argv = ['']
    try:
        run(job['script'], Demisto(job, channel))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        import traceback

        traceback.print_exc()
        channel.send({'tell': 'crash', 'value': f'{type(error).__name__}: {error}'[:_LONGEST_MESSAGE]})
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
