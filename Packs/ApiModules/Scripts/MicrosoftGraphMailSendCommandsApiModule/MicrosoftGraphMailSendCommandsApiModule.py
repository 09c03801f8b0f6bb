"""Provide the commands that draft and send mail. An integration adds SENDING_COMMANDS to its commands."""

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

import demistomock as demisto

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import CommandResults, DemistoException, EntryFormat, EntryType, argToList
    from MicrosoftCoreApiModule import JsonObject, clean_value
    from MicrosoftApiModule import reschedule, supports_scheduling
    from MicrosoftInstanceApiModule import (
        Arguments,
        bool_argument,
        future_datetime,
        int_argument,
        json_argument,
        required_argument,
        text_of,
    )
    from MicrosoftMailMimeApiModule import has_html_tag, html_to_text, is_closed, is_html, text_as_html
    from MicrosoftGraphClientApiModule import GraphError, graph_id
    from MicrosoftGraphMailClientApiModule import (
        DRAFT_PROPERTIES,
        EmailAddress,
        GraphMailClient,
        Mailbox,
        RECIPIENT_LISTS,
        addresses_in,
        bare_content_id,
    )
    from MicrosoftGraphMailArgumentsApiModule import (
        ArgumentReader,
        MailCommandResult,
        addresses_argument,
        checked_command,
        has_no_address,
        mailbox_argument,
        message_argument,
        object_results,
        one_address,
    )
    from MicrosoftGraphMailSendApiModule import (
        AttachedFile,
        FORWARD,
        MailSender,
        OutgoingAttachment,
        OutgoingMail,
        REPLY,
        REPLY_ALL,
        SendingProgress,
        content_type_of,
        extract_data_uris,
        internet_headers,
        is_future,
        reply_subject,
        send_time_of,
    )

# region arguments

# Arguments that send-mail and reply-mail also have as other integrations spell them.
_SPELLINGS = {'bodyType': 'body_type', 'attachIDs': 'attach_ids', 'attachNames': 'attach_names', 'attachCIDs': 'attach_cids'}
_ENTRY_ID = r'\d+@[\w-]+'


def with_one_spelling(args: Arguments) -> Arguments:
    """Return arguments in snake case where they have two spellings. Raise DemistoException if one is given in both."""
    respelled = {}
    for name, value in args.items():
        other = _SPELLINGS.get(name)
        if other and value:
            if args.get(other):
                raise DemistoException(f'{name} and {other} are two names of one argument. Remove one of them.')
            respelled[other] = value
    return {**args, **respelled}


def outgoing_mail(args: Arguments, is_reply: bool = False) -> OutgoingMail:
    """Return the mail that the arguments of a command describe. Raise DemistoException if they are not valid."""
    text, html = mail_body(args)
    html, images = extract_data_uris(html)
    subject = str(args.get('subject') or '')
    return OutgoingMail(
        to=addresses_argument(args, 'to'),
        cc=addresses_argument(args, 'cc'),
        bcc=addresses_argument(args, 'bcc'),
        reply_to=addresses_argument(args, 'replyTo'),
        sender=one_address(args, 'from'),
        subject=reply_subject(subject) if is_reply else subject,
        text=text,
        html=html,
        importance=(args.get('importance') or '').lower(),
        flag=args.get('flag') or '',
        headers=internet_headers(args.get('headers') or ''),
        attachments=(*outgoing_files(args, html), *images),
        send_at=_send_time(args),
    )


# The lists of recipients of a ``message`` of Graph, by the arguments for them.
_LISTS_BY_ARGUMENT = {'to': 'toRecipients', 'cc': 'ccRecipients', 'bcc': 'bccRecipients', 'replyTo': 'replyTo'}


def _require_addresses(args: Arguments) -> None:
    """Raise DemistoException if a list of recipients of a reply is given, but empty: Graph would choose the recipients."""
    for name in ('to', 'cc', 'bcc'):
        if has_no_address(args, name):
            raise DemistoException(f'The argument {name} has no address. Enter one, or remove {name}.')


def _send_time(args: Arguments) -> datetime | None:
    text = clean_value(args.get('send_time'))
    grace = float('inf') if args.get('resume_run') else 0  # when a later run resumes, the time may be in the past
    return future_datetime(text, 'send_time', grace) if text else None


