"""Settings > Integrations > Engines: the hosts that commands can run on."""

from flask import Blueprint, render_template

from .parts import Parts


def add_engines(site: Blueprint, parts: Parts) -> None:
    """Add the list of engines with the instances that run on each."""

    @site.get('/engines')
    def engines() -> str:
        instances = parts.instances.all()
        rows = [(name, [each for each in instances if each.engine == name]) for name in parts.engine.names]
        return render_template('engines.html', rows=rows)
