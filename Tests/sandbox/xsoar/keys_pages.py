"""Settings > Integrations > Credentials and API Keys: what instances, and what clients of this server, sign in with."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from .components import Components


def add_keys(site: Blueprint, components: Components) -> None:
    """Add both pages."""
    _add_credentials(site, components)
    _add_api_keys(site, components)


def _add_credentials(site: Blueprint, components: Components) -> None:
    @site.get('/credentials')
    def credentials() -> str:
        rows = [(each, components.credentials.users(each.name)) for each in components.credentials.all()]
        return render_template('credentials.html', rows=rows)

    @site.post('/credentials')
    def save_credentials() -> Response:
        name = request.form.get('name', '').strip()
        components.credentials.save(name, request.form.get('user', '').strip(), request.form.get('password', ''))
        g.visit.messages.append(('success', f'Saved the credentials {name}.'))
        return redirect(url_for('pages.credentials'), 303)

    @site.post('/credentials/delete')
    def delete_credentials() -> Response:
        name = request.form.get('name', '')
        components.credentials.delete(name)
        g.visit.messages.append(('success', f'Deleted the credentials {name}.'))
        return redirect(url_for('pages.credentials'), 303)


def _add_api_keys(site: Blueprint, components: Components) -> None:
    @site.get('/api-keys')
    def api_keys() -> str:
        return render_template('api_keys.html', keys=components.api_keys.all(), url=components.surroundings.url)

    @site.post('/api-keys')
    def add_api_key() -> Response:
        added, key = components.api_keys.add(request.form.get('name', ''))
        g.visit.messages += [('success', f'Made the API key {added.name}. It is shown this once:'), ('key', key)]
        return redirect(url_for('pages.api_keys'), 303)

    @site.post('/api-keys/<int:number>/revoke')
    def revoke_api_key(number: int) -> Response:
        components.api_keys.revoke(number)
        g.visit.messages.append(('success', f'Revoked the API key {number}.'))
        return redirect(url_for('pages.api_keys'), 303)
