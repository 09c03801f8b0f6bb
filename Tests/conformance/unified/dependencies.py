"""The dependencies of the shared scripts, found in the code by ast.

``python -m conformance.unified.dependencies`` prints them as the diagram and the table of docs/architecture.md.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.unified.sources import API_MODULES, INTEGRATION, MODULES, PLATFORM, parsed

HEADER = ('Module', 'Inserted into', 'Imports names of')
ANY_INTEGRATION = 'integrations'


@dataclass(frozen=True)
class Module:
    """What a file imports of the product and of the platform.

    Attributes:
        stars: modules whose text takes the place of an import, in their order.
        explicit: names that are imported one by one, by module.
        unguarded: modules of explicit imports outside of a guard, see `is_guard`.
    """

    name: str
    stars: tuple[str, ...]
    explicit: dict[str, set[str]]
    unguarded: set[str]


def is_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is skipped in a built script, or fails there without harm."""
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Call):
        return ast.unparse(statement.test) == "__name__.endswith('ApiModule')"
    return isinstance(statement, ast.With) and ast.unparse(statement.items[0]) == 'suppress(ImportError)'


def is_of_product(name: str | None) -> bool:
    return bool(name) and str(name).endswith('ApiModule')


@cache
def read_module(path: Path) -> Module:
    """Return what the file imports. Other imports than those of the product and the platform do not count."""
    stars: list[str] = []
    explicit: dict[str, set[str]] = {}
    unguarded: set[str] = set()

    def visit(body: list[ast.stmt], guarded: bool) -> None:
        for statement in body:
            if isinstance(statement, ast.Import):
                explicit.update({alias.name: set() for alias in statement.names if alias.name in PLATFORM})
            elif isinstance(statement, ast.ImportFrom) and (is_of_product(statement.module) or statement.module in PLATFORM):
                module, names = str(statement.module), {alias.name for alias in statement.names}
                if names == {'*'} and module not in PLATFORM:
                    stars.append(module)
                    continue
                explicit.setdefault(module, set()).update(names - {'*'})
                if not guarded and module not in PLATFORM:
                    unguarded.add(module)
            for inner in ('body', 'orelse', 'finalbody'):
                visit(getattr(statement, inner, []), guarded or is_guard(statement))

    visit(parsed(path).body, False)
    return Module(path.stem, tuple(stars), explicit, unguarded)


def api_modules() -> dict[str, Module]:
    """Return the shared scripts by name."""
    return {name: read_module(path) for name, path in API_MODULES.items()}


def inserted(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    """Yield the names of the modules whose texts demisto-sdk inserts into `module`, in the order in which they end up there."""
    for name in module.stars:
        yield from inserted(modules[name], modules)
        yield name


def unified_order() -> list[str]:
    """Return the shared scripts of the mail integration in the order in which its unified script defines their names."""
    return list(inserted(read_module(MODULES[INTEGRATION.name]), api_modules()))


def table() -> list[tuple[str, str, str]]:
    """Return the rows: modules in the order of the unified script, and the integration."""
    modules, order = api_modules(), unified_order()
    integration = read_module(MODULES[INTEGRATION.name])
    rows = []
    for name in [*order, *sorted(set(modules) - set(order)), integration.name]:
        module = modules.get(name, integration)
        importers = [other.name for other in modules.values() if name in other.stars]
        if name in integration.stars:
            importers.append(ANY_INTEGRATION)
        known = [*order, 'CommonServerPython', 'demistomock']
        rows.append((name, ', '.join(importers) or '-', ', '.join(one for one in known if one in module.explicit) or '-'))
    return rows


def as_markdown() -> str:
    lines = [HEADER, ('---',) * len(HEADER), *table()]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def as_mermaid() -> str:
    """Return a diagram: a thick arrow leads from the module that inserts to the one that is inserted, a thin one to names."""
    modules = {**api_modules(), INTEGRATION.name: read_module(MODULES[INTEGRATION.name])}
    shown = [*unified_order(), INTEGRATION.name]
    lines = ['flowchart TD']
    for name in reversed(shown):
        inserts = modules[name].stars
        lines += [f'    {_short(name)} ==> {_short(other)}' for other in inserts]
        names = [other for other in shown if other in modules[name].explicit and other not in inserts]
        lines += [
            f'    {_short(name)} --> {_short(other)}' for other in names if not _implied(other, [*names, *inserts], modules)
        ]
    return '\n'.join(lines)


def _implied(name: str, beside: list[str], modules: dict[str, Module]) -> bool:
    """Return whether a module is reached through another one of the same importer: a diagram of every import shows nothing."""
    return any(name in modules[other].explicit or name in inserted(modules[other], modules) for other in beside)


def _short(name: str) -> str:
    return name.removesuffix('ApiModule') if name != 'MicrosoftApiModule' else name


if __name__ == '__main__':
    print(f'```mermaid\n{as_mermaid()}\n```\n\n{as_markdown()}')