def mail_body(args: Arguments) -> tuple[str, str]:
    """Return the body as text or as HTML: an email in Graph has only one. The other one is empty.

    ``body_type`` selects ``body`` or ``htmlBody``; without it, ``htmlBody`` comes first. A ``body`` alone is text, unless
    ``body_type`` is HTML.
    """
    body, html, body_type = str(args.get('body') or ''), str(args.get('htmlBody') or ''), args.get('body_type')
    if body_type == 'HTML':
        html = html or body
    elif body and body_type == 'Text':
        html = ''
    return '' if html else body, html


def _texts(value: Any, is_one: bool = False, kept: str = '') -> list[str]:
    """Return the texts of a list, cleaned except for what is `kept`. Commas do not split it if `is_one`."""
    return [clean_value(one, kept) for one in argToList(value, '\0' if is_one else ',')]


# In the name of a file: between letters of Persian, between emoji, and in place of a space. What turns text around is dropped.
_IN_NAMES = '\u200c\u200d\xa0'


def outgoing_files(args: Arguments, html: str = '') -> list[OutgoingAttachment]:
    """Return the files that the arguments describe. Commas do not split the name of a single file.

    ``attach_cids`` is a list of entry IDs of more files, which are inline, or of content IDs for the files in ``attach_ids``.
    What looks like an entry ID, and is not one of the War Room, is a content ID.

    Raises:
        DemistoException: the lists have different lengths, or an entry has no file.
    """
    ids, inline = _texts(args.get('attach_ids')), []
    names = _texts(args.get('attach_names'), len(ids) == 1, _IN_NAMES)
    content_ids = list(map(bare_content_id, _texts(args.get('attach_cids'))))
    are_content_ids = len(content_ids) == len(ids) and not any(map(_is_in_war_room, content_ids))
    if all(re.fullmatch(_ENTRY_ID, one) for one in content_ids) and not are_content_ids:
        content_ids, inline = [], content_ids
    for name, values in (('attach_names', names), ('attach_cids', content_ids)):
        if values and len(values) != len(ids):
            raise DemistoException(
                f'The arguments attach_ids and {name} have {len(ids)} and {len(values)} values. '
                f'Enter one in {name} for each in attach_ids, or remove {name}.'
            )
    files = [_war_room_file(*one) for one in zip_longest(ids, names, content_ids, fillvalue='')]
    return [*files, *(_war_room_file(entry_id, html=html) for entry_id in inline), *_transient_files(args)]


def _transient_files(args: Arguments) -> Iterator[OutgoingAttachment]:
    """Yield the files whose contents are in arguments. Commas do not split the name or the content of a single file."""
    content = args.get('transientFileContent')
    contents, content_ids = argToList(content), list(map(bare_content_id, _texts(args.get('transientFileCID'))))
    names = _texts(args.get('transientFile'), len(contents) == 1, _IN_NAMES)
    if len(names) == 1 and not (isinstance(content, list) and len(content) == 1):
        contents = [content]
    if len(names) != len(contents) or len(content_ids) > len(names) or not all(names):
        raise DemistoException(
            f'transientFile, transientFileContent and transientFileCID have {len(names)}, {len(contents)} and {len(content_ids)} '
            'values. Enter a name and a content for each file; a JSON list can have commas in its values.'
        )
    for name, text, content_id in zip_longest(names, contents, content_ids, fillvalue=''):
        data = text_of(text).encode(errors='replace')
        yield OutgoingAttachment(name, len(data), '', data, content_type_of(name, 'text/plain'), content_id)


def _is_in_war_room(entry_id: str) -> bool:
    try:
        return bool(demisto.getFilePath(entry_id))
    except Exception:  # the platform has no specific error for an unknown ID
        return False


def _war_room_file(entry_id: str, name: str = '', content_id: str = '', html: str | None = None) -> OutgoingAttachment:
    """Return a file of the War Room.

    Args:
        html: the body that shows the file, and refers to it by its entry ID or by its name; None for another file.
    """
    try:
        found = demisto.getFilePath(entry_id)
        name = name or str(found.get('name') or entry_id)
        if html is not None:
            is_named = f'cid:{name}' in html or f'cid:{name}' in unquote(html)
            content_id = name if is_named and f'cid:{entry_id}' not in html else entry_id
        return OutgoingAttachment.from_file(found['path'], name, content_id)
    except DemistoException:  # the file is too large
        raise
    except Exception as error:  # the platform has no specific error for an unknown ID
        raise DemistoException(f"The War Room has no file with the entry ID '{entry_id}'. Copy the ID of a file.") from error


