"""The JSON text of an incident that the fetch makes, read: every key that it can have, each with something in it."""
from typing import Any

SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
HEADERS = {
    'Received': 'from mail.contoso.example by inbound.contoso.example', 'Return-Path': 'ada@contoso.example',
    'in-reply-to': '<0@mail.contoso.example>', 'X-Originating-IP': '[192.0.2.7]',
}
ATTACHMENTS: list[dict[str, Any]] = [
    {'ID': 'AAMkAGI2THVSAAABEgAQAA=', 'Name': 'invoice.tar.gz', 'Kind': 'file', 'ContentType': 'application/gzip', 'Size': 1024,
     'ContentID': '', 'IsInline': False, 'SHA256': SHA256},
    {'ID': 'AAMkAGI2THVSAAABEgAQAB=', 'Name': 'README', 'Kind': 'reference', 'ContentType': 'text/plain', 'Size': 9,
     'ContentID': 'image@contoso.example', 'IsInline': True, 'Missing': 'It is a link to a file elsewhere.'},
]
EMAIL: dict[str, Any] = {
    'ID': 'AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0AAA', 'MessageID': '<1@mail.contoso.example>', 'ConversationID': 'AAQkAGI2yEto',
    'Mailbox': 'soc@contoso.example', 'Folder': 'Inbox/Phishing', 'ParentFolderID': 'AQMkAGI2AAEMAAA=',
    'WebLink': 'https://outlook.office365.com/owa/?ItemID=AAkALgAA',
    'CreatedTime': '2026-01-31T23:59:58Z', 'ModifiedTime': '2026-01-31T23:59:59Z', 'ReceivedTime': '2026-01-31T23:59:57Z',
    'SentTime': '2026-01-31T23:59:56Z',
    'Subject': 'Invoice', 'Importance': 'normal', 'Flag': 'notFlagged', 'IsRead': False, 'IsDraft': False,
    'Categories': ['Red category', 'Blue category'],
    'Headers': [{'name': name, 'value': value} for name, value in HEADERS.items()],
    'Sender': 'ada@contoso.example', 'SenderName': 'Ada', 'From': 'ada@contoso.example', 'FromName': 'Ada',
    'To': ['soc@contoso.example', 'bob@contoso.example'], 'ToNames': ['SOC', 'Bob'],
    'Cc': ['carol@contoso.example'], 'CcNames': ['Carol'], 'Bcc': ['dan@contoso.example'], 'BccNames': ['Dan'],
    'ReplyTo': ['billing@contoso.example'], 'ReplyToNames': ['Billing'],
    'BodyPreview': 'Please pay.', 'Body': '<p>Please pay.</p>', 'BodyType': 'html',
    'HTML': '<p>Please pay.</p>', 'Text': 'Please pay.',
    'HasAttachments': True, 'Attachments': [{'path': '1_2', 'name': 'invoice.tar.gz', 'type': 'application/gzip'}],
    'AttachmentDetails': ATTACHMENTS, 'EML': {'Name': 'Invoice.eml', 'SHA256': SHA256},
    'Missing': ['One attachment was not taken.'],
}
