"""Print the milliseconds of processor time that imports take: first what every integration has, then the shared scripts."""

import time

begun = time.process_time()
import requests  # noqa: E402, F401 - what is measured

from CommonServerPython import *  # noqa: E402

between = time.process_time()
from MicrosoftApiModule import *  # noqa: E402
from MicrosoftGraphMailClientApiModule import *  # noqa: E402
from MicrosoftGraphMailCommandsApiModule import *  # noqa: E402
from MicrosoftGraphMailFetchApiModule import *  # noqa: E402
from MicrosoftGraphMailFetchOptionsApiModule import *  # noqa: E402
from MicrosoftGraphMailSearchApiModule import *  # noqa: E402
from MicrosoftGraphMailSendApiModule import *  # noqa: E402
from MicrosoftInstanceApiModule import *  # noqa: E402
from MicrosoftMailMimeApiModule import *  # noqa: E402

ended = time.process_time()
print(json.dumps({'platform': (between - begun) * 1000, 'shared': (ended - between) * 1000}))