# endregion

# region templates

_TEMPLATES = ('subject', 'body', 'htmlBody', 'comment')
# A brace that is doubled as in a format string, a variable, or another brace.
_BRACES = r'(\{\{|\}\})|\{([^{}]*)\}|[{}]'


def _with_values(args: Arguments) -> JsonObject:
    """Return arguments whose texts have the values in ``templateParams`` in place of their variables."""
    if not args.get('templateParams'):
        return args
    values = {name: _template_value(name, one) for name, one in json_argument(args, 'templateParams').items()}
    texts = {name: _filled(str(args[name]), values, name) for name in _TEMPLATES if args.get(name)}
    comment = str(args.get('comment') or '')
    if has_html_tag(comment):  # what others wrote must not become HTML
        texts['comment'] = _filled(comment, {name: html.escape(value) for name, value in values.items()}, 'comment')
    elif has_html_tag(texts.get('comment', '')):
        texts['comment'] = f'<div>{text_as_html(texts["comment"])}</div>'
    return {**args, **texts, 'templateParams': None}


def _template_value(name: str, given: Any) -> str:
    """Return the value of a variable: as it is given, in ``value``, or at the path in the context that ``key`` names."""
    value = given
    if isinstance(given, dict):
        key, value = clean_value(given.get('key')), given.get('value')
        if value is None and key:
            value = demisto.dt(demisto.context(), key)
            if value in (None, '', []):
                raise DemistoException(f"The context has nothing at '{key}'. Change the key of {name} in templateParams.")
    if value is None:
        raise DemistoException(f'templateParams has neither a value nor a key for {name}. Write {{"{name}": {{"value": "x"}}}}.')
    if isinstance(value, list):
        return ', '.join(map(text_of, value))
    return text_of(value)


def _filled(text: str, values: dict[str, str], argument: str) -> str:
    """Return a text with values in place of its variables.

    A text that is a format string, as other integrations require, may double its braces. Any other one, such as HTML with
    styles, may have braces anywhere.

    Raises:
        DemistoException: a variable has no value.
    """
    if all(found[1] or found[2] in values for found in re.finditer(_BRACES, text)):
        return re.sub(_BRACES, lambda found: found[1][0] if found[1] else values[found[2]], text)
    variable = r'\{([\w.-]+)\}'
    missing = [name for name in re.findall(variable, text) if name not in values]
    if missing:
        what = f'templateParams has no value for {", ".join(dict.fromkeys(missing))} in {argument}.'
        raise DemistoException(f'{what} Add it, or correct the text.')
    return re.sub(variable, lambda found: values[found[1]], text)


# endregion

# region resuming

_MAX_RUNS = 20
_MARK = '[0-9a-f]{32}'


def run_resumable(
    client: GraphMailClient, args: Arguments, send: Callable[[SendingProgress], MailCommandResult]
) -> MailCommandResult:
    """Run `send` with the progress of an earlier run, if any. If it is throttled for long, the platform runs the command again
    with the progress of this run."""
    run, mark = int_argument(args, 'resume_run', 1, _MAX_RUNS), clean_value(args.get('resume_mark'))
    progress = SendingProgress(
        clean_value(args.get('resume_draft_id')),
        *_files_of(args),
        can_resume=run < _MAX_RUNS and supports_scheduling(),
        mark=mark if re.fullmatch(_MARK, mark) else '',
    )
    try:
        return send(progress)
    except GraphError as error:
        delay = progress.resume_delay(error, client)
        if delay is None:
            raise
    made_with = '' if progress.first_files is None else json.dumps([progress.first_files, progress.attached])
    draft = {'resume_draft_id': progress.draft_id, 'resume_mark': progress.mark, 'resume_made_with': made_with}
    args = {**args, **progress.found_ids, **draft, 'resume_run': str(run + 1)}
    result = reschedule(args, delay, 'The command continues', is_last=False)
    if progress.draft_id:
        result.readable_output = f'{result.readable_output} To cancel it, delete the draft in Outlook.'
    return result


def _files_of(args: Arguments) -> tuple[list[AttachedFile] | None, list[AttachedFile]]:
    """Return the files that the draft had at first, None if they are not known, and those that earlier runs attached."""
    try:
        first, attached = json.loads(args.get('resume_made_with') or '')
        return [AttachedFile(*one) for one in first], [AttachedFile(*one) for one in attached]
    except (ValueError, TypeError):
        return None, []


