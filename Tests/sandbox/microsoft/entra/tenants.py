"""Find the tenant and the application that a request names."""

import re

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.model import Application, Directory, Tenant, User

PERSONAL = 'consumers'
SHARED_TENANTS = ('common', 'organizations', PERSONAL)
TENANT_NAME = re.compile(r'[0-9a-z]([0-9a-z.-]*[0-9a-z])?', re.IGNORECASE)


def requested_tenant(directory: Directory, name: str) -> Tenant | None:
    """Return the tenant called ``name`` (ID or domain); None for ``common``, ``organizations`` and ``consumers``.

    Raises:
        EntraError: 900023 if it cannot name a tenant, 90002 if the tenant does not exist.
    """
    if name.lower() in SHARED_TENANTS:
        return None
    tenant = directory.find_tenant(name)
    if tenant is None:
        if not TENANT_NAME.fullmatch(name) or ('.' not in name and '-' not in name):
            raise EntraError(900023, f"'{name}' is neither a GUID nor a domain name.")
        raise EntraError(90002, f"No tenant named '{name}' exists in this cloud.")
    return tenant


def requested_application(directory: Directory, tenant_name: str, client_id: str) -> Application:
    """Return the application of that client ID in the tenant.

    Raises:
        EntraError: 700016 when the tenant does not know it, 7000112 when it is disabled, 9002332 at ``consumers``, 50194 when it
            is registered for one tenant and a common endpoint was asked.
    """
    tenant = requested_tenant(directory, tenant_name)
    application = next((known for known in directory.applications if known.client_id == client_id.lower()), None)
    if application is None or not _is_known(application, tenant):
        raise EntraError(700016, f"Tenant '{tenant_name}' does not know an application with ID '{client_id}'.")
    if not application.enabled:
        raise EntraError(7000112, f"Application '{client_id}' is disabled.")
    if tenant_name.lower() == PERSONAL:
        raise EntraError(9002332)
    if tenant is None and not application.is_multi_tenant:
        raise EntraError(50194)
    return application


def _is_known(application: Application, tenant: Tenant | None) -> bool:
    return tenant is None or application.is_multi_tenant or tenant.tenant_id in application.service_principals


def home_tenant(directory: Directory, tenant_name: str, user: User) -> Tenant:
    """Return the tenant in which ``user`` signs in. Raises EntraError 50020 when the user belongs to another one."""
    tenant = requested_tenant(directory, tenant_name)
    if tenant is not None and tenant.tenant_id != user.tenant_id:
        raise EntraError(50020, f"'{user.user_principal_name}' does not exist in tenant '{tenant.display_name}'.")
    return directory.tenant(user.tenant_id)
