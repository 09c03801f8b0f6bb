"""What Defender for Endpoint knows here: machines, and alerts on them."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any


def iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


@dataclass(kw_only=True)
class Machine:
    """A device that reports to Defender; ``last_seen`` is in epoch seconds."""

    computer_dns_name: str
    os_platform: str
    risk_score: str
    last_seen: float
    machine_id: str = field(default_factory=lambda: uuid.uuid4().hex + '00000000')

    def as_json(self) -> dict[str, Any]:
        """Return the machine as Defender lists it."""
        return {
            'id': self.machine_id,
            'computerDnsName': self.computer_dns_name,
            'lastSeen': iso_time(self.last_seen),
            'osPlatform': self.os_platform,
            'healthStatus': 'Active',
            'riskScore': self.risk_score,
            'exposureLevel': 'Low',
            'onboardingStatus': 'Onboarded',
            'machineTags': [],
        }


@dataclass(kw_only=True)
class Alert:
    """An alert on a machine; ``created`` is in epoch seconds."""

    title: str
    severity: str
    category: str
    machine: Machine
    created: float
    status: str = 'New'
    alert_id: str = field(default_factory=lambda: f'da{uuid.uuid4().int % 10**18}_{uuid.uuid4().int % 10**9}')

    def as_json(self) -> dict[str, Any]:
        """Return the alert as Defender lists it."""
        return {
            'id': self.alert_id,
            'title': self.title,
            'severity': self.severity,
            'status': self.status,
            'category': self.category,
            'machineId': self.machine.machine_id,
            'computerDnsName': self.machine.computer_dns_name,
            'alertCreationTime': iso_time(self.created),
            'lastUpdateTime': iso_time(self.created),
            'detectionSource': 'WindowsDefenderAtp',
        }
