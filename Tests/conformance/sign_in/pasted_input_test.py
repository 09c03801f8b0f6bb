"""Values that administrators paste work, or are rejected with the name of the field."""

import pytest

from authentication_methods import METHODS_BY_NAME
from conformance.sign_in.methods import keywords
from conformance.sign_in.pasted_input_table import CONTRADICTIONS, ROWS, Contradiction, Pasted
from conformance.sign_in.rows import Refusal
from conformance.sign_in.running import assert_refusal, make
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import complete_browser_sign_in
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
from MicrosoftInstanceApiModule import InstanceSettings
from O365OutlookMailSingleUser import SPEC

PASTED = [row for row in ROWS if isinstance(row, Pasted)]


@pytest.mark.parametrize('row', [row for row in PASTED if row.field != 'command'], ids=str)
def test_a_pasted_setting_works_or_is_rejected(workbench: Workbench, row: Pasted) -> None:
    method = METHODS_BY_NAME[row.method]
    settings = keywords(row.method, workbench)
    settings[row.field] = row.paste(settings[row.field])
    make(workbench, method, workbench.client(settings), row.call)


@pytest.mark.parametrize('row', [row for row in PASTED if row.field == 'command'], ids=str)
def test_a_pasted_argument_works_or_is_rejected(workbench: Workbench, row: Pasted) -> None:
    settings = keywords(row.method, workbench)
    pasted = row.paste(settings.pop('auth_code'))
    client = workbench.client(settings)
    workbench.reset_counts()
    if isinstance(row.call.outcome, Refusal):
        with pytest.raises(MicrosoftSignInError) as refused:
            complete_browser_sign_in(client, pasted)
        assert_refusal(refused.value, row.call.outcome)
        workbench.assert_no_secret_in(refused.value)
    else:
        token = complete_browser_sign_in(client, pasted)
        assert workbench.cached_token(client, client.token_target()) == token
        assert workbench.cached_refresh_token(client)
    assert workbench.requests_to('entra') == row.call.requests


@pytest.mark.parametrize('row', CONTRADICTIONS, ids=str)
def test_contradictory_settings_are_rejected_with_their_names(row: Contradiction) -> None:
    with pytest.raises(CredentialError) as refusal:
        InstanceSettings(row.params, SPEC).credential()
    for name in row.says:
        assert name in str(refusal.value)
