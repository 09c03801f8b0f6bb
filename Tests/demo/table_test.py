"""The table of the demo."""

from demo.method_check import MethodResult
from demo.table import WIDTH, method_table, method_verdict, tour_table, tour_verdict
from demo.tour import TourStep

GOOD = MethodResult('Client secret', 'ok', 'ok', 2, 145.4)
BAD = MethodResult('Cortex app', 'ok', 'failed', 1, 0, ['!msgraph-mail-auth-test: ' + 'The token could not be obtained. ' * 8])
LEFT_OUT = MethodResult('Azure Arc', note='The key folder takes root.')
SEEN = TourStep('Move the reply', '!msgraph-mail-move-email', 'in Archive', 151.4)
NOT_SEEN = TourStep('Save the mail', '!msgraph-mail-get-email-as-eml', milliseconds=20, problem='It is not there. ' * 10)


def test_each_row_shows_its_five_cells() -> None:
    assert method_table([GOOD]).splitlines()[2].split() == ['Client', 'secret', 'ok', 'ok', '2', '145']


def test_columns_are_aligned() -> None:
    lines = method_table([GOOD, BAD]).splitlines()[:4]
    assert len({line.index('ok') for line in lines[2:]}) == 1
    assert len({len(line) for line in lines}) == 1


def test_sentences_follow_the_table_in_full() -> None:
    shown = method_table([GOOD, BAD])
    assert 'Cortex app: !msgraph-mail-auth-test: The token could not be obtained.' in shown
    assert ' '.join(shown.split()).count('The token could not be obtained.') == 8


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(map(len, method_table([GOOD, BAD, LEFT_OUT]).splitlines())) <= WIDTH


def test_row_that_was_left_out_says_why() -> None:
    shown = method_table([LEFT_OUT])
    assert 'left out' in shown.splitlines()[2]
    assert shown.splitlines()[-1] == 'Azure Arc: The key folder takes root.'


def test_verdict_counts_what_works() -> None:
    assert method_verdict([GOOD, GOOD]) == 'All 2 authentication methods work.'
    assert method_verdict([GOOD, BAD]) == '1 of 2 authentication methods do not work.'
    assert method_verdict([GOOD, LEFT_OUT]) == 'All 1 authentication methods work. 1 was left out.'


def test_steps_of_the_tour_are_aligned() -> None:
    lines = tour_table([SEEN, NOT_SEEN]).splitlines()[:4]
    assert lines[2].split('  ')[0] == 'Move the reply'
    assert lines[2].split()[-3:] == ['in', 'Archive', '151']
    assert {line.index('!') for line in lines[2:]} == {lines[0].index('Command')}
    assert len({len(line) for line in lines}) == 1


def test_sentence_of_a_step_follows_the_tour_in_full() -> None:
    shown = tour_table([SEEN, NOT_SEEN])
    assert ' '.join(shown.split()).count('It is not there.') == 10
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_verdict_says_how_far_the_tour_got() -> None:
    assert tour_verdict([SEEN, SEEN]) == 'All 2 steps of the tour work.'
    assert tour_verdict([SEEN, NOT_SEEN]) == 'The tour of the mailbox ended at step 2: Save the mail.'
