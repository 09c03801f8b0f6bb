"""The call paths in docs/architecture.md name functions that are defined where a reader is sent."""

import importlib
import re

import pytest

from conformance.unified.sources import API_MODULES, ROOT

ARCHITECTURE = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
PATHS = re.findall(r'^## (Call path of .+)\n\n.*\n\n((?:\d+\. .*\n)+)', ARCHITECTURE, re.MULTILINE)
STEPS = [step for _, path in PATHS for step in re.findall(r'^\d+\. (.*)$', path, re.MULTILINE)]


def test_token_fetch_and_sending_have_a_call_path() -> None:
    assert [title for title, _ in PATHS] == [
        'Call path of a token',
        'Call path of a fetched message',
        'Call path of a sent message',
    ]


@pytest.mark.parametrize('step', STEPS)
def test_the_function_of_a_step_is_defined_in_its_module(step: str) -> None:
    named = re.match(r'`([\w.]+)` \((\w+)\): .', step)
    assert named, 'A step starts with a function and its module.'
    assert named[2] in API_MODULES
    found = importlib.import_module(named[2])
    for part in named[1].split('.'):
        found = getattr(found, part)
    assert found.__module__ == named[2]
