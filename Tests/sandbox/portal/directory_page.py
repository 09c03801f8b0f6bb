"""What the Azure portal shows of the tenant: app registrations, managed identities, users."""

from flask import Flask, g, redirect, render_template, url_for
from werkzeug.wrappers import Response

from .model import NotHere, World


def add_directory(app: Flask, world: World) -> None:
    """Add the page of the tenant, and what an administrator can do there."""

    @app.get('/azure')
    @app.get('/azure/', endpoint='azure_root')
    @app.get('/azure/<path:rest>', endpoint='azure_below')
    def azure(rest: str = '') -> str:
        """Show the sandbox in place of any page of the Azure portal."""
        directory = world.cloud.directory
        tenants = {each.tenant_id: each for each in directory.tenants}
        return render_template(
            'directory.html',
            applications=[each for each in directory.applications if tenants[each.tenant_id].domain == 'contoso.example'],
            identities=directory.managed_identities,
            users=directory.users,
            tenants=tenants,
        )

    @app.post('/users/<name>/revoke')
    def revoke(name: str) -> Response:
        user = world.cloud.directory.find_user(name)
        if not user:
            raise NotHere(f'There is no user {name!r}. Choose one of the list.')
        user.revoke()
        g.visit.messages.append(('success', f'Revoked the sessions of {user.display_name}: a new sign-in is needed.'))
        return redirect(url_for('azure', _anchor='users'), 303)
