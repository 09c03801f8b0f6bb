"""What public integrations use of the public MicrosoftApiModule, read in their sources. Not derived from this repository's module.

Source: integrations of github.com/demisto/content that import the module, and their tests.
"""

# name: integrations that use it
NAMES = {
    'AUTHORIZATION_CODE': 'AzureLogAnalytics, MicrosoftDefenderAdvancedThreatProtection, O365MessageTrace',
    'AZURE_CLOUDS': 'MicrosoftCloudAppSecurity, MicrosoftDefenderCloudAppsEventCollector',
    'AZURE_CLOUD_NAME_CUSTOM': 'get_azure_cloud',
    'AZURE_CLOUD_NAME_MAPPING': 'get_azure_cloud',
    'AZURE_WORLDWIDE_CLOUD': 'AzureKeyVault, AzureLogAnalytics, MicrosoftGraphUser, MicrosoftGraphAPI',
    'AzureCloud': 'EWSApiModule, EWSO365, O365MessageTrace',
    'AzureCloudEndpoints': 'EWSApiModule, EWSO365, EWSv2',
    'AzureCloudNames': 'the module of 2024',
    'AzureCloudSuffixes': 'the module of 2024',
    'CLIENT_CREDENTIALS': 'AzureStorage, AzureResourceGraph, O365MessageTrace',
    'CloudEndpointNotSetException': 'the module of 2024',
    'CloudSuffixNotSetException': 'the module of 2024',
    'DEVICE_CODE': 'AzureKubernetesServices, MicrosoftGraphApplications, AzureNetworkSecurityGroups',
    'GRAPH_BASE_ENDPOINTS': 'MicrosoftGraphMail, MicrosoftGraphListener, MicrosoftGraphCalendar',
    'GRAPH_ENDPOINTS': 'MicrosoftGraphMail',
    'MANAGED_IDENTITIES_SYSTEM_ASSIGNED': 'AzureStorage, AzureWAF, AzureNetworkSecurityGroups',
    'MANAGED_IDENTITIES_TOKEN_URL': 'AzureStorage, AzureWAF, AzureNetworkSecurityGroups',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_API': 'MicrosoftCloudAppSecurity',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_TOKEN_RETRIEVAL_ENDPOINTS': 'MicrosoftCloudAppSecurity',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE': 'MicrosoftCloudAppSecurity, MicrosoftDefenderCloudAppsEventCollector',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_API': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_APT_SERVICE_ENDPOINTS': (
        'MicrosoftDefenderAdvancedThreatProtection, Microsoft365DefenderEventCollector'
    ),
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_DEFAULT_ENDPOINT_TYPE': 'the module of 2024',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_GRAPH_ENDPOINTS': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TOKEN_RETRIVAL_ENDPOINTS': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE_CUSTOM': 'the module of 2024',
    'MicrosoftClient': 'all',
    'NotFoundError': 'MicrosoftGraphUser, MicrosoftGraphGroups',
    'OPROXY_AUTH_TYPE': 'MicrosoftDefenderAdvancedThreatProtection',
    'REFRESH_TOKEN': 'EWSO365',
    'Resources': 'O365MessageTrace, MicrosoftGraphDeviceManagement, MicrosoftDefenderAdvancedThreatProtection',
    'SELF_DEPLOYED_AUTH_TYPE': 'MicrosoftGraphMail',
    'SESSION_STATE': 'the module of 2024',
    'Scopes': 'AzureRiskyUsers, AzureSecurityCenter, MicrosoftGraphDeviceManagement',
    'TOKEN_EXPIRED_ERROR_CODES': 'MicrosoftTeams',
    'TOKEN_RETRIEVAL_ENDPOINTS': 'MicrosoftGraphMail',
    'azure_tag_formatter': 'AzureNetworkSecurityGroups, AzureStorage, AzureKeyVault',
    'create_custom_azure_cloud': 'get_azure_cloud',
    'generate_login_url': 'AzureLogAnalytics, AzureDevOps, AzureSentinel',
    'get_azure_cloud': 'AzureKubernetesServices, AzureKeyVault, EWSO365, MicrosoftGraphUser, O365MessageTrace',
    'get_azure_managed_identities_client_id': 'AzureKeyVault, O365MessageTrace, AzureStorage',
    'get_from_args_or_params': 'AzureKeyVault, AzureNetworkSecurityGroups, AzureStorage',
    'microsoft_defender_for_endpoint_get_base_url': 'MicrosoftDefenderAdvancedThreatProtection, Microsoft365DefenderEventCollector',
    'reset_auth': 'AzureDevOps, AzureLogAnalytics, AzureSentinel',
}

