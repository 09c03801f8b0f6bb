"""What public integrations and their tests use of the public MicrosoftApiModule. Not derived from the module of this repository.

Source: integrations in github.com/demisto/content, as read in 2026. ``MicrosoftApiModule`` stands for names that only the public
module itself or its tests were seen to use.
"""

import copy
import http.client
import json
import urllib.parse
from datetime import datetime, timedelta

import requests

# name: where it is used
NAMES = {
    'AUTHORIZATION_CODE': 'AzureKubernetesServices, MicrosoftDefenderAdvancedThreatProtection, O365MessageTrace',
    'AZURE_CLOUDS': 'MicrosoftCloudAppSecurity, MicrosoftDefenderCloudAppsEventCollector',
    'AZURE_CLOUD_NAME_CUSTOM': 'MicrosoftApiModule',
    'AZURE_CLOUD_NAME_MAPPING': 'MicrosoftApiModule',
    'AZURE_US_GCC_HIGH_CLOUD': 'AzureResourceGraph',
    'AZURE_WORLDWIDE_CLOUD': 'AzureLogAnalytics, MicrosoftGraphAPI, MicrosoftGraphUser, O365MessageTrace',
    'AzureCloud': 'EWSApiModule, O365MessageTrace',
    'AzureCloudEndpoints': 'EWSApiModule',
    'AzureCloudNames': 'MicrosoftApiModule',
    'AzureCloudSuffixes': 'MicrosoftApiModule',
    'BaseClient': 'AzureDevOps, MicrosoftGraphUser',
    'CLIENT_CREDENTIALS': 'AzureFirewall, O365MessageTrace',
    'CloudEndpointNotSetException': 'MicrosoftApiModule',
    'CloudSuffixNotSetException': 'MicrosoftApiModule',
    'DEVICE_CODE': 'AzureFirewall, AzureKubernetesServices, MicrosoftGraphApplications',
    'GRAPH_BASE_ENDPOINTS': 'MicrosoftGraphCalendar, MicrosoftGraphMail',
    'GRAPH_ENDPOINTS': 'MicrosoftApiModule',
    'MANAGED_IDENTITIES_SYSTEM_ASSIGNED': 'MicrosoftApiModule',
    'MANAGED_IDENTITIES_TOKEN_URL': 'AzureLogAnalytics, AzureStorageContainer, MicrosoftGraphSecurity, MicrosoftGraphUser',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_API': 'MicrosoftCloudAppSecurity',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_TOKEN_RETRIEVAL_ENDPOINTS': 'MicrosoftCloudAppSecurity',
    'MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE': 'MicrosoftCloudAppSecurity, MicrosoftDefenderCloudAppsEventCollector',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_API': 'MicrosoftApiModule',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_APT_SERVICE_ENDPOINTS': (
        'Microsoft365DefenderEventCollector, MicrosoftDefenderAdvancedThreatProtection'
    ),
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_DEFAULT_ENDPOINT_TYPE': 'MicrosoftApiModule',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_GRAPH_ENDPOINTS': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TOKEN_RETRIVAL_ENDPOINTS': 'MicrosoftDefenderAdvancedThreatProtection',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE': 'MicrosoftApiModule',
    'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE_CUSTOM': 'MicrosoftApiModule',
    'MicrosoftClient': 'all',
    'NotFoundError': 'MicrosoftApiModule',
    'OPROXY_AUTH_TYPE': 'MicrosoftDefenderAdvancedThreatProtection',
    'REFRESH_TOKEN': 'MicrosoftApiModule',
    'Resources': 'AzureRiskyUsers, AzureWAF, Microsoft365Defender, MicrosoftGraphFiles, MicrosoftManagementActivity',
    'SELF_DEPLOYED_AUTH_TYPE': 'MicrosoftApiModule',
    'SESSION_STATE': 'MicrosoftApiModule',
    'Scopes': 'AzureFirewall, AzureWAF, MicrosoftDefenderAdvancedThreatProtection',
    'TOKEN_EXPIRED_ERROR_CODES': 'MicrosoftApiModule',
    'TOKEN_RETRIEVAL_ENDPOINTS': 'MicrosoftApiModule',
    'azure_tag_formatter': 'AzureKeyVault, AzureKubernetesServices, AzureLogAnalytics, AzureSecurityCenter',
    'create_custom_azure_cloud': 'MicrosoftApiModule',
    'generate_login_url': 'AzureDataExplorer, AzureLogAnalytics, MicrosoftGraphSecurity, MicrosoftGraphUser',
    'get_azure_cloud': 'AzureKeyVault, AzureKubernetesServices, EWSO365, MicrosoftGraphUser, O365MessageTrace',
    'get_azure_managed_identities_client_id': 'AzureKeyVault, O365MessageTrace',
    'get_from_args_or_params': 'AzureKeyVault, AzureKubernetesServices, AzureNetworkSecurityGroups',
    'microsoft_defender_for_endpoint_get_base_url': 'Microsoft365DefenderEventCollector',
    'reset_auth': 'AzureKubernetesServices, AzureRiskyUsers, Microsoft365Defender',
}

