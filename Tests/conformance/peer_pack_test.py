"""Where the public integration is known to fall short: each point, and the tests that hold this one to doing better."""

import ast
from pathlib import Path

import pytest

from conformance.unified.sources import INTEGRATION, ROOT, SCRIPTS


def _unit(module: str) -> Path:
    return SCRIPTS / module / f'{module}_test.py'


CLIENT, STORE, IDENTITY = _unit('MicrosoftApiModule'), _unit('MicrosoftTokenStoreApiModule'), _unit('MicrosoftIdentityApiModule')
MAIL, COMMANDS = _unit('MicrosoftGraphMailApiModule'), _unit('MicrosoftGraphMailCommandsApiModule')
OUTGOING, SENDING = _unit('MicrosoftGraphMailOutgoingApiModule'), _unit('MicrosoftGraphMailSendApiModule')
SENDING_COMMANDS = _unit('MicrosoftGraphMailSendCommandsApiModule')
BUTTON = INTEGRATION / f'{INTEGRATION.name}_test.py'
E2E, SIGN_IN = ROOT / 'Tests' / 'e2e', ROOT / 'Tests' / 'conformance' / 'sign_in'
AT_ONCE = ROOT / 'Tests' / 'conformance' / 'token_store' / 'at_once_test.py'
FETCH = ROOT / 'Tests' / 'conformance' / 'fetch' / 'shortcomings_test.py'

