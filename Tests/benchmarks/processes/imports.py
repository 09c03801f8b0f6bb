"""Prints the milliseconds of processor time that imports take: first what every integration has, then the shared scripts."""

import time

begun = time.process_time()
import requests  # noqa: E402, F401 - what is measured

from CommonServerPython import *  # noqa: E402

between = time.process_time()
from MicrosoftGraphMailIncidentsApiModule import *  # noqa: E402 - it imports the others

ended = time.process_time()
print(json.dumps({'platform': (between - begun) * 1000, 'shared': (ended - between) * 1000}))
