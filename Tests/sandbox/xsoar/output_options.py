"""What a user may ask of the results of a command: to see them raw, and to put more or nothing of them into the context."""

from dataclasses import dataclass, replace

from .commands import CommandLine
from .context import ask
from .entries import ERROR, METRICS, Entry, readable
from .errors import Refusal


@dataclass(frozen=True)
class OutputOptions:
    """The options of one command line.

    Attributes:
        raw_response: show what the command sent, not what it wrote for people.
        ignore_outputs: put only the extensions into the context.
        extensions: keys of the context, each with a path in what the command sent; the empty path is all of it.
    """

    raw_response: bool = False
    ignore_outputs: bool = False
    extensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, line: CommandLine) -> 'OutputOptions':
        """Return the options that were typed.

        Raises:
            Refusal: one has a value that it cannot have.
        """
        text = line.platform_argument('extend-context')
        pairs = [each.partition('=') for each in text.split('::')] if text else []
        if not all(key.strip() and separator for key, separator, _ in pairs):
            raise Refusal(f'extend-context cannot be {text!r}: write key=path, with :: between several.')
        extensions = tuple((key.strip(), path.strip()) for key, _, path in pairs)
        for _, path in extensions:
            ask({}, path)
        ignore = line.flag('ignore-outputs') or line.flag('ignore-output')
        return cls(line.flag('raw-response'), ignore, extensions)

    def apply(self, entry: Entry) -> Entry:
        """Return an entry as the user wants it."""
        if entry.type in (ERROR, METRICS):
            return entry
        outputs = {} if self.ignore_outputs else entry.outputs
        outputs = {**outputs, **{key: ask(entry.raw, path) for key, path in self.extensions}}
        if not self.raw_response or entry.raw in (None, ''):
            return replace(entry, outputs=outputs)
        contents, shape = readable(entry.raw)
        return replace(entry, outputs=outputs, contents=contents, format=shape)