# The points of each subject, in a few words, with the files and names of their tests.
POINTS: dict[str, dict[str, list[tuple[Path, str]]]] = {
    'fetch': {
        'mails of the same second are not lost': [
            (FETCH, 'test_mails_of_the_same_second_are_not_lost'),
            (FETCH, 'test_mails_of_the_same_second_that_come_in_two_runs_are_not_lost'),
        ],
        'late mails are not lost': [(FETCH, 'test_late_mails_are_not_lost')],
        'moved mails are not lost': [(FETCH, 'test_moved_mails_are_not_lost')],
        'a mailbox change keeps neither the old cursor nor the old folder': [
            (FETCH, 'test_a_mailbox_change_keeps_neither_the_old_cursor_nor_the_old_folder')
        ],
        'one bad mail does not block the mailbox': [(FETCH, 'test_one_bad_mail_does_not_block_the_mailbox_for_ever')],
        'the cursor is saved after the incidents': [(FETCH, 'test_the_cursor_is_saved_after_the_incidents')],
        'mails are marked as read when their incidents exist': [
            (E2E / 'mail_fetch_test.py', 'test_mails_are_marked_as_read_when_their_incidents_exist')
        ],
        'round trips are bounded': [
            (FETCH, 'test_round_trips_are_bounded'),
            (FETCH, 'test_attached_mails_cost_no_round_trip_each'),
        ],
        'an empty fetch_limit does not crash': [(FETCH, 'test_an_empty_limit_does_not_crash')],
    },
    'throttling': {
        'a command that runs again makes no second draft': [
            (SENDING, 'test_no_second_draft_is_made_after_a_throttling'),
            (SENDING_COMMANDS, 'test_a_throttled_command_goes_on_where_it_stopped'),
            (E2E / 'throttled_sending_test.py', 'test_a_throttled_mail_is_sent_once_by_a_later_run'),
        ],
        'Retry-After is read': [
            (MAIL, 'test_a_throttled_request_waits_as_long_as_graph_asks'),
            (MAIL, 'test_a_download_waits_as_long_as_graph_asks'),
            (FETCH, 'test_retry_after_is_read'),
        ],
        'a throttled attachment is no incident without attachments': [
            (FETCH, 'test_a_throttled_attachment_is_no_incident_without_attachments')
        ],
        'the JSON of an error is never saved as EML': [(FETCH, 'test_the_json_of_an_error_is_never_saved_as_eml')],
    },
    'wrong data': {
        'MIME is not decoded as text': [
            (MAIL, 'test_mime_is_not_decoded_as_text'),
            (COMMANDS, 'test_mime_decoded_as_text_would_not_be_what_the_mailbox_holds'),
        ],
        'header values keep their colons': [
            (OUTGOING, 'test_header_values_keep_their_colons'),
            (SENDING, 'test_headers_arrive_whole'),
            (COMMANDS, 'test_one_email_comes_with_its_headers_whole'),
        ],
        'a header without a colon is refused': [(OUTGOING, 'test_a_header_without_a_colon_is_refused_in_a_sentence')],
        'nameless attachments do not crash': [(COMMANDS, 'test_nameless_attachments_do_not_crash')],
        'a plain body is sent as plain text': [(SENDING, 'test_a_plain_body_is_sent_as_plain_text')],
        'a reply subject is prefixed once': [
            (OUTGOING, 'test_a_reply_subject_is_prefixed_once'),
            (SENDING_COMMANDS, 'test_a_reply_has_its_subject_once_and_a_text_of_its_own'),
        ],
        'delete-rule does not report its success as an error': [
            (COMMANDS, 'test_delete_rule_does_not_report_its_success_as_an_error'),
            (MAIL, 'test_delete_rule_204_is_no_error'),
        ],
        'rules do not use /me': [(MAIL, 'test_rules_do_not_use_me'), (COMMANDS, 'test_rules_of_another_mailbox_do_not_use_me')],
        'reference attachments do not vanish': [(COMMANDS, 'test_reference_attachments_do_not_vanish')],
        'ids are not put raw into URLs': [(MAIL, 'test_ids_are_not_put_raw_into_urls')],
        'update-status does not stop at the first bad id': [(COMMANDS, 'test_update_status_does_not_stop_at_the_first_bad_id')],
    },
    'sending': {
        'tiny images of the HTML take no upload session': [(SENDING, 'test_tiny_images_of_the_html_take_no_upload_session')],
        'the size of the whole request counts': [(SENDING, 'test_the_size_of_the_whole_request_counts')],
        'an upload is retried': [(SENDING, 'test_an_upload_is_retried')],
        'an upload has a timeout': [(SENDING, 'test_an_upload_has_a_timeout')],
        'an upload that fails leaves no draft': [
            (SENDING, 'test_an_upload_that_finally_fails_leaves_no_draft'),
            (E2E / 'mail_bad_input_test.py', 'test_upload_that_is_refused_leaves_no_draft'),
        ],
        'the id of the sent mail is known': [(SENDING, 'test_the_id_of_the_sent_mail_is_known')],
    },
    'sign-in': {
        'the Test button is green wherever no person is needed': [
            (BUTTON, 'test_the_test_button_signs_in_where_no_person_is_needed'),
            (BUTTON, 'test_the_test_button_names_the_next_command_where_a_person_is_needed'),
        ],
        'a newly pasted code beats the stored token': [
            (STORE, 'test_a_pasted_code_beats_what_is_kept_and_the_same_one_does_not'),
            (E2E / 'changed_instance_test.py', 'test_newly_pasted_code_signs_in_the_other_person'),
        ],
        'no token is kept when client, tenant or cloud change': [
            (SIGN_IN / 'changed_settings_test.py', 'test_new_settings_sign_in_anew_and_old_ones_find_their_token'),
            (E2E / 'changed_instance_test.py', 'test_changed_tenant_is_asked_itself'),
            (E2E / 'changed_instance_test.py', 'test_changed_client_is_asked_itself'),
        ],
        'an answer without a refresh token keeps the stored one': [
            (STORE, 'test_an_answer_without_a_refresh_token_keeps_the_old_one')
        ],
        'processes at once make one token request': [
            (AT_ONCE, 'test_ten_processes_with_an_expired_token_use_a_one_time_refresh_token_once'),
            (E2E / 'one_request_test.py', 'test_twenty_processes_make_one_token_request_and_all_answer'),
        ],
        'a sign-in has a state': [
            (CLIENT, 'test_the_redirect_url_of_another_sign_in_is_refused'),
            (E2E / 'changed_instance_test.py', 'test_redirect_url_of_another_sign_in_is_refused'),
        ],
        'a sign-in has PKCE': [(IDENTITY, 'test_the_login_url_holds_the_challenge_and_not_the_verifier')],
        'the redirect URI is encoded': [(SIGN_IN / 'login_url_test.py', 'test_the_redirect_uri_is_encoded_in_the_login_url')],
        'the login URL is that of the cloud': [(SIGN_IN / 'login_url_test.py', 'test_the_login_url_is_that_of_the_cloud')],
        'a warm token builds no assertion': [
            (CLIENT, 'test_a_warm_command_loads_no_cryptography'),
            (CLIENT, 'test_a_warm_request_asks_for_no_token_reads_the_context_once_and_writes_nothing'),
        ],
        'every request has a time limit': [
            (CLIENT, 'test_every_request_has_a_time_limit'),
            (SIGN_IN / 'environment_test.py', 'test_a_token_request_has_a_time_limit'),
        ],
        'the metadata header is true in lower case': [
            (SIGN_IN / 'environment_test.py', 'test_the_metadata_header_is_true_in_lower_case')
        ],
        'the metadata service is asked again': [
            (SIGN_IN / 'service_answers_test.py', 'test_the_metadata_service_is_asked_again_while_it_fails')
        ],
        'the metadata service is not asked through the proxy': [
            (SIGN_IN / 'environment_test.py', 'test_the_metadata_service_is_never_asked_through_a_proxy')
        ],
        'no token shows in debug logs': [(E2E / 'secrets_test.py', 'test_sign_in_shows_no_secret')],
        'no mail or attachment shows in debug logs': [
            (E2E / 'secrets_test.py', 'test_mails_and_attachments_do_not_show_in_debug_logs')
        ],
    },
}
NAMED = [pytest.param(tests, id=f'{subject}: {point}') for subject, points in POINTS.items() for point, tests in points.items()]


@pytest.mark.parametrize('tests', NAMED)
def test_each_point_has_a_test_of_that_name(tests: list[tuple[Path, str]]) -> None:
    assert [name for file, name in tests if name not in names_in(file)] == []


def test_no_test_answers_for_two_points() -> None:
    named = [test for points in POINTS.values() for tests in points.values() for test in tests]
    assert len(named) == len(set(named))


def names_in(file: Path) -> set[str]:
    """The tests that pytest finds at the top of a file."""
    tree = ast.parse(file.read_text(encoding='utf-8'))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith('test_')}