_Command = Callable[[GraphMailClient, Arguments], MailCommandResult]


def _resumable(function: Callable[[Mailbox, Arguments, SendingProgress], MailCommandResult], is_sending: bool = True) -> _Command:
    """Return a command that runs `function` as `run_resumable` does, with the mailbox of its arguments.

    A later run looks what became of the draft before it reads anything else: files and emails may be gone meanwhile.

    Args:
        is_sending: False if it completes a draft.
    """

    def run_command(client: GraphMailClient, args: Arguments) -> MailCommandResult:
        mailbox = mailbox_argument(client, args)

        def run(progress: SendingProgress) -> MailCommandResult:
            given = with_one_spelling(args)
            if given.get('draft_id'):  # a draft of a user, which stays
                return function(mailbox, given, progress)
            with MailSender(mailbox).resuming(progress, is_sending) as was_sent:
                if was_sent and not is_sending:
                    what = 'Somebody sent the draft while the command waited, so files may be missing.'
                    raise DemistoException(f'{what} Look at the email in Sent Items.')
                files = dict.fromkeys(re.findall(r'\w+', _FILES)) if was_sent else {}
                return function(mailbox, {**given, **files}, progress)

        return run_resumable(client, args, run)

    return run_command


def _message_id(mailbox: Mailbox, args: Arguments, name: str, progress: SendingProgress) -> str:
    """Return the ID of the message that an argument names, and keep it for a later run."""
    progress.found_ids[name] = found = message_argument(mailbox, args, name)
    return found


def _templated(function: _Command) -> _Command:
    """Return a command whose texts have the values in ``templateParams`` in place of their variables."""
    return lambda client, args: function(client, _with_values(args))


# endregion

# region outputs

_PREVIEW_LENGTH = 255  # characters
_DEFAULTS: JsonObject = {'importance': 'normal', 'flag': {'flagStatus': 'notFlagged'}}  # of a new mail in Graph


def draft_outputs(message: JsonObject) -> JsonObject:
    """Return the context of a draft."""
    body = message.get('body') or {}
    return {
        **{name: message.get(source) for name, source in DRAFT_PROPERTIES.items()},
        'From': EmailAddress.from_json(message.get('from')).address,
        'Sender': EmailAddress.from_json(message.get('sender')).address,
        'To': addresses_in(message, 'toRecipients'),
        'Cc': addresses_in(message, 'ccRecipients'),
        'Bcc': addresses_in(message, 'bccRecipients'),
        'Body': body.get('content'),
        'BodyType': body.get('contentType'),
    }


def sent_outputs(mail: OutgoingMail, sent_id: str = '', shown: JsonObject | None = None) -> JsonObject:
    """Return the context of a sent mail, without empty values. The body of a reply is without the quoted message.

    Args:
        shown: a reply as Graph shows it: who gets it, its importance and its flag. None for a new mail.
    """
    chosen = {name: value for name, value in (shown or {}).items() if name in (*RECIPIENT_LISTS, *_DEFAULTS)}
    outputs: JsonObject = {'ID': sent_id, **(_DEFAULTS if shown is None else {}), **mail.as_json(), **chosen}
    outputs['bodyPreview'] = mail.text[:_PREVIEW_LENGTH] or ' '.join(html_to_text(mail.html, _PREVIEW_LENGTH).split())
    outputs.pop('singleValueExtendedProperties', None)
    for name in _LISTS_BY_ARGUMENT.values():
        outputs[name] = addresses_in(outputs, name)
    return {name: value for name, value in outputs.items() if value}


def sent_results(title: str, prefix: str, outputs: JsonObject, send_time: str = '') -> CommandResults:
    """Return the entry of a sent mail, or of one that is sent at a time."""
    shown = {'Subject': 'subject', 'To': 'toRecipients', 'Cc': 'ccRecipients', 'Bcc': 'bccRecipients', 'ID': 'ID'}
    rows, note = {name: outputs.get(source) for name, source in shown.items()}, ''
    if is_future(send_time):  # it may have passed while the command was throttled
        title = title.replace('sent', 'scheduled')
        rows = {'SendTime': send_time, **rows}
        note = '\nThe email is in Drafts until then. To cancel it, delete it there with msgraph-mail-delete-email.'
    return object_results(
        prefix, title, outputs, outputs, list(rows), key='ID' if outputs.get('ID') else None, rows=rows, note=note
    )


