"""Emails as they are found in the wild: MIME that breaks the rules, or that readers for well-formed mails stumble over."""


def _mixed(part: str, kind: str = 'mixed') -> str:
    return f'Content-Type: multipart/{kind}; boundary=o\n\n--o\n{part}\n--o--\n'


# By what is odd: the mail without From and Subject, a part of the text that Graph shows, and the types of its attachments.
ODD_MAILS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    'a multipart without parts': ('Content-Type: multipart/mixed; boundary=o\n\nnothing here\n', '', ('multipart/mixed',)),
    'a multipart without a boundary': ('Content-Type: multipart/mixed\n\nnothing here\n', '', ('multipart/mixed',)),
    'an empty multipart': ('Content-Type: multipart/mixed; boundary=o\n\n', '', ('multipart/mixed',)),
    'a multipart without parts in another': (
        _mixed('Content-Type: multipart/alternative; boundary=i\n\nnothing'),
        '',
        ('multipart/alternative',),
    ),
    'pictures only': (_mixed('Content-Type: image/png\n\nx', 'related'), '', ('image/png',)),
    'an unknown character set': ('Content-Type: text/plain; charset=x-unknown\n\nplain text\n', 'plain text', ()),
    'an unknown character set of HTML in base64': (
        'Content-Type: text/html; charset="foo-8"\nContent-Transfer-Encoding: base64\n\nPHA+cmljaDwvcD4=\n',
        '<p>rich</p>',
        (),
    ),
    'an empty character set': ('Content-Type: text/plain; charset=""\n\nplain text\n', 'plain text', ()),
    'a character set that cannot be decoded': (
        "Content-Type: text/plain; charset*=us-ascii''%FF\n\nplain text\n",
        'plain text',
        (),
    ),
    'bytes that the character set does not have': ('Content-Type: text/plain; charset=us-ascii\n\nplain \xe4\n', 'plain', ()),
    'a delivery report': (
        _mixed(
            'Content-Type: text/plain\n\nIt failed.\n--o\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n'
            'Final-Recipient: rfc822; b@c.example\nAction: failed\n\n--o\nContent-Type: message/rfc822\n\nSubject: lost\n\nbody',
            'report; report-type=delivery-status',
        ),
        'It failed.',
        ('message/delivery-status', 'message/rfc822'),
    ),
    'a delivery report with headers': (
        _mixed('Content-Type: text/plain\n\nIt failed.\n--o\nContent-Type: text/rfc822-headers\n\nSubject: lost\n', 'report'),
        'It failed.',
        ('text/rfc822-headers',),
    ),
    'an attached email in base64': (
        _mixed('Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW5uZXIKCmhlbGxvCg=='),
        '',
        ('message/rfc822',),
    ),
    'an attached email in quoted-printable': (
        _mixed('Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nSubject: in=6Eer\n\nhello'),
        '',
        ('message/rfc822',),
    ),
    'an attached email that is none': (_mixed('Content-Type: message/rfc822\n\n'), '', ('message/rfc822',)),
    'an email as a part of another': (
        'Content-Type: message/partial; id=x; number=1\n\nSubject: in\n\nx\n',
        '',
        ('message/partial',),
    ),
    'a file name in pieces of an unknown character set': (
        _mixed(
            "Content-Type: image/png; name*0*=foo'x'%E4; name*2=y\nContent-Disposition: attachment; filename*=x-foo''%E4\n\nx"
        ),
        '',
        ('image/png',),
    ),
    'base64 that is none': ('Content-Transfer-Encoding: base64\n\n!!!a\n', '', ()),
    'an unknown transfer encoding': ('Content-Transfer-Encoding: x-none\n\nplain text\n', 'plain text', ()),
    'a type that is none': ('Content-Type: ;;;\n\nplain text\n', 'plain text', ()),
    'addresses that are none': ('To: a@, b c d <\nCc: <<>> "x\n\nplain text\n', 'plain text', ()),
    'an ID that is none': ('Message-ID: <[x@y>\nReferences: \xff <a\n\nplain text\n', 'plain text', ()),
    'a date that is none': ('Date: Mon, 99 Foo 20000 99:99:99 +9999\n\nplain text\n', 'plain text', ()),
    'encoded words of unknown character sets': ('X-Odd: =?foo-1?b?eHg=?= =?utf-8?q?=ff?=\n\nplain text\n', 'plain text', ()),
    'UTF-7': ('Content-Type: text/plain; charset=unicode-1-1-utf-7\n\nplain text\n', 'plain text', ()),
}


def odd_mail(name: str) -> bytes:
    return f'From: Zoe <zoe@partner.example>\nSubject: {name}\n{ODD_MAILS[name][0]}'.encode('latin-1')
