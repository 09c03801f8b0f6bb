"""Run one command of an integration, in the process that ``fork_server.py`` has forked for it.

JSON lines go over a socket, the first one is the job, see ``Job.to_message``. Standard output and standard error are the log.
"""

import marshal
import os
import sys
import traceback
import types

from demisto_object import Channel, Demisto

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


def main(descriptor: int) -> int:
    """Run the command that a connected socket names, and return the exit status."""
    channel = Channel(descriptor)
    job = channel.receive()
    sys.argv = ['']
    try:
        run(job['script'], Demisto(job, channel))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        traceback.print_exc()
        channel.send({'tell': 'crash', 'value': f'{type(error).__name__}: {error}'[:_LONGEST_MESSAGE]})
        return 1
    return 0
