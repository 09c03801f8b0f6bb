"""The table of the demo."""

from demo.table import WIDTH, table, tour_table, tour_verdict, verdict
from demo.tour import Stop
from demo.walk import Row

GOOD = Row('Client secret', 'ok', 'ok', 2, 145.4)
BAD = Row('Cortex app', 'ok', 'failed', 1, 0, ['!msgraph-mail-auth-test: ' + 'The token could not be obtained. ' * 8])
LEFT_OUT = Row('Azure Arc', note='The key folder takes root.')
SEEN = Stop('Move the reply', '!msgraph-mail-move-email', 'in Archive', 151.4)
NOT_SEEN = Stop('Save the mail', '!msgraph-mail-get-email-as-eml', milliseconds=20, problem='It is not there. ' * 10)


def test_each_row_shows_its_five_cells() -> None:
    assert table([GOOD]).splitlines()[2].split() == ['Client', 'secret', 'ok', 'ok', '2', '145']


def test_columns_are_aligned() -> None:
    lines = table([GOOD, BAD]).splitlines()[:4]
    assert len({line.index('ok') for line in lines[2:]}) == 1
    assert len({len(line) for line in lines}) == 1


def test_sentences_stand_beneath_the_table_in_full() -> None:
    shown = table([GOOD, BAD])
    assert 'Cortex app: !msgraph-mail-auth-test: The token could not be obtained.' in shown
    assert ' '.join(shown.split()).count('The token could not be obtained.') == 8


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(map(len, table([GOOD, BAD, LEFT_OUT]).splitlines())) <= WIDTH


def test_row_that_was_left_out_says_why() -> None:
    shown = table([LEFT_OUT])
    assert 'left out' in shown.splitlines()[2]
    assert shown.splitlines()[-1] == 'Azure Arc: The key folder takes root.'


def test_verdict_counts_what_holds() -> None:
    assert verdict([GOOD, GOOD]) == 'All 2 ways to sign in hold.'
    assert verdict([GOOD, BAD]) == '1 of 2 ways to sign in do not hold.'
    assert verdict([GOOD, LEFT_OUT]) == 'All 1 ways to sign in hold. 1 was left out.'


def test_steps_of_the_tour_are_aligned() -> None:
    lines = tour_table([SEEN, NOT_SEEN]).splitlines()[:4]
    assert lines[2].split('  ')[0] == 'Move the reply'
    assert lines[2].split()[-3:] == ['in', 'Archive', '151']
    assert {line.index('!') for line in lines[2:]} == {lines[0].index('Command')}
    assert len({len(line) for line in lines}) == 1


def test_sentence_of_a_step_stands_beneath_the_tour_in_full() -> None:
    shown = tour_table([SEEN, NOT_SEEN])
    assert ' '.join(shown.split()).count('It is not there.') == 10
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_verdict_says_how_far_the_tour_came() -> None:
    assert tour_verdict([SEEN, SEEN]) == 'All 2 steps of the tour hold.'
    assert tour_verdict([SEEN, NOT_SEEN]) == 'The tour of the mailbox ended at step 2, which does not hold.'
