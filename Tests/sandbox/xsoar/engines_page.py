"""Settings > Integrations > Engines: the hosts that commands can run on."""

from flask import Blueprint, render_template

from .components import Components


def add_engines(site: Blueprint, components: Components) -> None:
    """Add the list of engines with the instances that run on each."""

    @site.get('/engines')
    def engines() -> str:
        instances = components.instances.all()
        rows = [(name, [each for each in instances if each.engine == name]) for name in components.engine.names]
        return render_template('engines.html', rows=rows)
