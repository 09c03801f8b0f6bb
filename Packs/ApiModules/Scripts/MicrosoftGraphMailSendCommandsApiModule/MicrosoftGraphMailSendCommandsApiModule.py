"""The commands that send mail: arguments in, war room entries out. An integration adds the table SENDING_COMMANDS to its own."""

import copy
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import demistomock as demisto
from CommonServerPython import *
from MicrosoftGraphMailCommandsApiModule import *

# region what is to be sent

# The names of the arguments for files: entry IDs, names, content IDs.
FILE_ARGUMENTS = ('attachIDs', 'attachNames', 'attachCIDs')
FILE_ARGUMENTS_IN_SNAKE_CASE = ('attach_ids', 'attach_names', 'attach_cids')
_ENTRY_ID = re.compile(r'\d+@[\w-]+')
_SHORTEST_RERUN = 10  # seconds; the platform takes no less
_USUAL_RERUN = 60  # seconds, where Microsoft does not say
_MOST_RUNS = 20
_PREVIEW = 255  # characters


def address_list(args: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(clean_value, argToList(args.get(name)))))


def outgoing_mail(args: dict[str, Any], file_arguments: tuple[str, str, str], is_reply: bool = False) -> OutgoingMail:
    """The mail that the arguments of a command describe. Raises DemistoException when they cannot be right."""
    text, html = mail_body(args)
    text = '' if is_reply and html else text  # an answer has room for one
    html, images = images_as_attachments(html)
    headers, subject = args.get('headers') or '', str(args.get('subject') or '')
    return OutgoingMail(
        to=address_list(args, 'to'),
        cc=address_list(args, 'cc'),
        bcc=address_list(args, 'bcc'),
        reply_to=address_list(args, 'replyTo'),
        sender=clean_value(args.get('from')),
        subject=reply_subject(subject) if is_reply else subject,
        text=text,
        html=html,
        importance=clean_value(args.get('importance')) or 'normal',
        flag=clean_value(args.get('flag')) or 'notFlagged',
        headers=internet_headers(','.join(map(str, headers)) if isinstance(headers, list) else str(headers)),
        attachments=(*outgoing_files(args, file_arguments, html), *images),
        send_at=_time_to_send(args),
    )


def _time_to_send(args: dict[str, Any]) -> datetime | None:
    # A run that goes on after a throttling may be later than the time.
    over_is_good = bool(args.get('resume_run'))
    text = clean_value(args.get('send_time'))
    if not text:
        return None
    return arg_to_datetime(text) if over_is_good else moment_to_come(text, 'send_time')


def mail_body(args: dict[str, Any]) -> tuple[str, str]:
    """The body as text and as HTML; an empty one is not sent.

    Of ``body`` and ``htmlBody``, ``body_type`` chooses one; both are sent if it does not. A ``body`` alone is text, unless
    ``body_type`` says HTML.
    """
    body, html = str(args.get('body') or ''), str(args.get('htmlBody') or '')
    body_type = one_of(args, 'body_type', ('', 'Text', 'HTML'))
    if body_type == 'HTML':
        return '', html or body
    return body, '' if body and body_type == 'Text' else html


def outgoing_files(args: dict[str, Any], names: tuple[str, str, str], html: str = '') -> list[OutgoingAttachment]:
    """The files that the arguments of `names` speak of.

    The third one holds entry IDs of further files, which are inline; or a content ID for each file of the first.

    Raises:
        DemistoException: the lists do not match in number, or an entry has no file.
    """
    ids, file_names, content_ids = (list(map(clean_value, argToList(args.get(name)))) for name in names)
    inline = content_ids if content_ids and all(map(_ENTRY_ID.fullmatch, content_ids)) else []
    content_ids = [] if inline else content_ids
    for name, values in zip(names[1:], (file_names, content_ids), strict=True):
        if values and len(values) != len(ids):
            raise DemistoException(
                f'The arguments {names[0]} and {name} hold {len(ids)} and {len(values)} values. '
                f'Give one in {name} for each one in {names[0]}, or leave {name} out.'
            )
    wanted = zip(ids, file_names or [''] * len(ids), content_ids or [''] * len(ids), strict=True)
    files = [_war_room_file(entry_id, name, content_id) for entry_id, name, content_id in wanted]
    for entry_id in inline:
        # The HTML refers to a picture by its entry ID, or by its name.
        file = _war_room_file(entry_id, '', entry_id)
        if f'cid:{file.name}' in html and f'cid:{entry_id}' not in html:
            file.content_id = file.name
        files.append(file)
    return files