# attribute of the client: integrations that use it
CLIENT_ATTRIBUTES = {
    'auth_type': 'MicrosoftDefenderAdvancedThreatProtection',
    'azure_ad_endpoint': 'MicrosoftGraphMail',
    'azure_cloud': 'MicrosoftGraphMail',
    'client_id': 'generate_login_url',
    'create_api_metrics': 'O365MessageTrace',
    'device_auth_request': 'MicrosoftGraphApplications',
    'epoch_seconds': 'tests of MicrosoftGraphMail',
    'error_parser': 'tests of the module',
    'get_access_token': 'MicrosoftDefenderCloudAppsEventCollector',
    'get_encrypted': 'tests of the module',
    'grant_type': 'MicrosoftGraphUser, MicrosoftGraphFiles',
    'handle_error_with_metrics': 'O365MessageTrace',
    'http_request': 'all',
    'is_command_executed_from_integration': 'O365MessageTrace',
    'managed_identities_client_id': 'AzureLogAnalytics',
    'redirect_uri': 'generate_login_url',
    'scope': 'generate_login_url',
    'start_auth': 'AzureNetworkSecurityGroups, AzureKubernetesServices',
    'tenant_id': 'generate_login_url',
    'timeout': 'MicrosoftGraphMail',
    'verify': 'MicrosoftGraphMail',
}

_WORLDWIDE = {
    'endpoints.management': 'https://management.core.windows.net/',
    'endpoints.resource_manager': 'https://management.azure.com/',  # AzureKubernetesServices, AzureKeyVault
    'endpoints.active_directory': 'https://login.microsoftonline.com',  # O365MessageTrace, EWSApiModule
    'endpoints.microsoft_graph_resource_id': 'https://graph.microsoft.com/',  # MicrosoftGraphUser
    'endpoints.exchange_online': 'https://outlook.office365.com',  # EWSO365, EWSApiModule
    'endpoints.keyvault': 'https://vault.azure.net',  # AzureKeyVault
    'endpoints.log_analytics_resource_id': 'https://api.loganalytics.io',  # AzureLogAnalytics
    'endpoints.portal': 'https://portal.azure.com',
    'suffixes.keyvault_dns': '.vault.azure.net',  # AzureKeyVault
    'suffixes.storage_endpoint': 'core.windows.net',  # AzureStorage
    'suffixes.sql_server_hostname': '.database.windows.net',
    'suffixes.mysql_server_endpoint': '.mysql.database.azure.com',
    'suffixes.acr_login_server_endpoint': '.azurecr.io',
    'suffixes.mhsm_dns': '.managedhsm.azure.net',
    'suffixes.attestation_endpoint': '.attest.azure.net',
}
_US_GOVERNMENT = {
    'endpoints.management': 'https://management.core.usgovcloudapi.net/',
    'endpoints.sql_management': 'https://management.core.usgovcloudapi.net:8443/',
    'endpoints.batch_resource_id': 'https://batch.core.usgovcloudapi.net/',
    'endpoints.active_directory_graph_resource_id': 'https://graph.windows.net/',
    'endpoints.keyvault': 'https://vault.usgovcloudapi.net',
    'endpoints.log_analytics_resource_id': 'https://api.loganalytics.us',
    'endpoints.portal': 'https://portal.azure.us',
    'suffixes.keyvault_dns': '.vault.usgovcloudapi.net',
    'suffixes.storage_endpoint': 'core.usgovcloudapi.net',
    'suffixes.postgresql_server_endpoint': '.postgres.database.usgovcloudapi.net',
    'suffixes.storage_sync_endpoint': 'afs.azure.us',
    'suffixes.acr_login_server_endpoint': '.azurecr.us',
}
# abbreviation of a cloud: addresses. Source: `az cloud show` of the Azure CLI, and Microsoft's lists of Microsoft 365 endpoints.
ADDRESSES = {
    'com': _WORLDWIDE,
    'gcc': _WORLDWIDE,
    'gcc-high': {**_US_GOVERNMENT, 'endpoints.exchange_online': 'https://outlook.office365.us'},
    'dod': {**_US_GOVERNMENT, 'endpoints.exchange_online': 'https://outlook-dod.office365.us'},
    'cn': {
        'endpoints.management': 'https://management.core.chinacloudapi.cn/',
        'endpoints.batch_resource_id': 'https://batch.chinacloudapi.cn/',
        'endpoints.active_directory_graph_resource_id': 'https://graph.chinacloudapi.cn/',
        'endpoints.exchange_online': 'https://partner.outlook.cn',
        'endpoints.keyvault': 'https://vault.azure.cn',
        'endpoints.app_insights_telemetry_channel_resource_id': 'https://dc.applicationinsights.azure.cn/v2/track',
        'suffixes.keyvault_dns': '.vault.azure.cn',
        'suffixes.storage_endpoint': 'core.chinacloudapi.cn',
        'suffixes.acr_login_server_endpoint': '.azurecr.cn',
    },
    'de': {
        'endpoints.management': 'https://management.core.cloudapi.de/',
        'endpoints.portal': 'https://portal.microsoftazure.de',
        'suffixes.keyvault_dns': '.vault.microsoftazure.de',
        'suffixes.mariadb_server_endpoint': '.mariadb.database.cloudapi.de',
    },
}
