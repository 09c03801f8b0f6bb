"""Incidents: the list, and the page of one."""

from flask import Blueprint, render_template

from .parts import Parts


def add_incidents(site: Blueprint, parts: Parts) -> None:
    """Add the list of incidents."""

    @site.get('/incidents')
    def incidents() -> str:
        return render_template('incidents.html', incidents=parts.incidents.search()[::-1])