def with_rendered_body(result: CommandResults, message: JsonObject, is_rendered: bool) -> MailCommandResult:
    """Return a result, with an entry that shows the body of a ``message`` of Graph as recipients see it if `is_rendered`."""
    if not is_rendered:
        return result
    body = message.get('body') or {}
    content = body.get('content') or ''
    html = content if is_html(body) else text_as_html(content)
    return [result, CommandResults(entry_type=EntryType.NOTE, content_format=EntryFormat.HTML, raw_response=html)]


# endregion

# region commands


@_resumable
def send_mail_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Send a mail."""
    mail, is_rendered = outgoing_mail(args), bool_argument(args, 'renderBody')
    sender, sent_id = MailSender(mailbox), ''
    if bool_argument(args, 'save_to_sent_items', True):
        sent_id = sender.send(mail, progress)
    else:
        sender.send_unsaved(mail)
    result = sent_results('Email sent', 'MicrosoftGraph.Email', sent_outputs(mail, sent_id), mail.send_time)
    return with_rendered_body(result, mail.as_json(), is_rendered)


@partial(_resumable, is_sending=False)
def create_draft_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Create a draft: a new one, a reply, or a forwarded email."""
    mail, is_rendered = outgoing_mail(args), bool_argument(args, 'renderBody')
    given = [name for name in ('reply_to_id', 'forward_id') if clean_value(args.get(name))]
    to_all = bool_argument(args, 'reply_all')
    if len(given) > 1 or (to_all and given != ['reply_to_id']):
        raise DemistoException('Use either reply_to_id or forward_id. reply_all requires reply_to_id.')
    if given:
        _require_addresses(args)
        action = FORWARD if given == ['forward_id'] else REPLY_ALL if to_all else REPLY
        message_id = _message_id(mailbox, args, given[0], progress)
        draft = MailSender(mailbox).create_reply_draft(action, message_id, mail, progress)
    elif mail.subject:
        draft = MailSender(mailbox).create_draft(mail, progress)
    else:
        raise DemistoException('The argument subject is empty. Enter a subject, or reply_to_id or forward_id.')
    # without the quoted email, whose images and links would be those of its sender
    return with_rendered_body(_draft_results('Draft created', draft), mail.as_json(), is_rendered)


def _draft_results(title: str, draft: JsonObject) -> CommandResults:
    headers = ['Subject', 'From', 'To', 'Cc', 'Bcc', 'ID']
    return object_results('MicrosoftGraph.Draft', title, draft_outputs(draft), draft, headers)


@_resumable
def update_draft_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Change a draft. What is not given stays."""
    given = {name: args.get(name) for name in (*re.findall(r'(?<!\S)\w+', _DRAFT_ARGUMENTS), 'resume_run')}
    mail = outgoing_mail(given)
    cleared = [name for argument, name in _LISTS_BY_ARGUMENT.items() if has_no_address(args, argument)]
    change = {**mail.as_json(), **{name: [] for name in cleared}}
    if not change:
        raise DemistoException('There is nothing to change. Enter at least one property of the draft.')
    draft_id = _message_id(mailbox, args, 'draft_id', progress)
    return _draft_results('Draft changed', MailSender(mailbox).update_draft(draft_id, change, mail.attachments, progress))


@_resumable
def add_draft_attachment_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Attach files to a draft."""
    files = outgoing_files(args)
    if not files:
        raise DemistoException('There is no file to attach. Enter its entry ID in attach_ids, or its name in transientFile.')
    draft_id = _message_id(mailbox, args, 'draft_id', progress)
    return _draft_results('Files attached', MailSender(mailbox).update_draft(draft_id, {}, files, progress))