def _war_room_file(entry_id: str, name: str, content_id: str) -> OutgoingAttachment:
    try:
        found = demisto.getFilePath(entry_id)
        return OutgoingAttachment.of_file(found['path'], name or str(found.get('name') or entry_id), content_id)
    except DemistoException:  # the file is too large
        raise
    except Exception as error:  # the platform has no error of its own for an ID that it does not know
        raise DemistoException(
            f"The war room has no file with the entry ID '{entry_id}'. Copy the ID from the entry that shows the file."
        ) from error


# endregion
# region going on later


def in_steps(args: dict[str, Any], send: Callable[[SendingProgress], MailCommandResult]) -> MailCommandResult:
    """Runs `send` from where an earlier run of the command stopped. If it is throttled for long, the platform runs the command
    again, with what is needed to go on."""
    run = whole_number(args, 'resume_run', 1, _MOST_RUNS)
    draft_id, made_with = clean_value(args.get('resume_draft_id')), clean_value(args.get('resume_made_with'))
    progress = SendingProgress(
        draft_id,
        int(made_with) if made_with.isdecimal() else None,
        can_go_on=run < _MOST_RUNS and ScheduledCommand.supports_polling(),
    )
    try:
        return send(progress)
    except GraphError as error:
        if not progress.goes_on_after(error):
            raise
        asked = None if error.res is None else retry_after_seconds(error.res, SystemClock().now())
        wait = asked or _USUAL_RERUN
    seconds = max(_SHORTEST_RERUN, int(wait) + 1)
    made_with = '' if progress.made_with is None else str(progress.made_with)
    rest = {'resume_draft_id': progress.draft_id, 'resume_made_with': made_with, 'resume_run': str(run + 1)}
    return CommandResults(
        readable_output=f'Microsoft limits the rate of requests: sending goes on in {seconds} seconds.',
        scheduled_command=ScheduledCommand(demisto.command(), seconds, {**args, **rest}, max(900, 2 * seconds)),
    )


# endregion
# region outputs of sending

# Names in the context, and the properties of a message in Graph that they hold.
DRAFT_PROPERTIES = {
    'ID': 'id',
    'CreatedTime': 'createdDateTime',
    'ModifiedTime': 'lastModifiedDateTime',
    'ReceivedTime': 'receivedDateTime',
    'SentTime': 'sentDateTime',
    'Subject': 'subject',
    'Importance': 'importance',
    'ConversationID': 'conversationId',
    'IsRead': 'isRead',
    'IsDraft': 'isDraft',
    'MessageID': 'internetMessageId',
    'Headers': 'internetMessageHeaders',
}
_DRAFT_PEOPLE = {'From': 'from', 'Sender': 'sender', 'To': 'toRecipients', 'Cc': 'ccRecipients', 'Bcc': 'bccRecipients'}


def draft_outputs(message: dict[str, Any]) -> dict[str, Any]:
    """The context of a draft."""
    body = message.get('body') or {}
    return {
        **{name: message.get(source) for name, source in DRAFT_PROPERTIES.items()},
        **{name: _addresses_of(message.get(source)) for name, source in _DRAFT_PEOPLE.items()},
        'Body': body.get('content'),
        'BodyType': body.get('contentType'),
    }


def _addresses_of(people: Any) -> Any:
    if isinstance(people, list):
        return [_addresses_of(one) for one in people]
    return ((people or {}).get('emailAddress') or {}).get('address')


def sent_outputs(mail: OutgoingMail, sent_id: str = '') -> dict[str, Any]:
    """The context of a mail that was sent, without what it does not have."""
    outputs = {
        'ID': sent_id,
        **mail.as_json(),
        'bodyPreview': (mail.text or _text_in(mail.html))[:_PREVIEW],
        'toRecipients': list(mail.to),
        'ccRecipients': list(mail.cc),
        'bccRecipients': list(mail.bcc),
        'replyTo': list(mail.reply_to),
    }
    outputs.pop('singleValueExtendedProperties', None)
    return {name: value for name, value in outputs.items() if value}


def _text_in(html: str) -> str:
    return ' '.join(re.sub(r'<[^>]*>', ' ', re.sub(r'(?is)<(style|script|head)\b.*?</\1\s*>', ' ', html)).split())


def sent_results(title: str, prefix: str, outputs: dict[str, Any]) -> CommandResults:
    rows = {
        'Subject': outputs.get('subject'),
        'To': outputs.get('toRecipients'),
        'Cc': outputs.get('ccRecipients'),
        'Bcc': outputs.get('bccRecipients'),
        'ID': outputs.get('ID'),
    }
    return CommandResults(
        outputs_prefix=prefix,
        outputs_key_field='ID' if outputs.get('ID') else None,
        outputs=outputs,
        raw_response=outputs,
        readable_output=tableToMarkdown(title, rows, removeNull=True),
    )


