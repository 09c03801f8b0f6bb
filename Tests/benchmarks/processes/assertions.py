"""Print the milliseconds that signing an assertion takes: the first time, with the imports that it needs, and later ones."""

import json
import sys
import time
from statistics import median

from MicrosoftCredentialsApiModule import CertificateCredential

job = json.load(sys.stdin)
times = job.pop('times')
credential = CertificateCredential(**job)
measured = []
for _ in range(1 + times):
    begun = time.perf_counter()
    credential.assertion(time.time())
    measured.append((time.perf_counter() - begun) * 1000)
print(json.dumps({'first': measured[0], 'later': median(measured[1:])}))