@_resumable
def remove_draft_attachment_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Remove an attachment of a draft."""
    attachment_id = graph_id(required_argument(args, 'attachment_id'))
    draft_id = _message_id(mailbox, args, 'draft_id', progress)
    MailSender(mailbox).remove_attachment(draft_id, attachment_id)
    outputs = {'ID': draft_id, 'RemovedAttachmentID': attachment_id}
    return object_results('MicrosoftGraph.Draft', 'Attachment removed', outputs, outputs, ['RemovedAttachmentID', 'ID'])


@_resumable
def send_draft_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
    """Send a draft."""
    draft_id = _message_id(mailbox, args, 'draft_id', progress)
    sent = MailSender(mailbox).send_draft(draft_id, progress)
    lists = {name: addresses_in(sent, name) for name in RECIPIENT_LISTS}
    found = {name: value for name, value in {'subject': sent.get('subject'), **lists}.items() if value}
    return sent_results('Draft sent', 'MicrosoftGraph.SentMail', {'ID': draft_id, **found}, send_time_of(sent))


def _reply_command(action: str, has_body: bool = False) -> _Command:
    """Return a command that replies to a message or forwards it.

    Args:
        action: as `MailSender.reply`.
        has_body: a body replaces the quoted message; otherwise a comment, as text or HTML, is above it.
    """

    @_resumable
    def run_command(mailbox: Mailbox, args: Arguments, progress: SendingProgress) -> MailCommandResult:
        _require_addresses(args)
        comment = str(args.get('comment') or '')
        if comment:
            args = {**args, 'htmlBody' if has_html_tag(comment) and is_closed(comment) else 'body': comment}
        mail = outgoing_mail(args, has_body)
        if action == FORWARD:
            mail.require_recipients()
        message_id = _message_id(mailbox, args, 'inReplyTo' if has_body else 'message_id', progress)
        sent = MailSender(mailbox).reply(action, message_id, mail, progress, quotes=not has_body)
        title = 'Email forwarded' if action == FORWARD else 'Reply sent'
        outputs = {**sent_outputs(mail, sent['id'], sent), 'InReplyTo': message_id}
        return sent_results(title, 'MicrosoftGraph.SentMail', outputs, mail.send_time)

    return run_command


_READERS: dict[str, ArgumentReader] = {
    **dict.fromkeys(('to', 'cc', 'bcc', 'replyTo'), addresses_argument),
    **dict.fromkeys(('renderBody', 'reply_all', 'save_to_sent_items'), bool_argument),
    'from': one_address,
    'headers': lambda args, name: internet_headers(args[name]),
    'send_time': lambda args, _name: _send_time(args),
    'templateParams': json_argument,
}
_FORM = 'body_type=Text|HTML flag=notFlagged|complete|flagged importance=Low|Normal|High'
_DRAFT_ARGUMENTS = f'to[] cc[] bcc[] subject body htmlBody {_FORM} replyTo[] from send_time templateParams'
_MAIL = f'{_DRAFT_ARGUMENTS} headers[]'
_FILES = 'attach_ids[] attach_names[] attach_cids[] transientFile[] transientFileContent[] transientFileCID[]'
_ALL_FILES = f'attachIDs[] attachNames[] attachCIDs[] {_FILES}'
_COMMENT = f'message_id* to[] comment cc[] bcc[] {_FILES} templateParams'
SENDING_COMMANDS: dict[str, _Command] = {
    name: checked_command(
        _templated(function) if 'templateParams' in arguments else function,
        f'{arguments} user_id resume_draft_id resume_mark resume_made_with resume_run',
        _READERS,
    )
    for name, function, arguments in (
        (
            'send-mail',
            send_mail_command,
            f'{_MAIL} bodyType=Text|HTML renderBody {_ALL_FILES} save_to_sent_items',
        ),
        (
            'reply-mail',
            _reply_command(REPLY, has_body=True),
            f'{_MAIL} bodyType=Text|HTML inReplyTo* {_ALL_FILES}',
        ),
        (
            'msgraph-mail-create-draft',
            create_draft_command,
            f'{_MAIL} renderBody {_FILES} reply_to_id reply_all forward_id',
        ),
        ('msgraph-mail-update-draft', update_draft_command, f'draft_id* {_DRAFT_ARGUMENTS}'),
        ('msgraph-mail-add-draft-attachment', add_draft_attachment_command, f'draft_id* {_FILES}'),
        ('msgraph-mail-remove-draft-attachment', remove_draft_attachment_command, 'draft_id* attachment_id*'),
        ('msgraph-mail-send-draft', send_draft_command, 'draft_id*'),
        ('msgraph-mail-reply-to', _reply_command(REPLY), _COMMENT),
        ('msgraph-mail-reply-all', _reply_command(REPLY_ALL), _COMMENT),
        ('msgraph-mail-forward', _reply_command(FORWARD), _COMMENT),
    )
}


# endregion