# name: what integrations import under it beside the star, which is inserted before or after that import
IMPORTED = {
    'ConnectionError': requests.exceptions.ConnectionError,  # Azure
    'HTTPConnection': http.client.HTTPConnection,  # the usual one; urllib3 has another
    'HTTPError': requests.exceptions.HTTPError,  # the usual one; urllib3 has another
    'Timeout': requests.exceptions.Timeout,  # Azure
    'copy': copy,  # AzureKeyVault, Microsoft365DefenderEventCollector
    'datetime': datetime,  # AzureDataExplorer, AzureKeyVault, O365MessageTrace
    'json': json,  # AzureSentinel
    'quote': urllib.parse.quote,  # MicrosoftGraphMailApiModule
    'requests': requests,  # AzureDataExplorer, AzureKeyVault, AzureSentinel
    'timedelta': timedelta,  # O365MessageTrace
}

# What integrations define, in the namespace of which this module becomes a part. The last ones are of the public module too.
DEFINED = [
    'AADClient',
    'AKSClient',
    'APP_NAME',
    'ASClient',
    'Client',
    'Config',
    'Credentials',
    'DATE_FORMAT',
    'DataExplorerClient',
    'EventFilter',
    'KeyVaultClient',
    'MAX_ENTRIES',
    'MAX_FETCH',
    'Method',
    'MsClient',
    'MsGraphClient',
    'MsGraphMailBaseClient',
    'PRODUCT',
    'SCOPE_BY_CONNECTION',
    'TIMEOUT',
    'VENDOR',
    'camel_case_to_readable',
    'complete_auth',
    'create_data_to_update',
    'deduplicate_events',
    'fetch_events',
    'fetch_incidents',
    'format_date',
    'get_events',
    'get_timestamp',
    'load_json',
    'main',
    'module_test',
    'pagination',
    'parse_datetime',
    'parse_list',
    'parse_outputs',
    'query_set_limit',
    'set_authorization',
    'start_auth',
    'str_to_bool',
    'test_connection',
    'test_function',
    'test_module',
    'url_validation',
    'azure_tag_formatter',
    'get_from_args_or_params',
    'reset_auth',
]

# attribute of the client: where it is used
CLIENT_ATTRIBUTES = {
    '_http_request': 'MicrosoftGraphUser, O365MessageTrace',
    '_ok_codes': 'MicrosoftApiModule',
    'auth_code': 'MicrosoftGraphFiles',
    'auth_type': 'MicrosoftDefenderAdvancedThreatProtection',
    'azure_ad_endpoint': 'MicrosoftApiModule',
    'azure_cloud': 'MicrosoftApiModule',
    'client_id': 'MicrosoftApiModule',
    'create_api_metrics': 'MicrosoftApiModule',
    'device_auth_request': 'MicrosoftGraphApplications',
    'epoch_seconds': 'MicrosoftApiModule',
    'error_parser': 'MicrosoftApiModule',
    'get_access_token': 'MicrosoftDefenderCloudAppsEventCollector',
    'get_encrypted': 'MicrosoftApiModule',
    'grant_type': 'MicrosoftGraphFiles, MicrosoftGraphUser',
    'handle_error_with_metrics': 'O365MessageTrace',
    'http_request': 'all',
    'is_command_executed_from_integration': 'MicrosoftApiModule',
    'managed_identities_client_id': 'AzureLogAnalytics',
    'managed_identities_resource_uri': 'AzureLogAnalytics',
    'redirect_uri': 'MicrosoftApiModule, MicrosoftGraphFiles',
    'scope': 'AzureRiskyUsers',
    'start_auth': 'AzureDevOps, AzureNetworkSecurityGroups, AzureWAF, Microsoft365Defender',
    'tenant_id': 'MicrosoftApiModule',
    'token_retrieval_url': 'AzureLogAnalytics, AzureRiskyUsers',
    'timeout': 'O365MessageTrace',
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
    'suffixes.storage_endpoint': 'core.windows.net',
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
