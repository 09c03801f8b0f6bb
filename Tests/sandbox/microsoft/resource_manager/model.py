"""What Azure Resource Manager manages here: subscriptions."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Subscription:
    """An Azure subscription; ``readers`` holds the object IDs of the principals that may see it."""

    subscription_id: str
    display_name: str
    tenant_id: str
    readers: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """Return the subscription as Resource Manager lists it."""
        return {
            'id': f'/subscriptions/{self.subscription_id}',
            'authorizationSource': 'RoleBased',
            'subscriptionId': self.subscription_id,
            'tenantId': self.tenant_id,
            'displayName': self.display_name,
            'state': 'Enabled',
        }
