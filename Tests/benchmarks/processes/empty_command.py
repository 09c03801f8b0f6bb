"""Run a command of an integration that does nothing."""

import json
import sys
from typing import Any

import requests  # noqa: F401 - as nearly every integration does

import demistomock as demisto
from CommonServerPython import *

json.load(sys.stdin)
said: list[Any] = []
demisto.results = lambda results: said.append(results)
return_results('done')
print(json.dumps(said))