def with_rendered_body(args: dict[str, Any], result: CommandResults, mail: OutgoingMail) -> MailCommandResult:
    """Adds the body as the recipient sees it, if that is wanted."""
    if not is_selected(args, 'renderBody'):
        return result
    return [
        result,
        CommandResults(entry_type=EntryType.NOTE, content_format=EntryFormat.HTML, raw_response=mail.html or mail.text),
    ]


# endregion
# region commands of sending


def send_mail_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Sends a mail."""
    mail, user_id = outgoing_mail(args, FILE_ARGUMENTS), user_argument(args)
    is_saved = is_selected(args, 'save_to_sent_items', True)
    is_selected(args, 'renderBody')  # is refused before anything is sent

    def send(progress: SendingProgress) -> MailCommandResult:
        sent_id = ''
        if is_saved:
            sent_id = client.send(mail, user_id, progress)
        else:
            client.send_unsaved(mail, user_id)
        result = sent_results('The email was sent.', 'MicrosoftGraph.Email', sent_outputs(mail, sent_id))
        return with_rendered_body(args, result, mail)

    return in_steps(args, send)


def create_draft_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Makes a draft."""
    mail, user_id = outgoing_mail(args, FILE_ARGUMENTS_IN_SNAKE_CASE), user_argument(args)
    is_selected(args, 'renderBody')

    def make(progress: SendingProgress) -> MailCommandResult:
        made = client.create_draft(mail, user_id, progress)
        outputs = draft_outputs(made)
        readable = tableToMarkdown(
            'The draft was made.', outputs, headers=['Subject', 'From', 'To', 'Cc', 'Bcc', 'ID'], removeNull=True
        )
        result = CommandResults(
            outputs_prefix='MicrosoftGraph.Draft',
            outputs_key_field='ID',
            outputs=outputs,
            raw_response=made,
            readable_output=readable,
        )
        return with_rendered_body(args, result, mail)

    return in_steps(args, make)


def send_draft_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Sends a draft."""
    draft_id, user_id = clean_value(args.get('draft_id')), user_argument(args)

    def send(progress: SendingProgress) -> MailCommandResult:
        is_again, progress.draft_id = bool(progress.draft_id), draft_id
        client.send_draft(draft_id, user_id, is_again)
        return sent_results('The draft was sent.', 'MicrosoftGraph.SentMail', {'ID': draft_id})

    return in_steps(args, send)


def reply_mail_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Answers a mail with a text of its own, which does not quote it."""
    mail = outgoing_mail(args, FILE_ARGUMENTS, is_reply=True)
    return _answer_mail(client, args, 'createReply', clean_value(args.get('inReplyTo')), mail)


def _comment_command(action: str) -> Callable[[GraphMailSender, dict[str, Any]], MailCommandResult]:
    """A command that answers a mail, or passes it on, with a comment above what it quotes."""

    def run_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
        mail = OutgoingMail(
            to=address_list(args, 'to'),
            cc=address_list(args, 'cc'),
            bcc=address_list(args, 'bcc'),
            attachments=tuple(outgoing_files(args, FILE_ARGUMENTS_IN_SNAKE_CASE)),
        )
        return _answer_mail(client, args, action, clean_value(args.get('message_id')), mail, str(args.get('comment') or ''))

    return run_command


def _answer_mail(
    client: GraphMailSender, args: dict[str, Any], action: str, message_id: str, mail: OutgoingMail, comment: str = ''
) -> MailCommandResult:
    user_id = user_argument(args)

    def send(progress: SendingProgress) -> MailCommandResult:
        sent_id = client.reply(action, message_id, mail, user_id, comment, progress)
        sent = copy.copy(mail)
        sent.text = comment or mail.text
        title = 'The email was forwarded.' if action == FORWARD else 'The reply was sent.'
        return sent_results(title, 'MicrosoftGraph.SentMail', {**sent_outputs(sent, sent_id), 'InReplyTo': message_id})

    return in_steps(args, send)


SENDING_COMMANDS: dict[str, Callable[[GraphMailSender, dict[str, Any]], MailCommandResult]] = {
    'send-mail': send_mail_command,
    'reply-mail': reply_mail_command,
    'msgraph-mail-create-draft': create_draft_command,
    'msgraph-mail-send-draft': send_draft_command,
    'msgraph-mail-reply-to': _comment_command(REPLY),
    'msgraph-mail-reply-all': _comment_command(REPLY_ALL),
    'msgraph-mail-forward': _comment_command(FORWARD),
}

# endregion
