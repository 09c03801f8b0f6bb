"""A notification from a template, with a file whose content is an argument."""

from e2e.analyst import BOB, Analyst


def test_send_mail_from_a_template(analyst: Analyst) -> None:
    analyst.run(
        'send-mail',
        to=BOB,
        subject='{name}: we looked at your email',
        htmlBody='<p>About {name}</p>',
        templateParams='{"name": {"value": "Jane, your invoice"}}',
        transientFile='report.txt',
        transientFileContent='It was harmless, as were all others.',
    )
    [sent] = [one for one in analyst.messages('inbox', BOB) if one.subject.endswith('we looked at your email')]
    assert sent.subject == 'Jane, your invoice: we looked at your email'
    assert 'About Jane, your invoice' in str(sent.html)
    [file] = sent.attachments
    assert (file.name, file.content.read()) == ('report.txt', b'It was harmless, as were all others.')
