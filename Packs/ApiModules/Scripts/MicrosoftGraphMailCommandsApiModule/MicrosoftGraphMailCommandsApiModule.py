"""Provide the commands that read and organize a mailbox. An integration adds MAIL_COMMANDS to its commands."""

import hashlib
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any


with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import CommandResults, DemistoException, argToList, pascalToSpace, tableToMarkdown
    from MicrosoftCoreApiModule import clean_value
    from MicrosoftApiModule import reschedule
    from MicrosoftInstanceApiModule import (
        bool_argument,
        json_argument,
        future_datetime,
        choice_argument,
        required_argument,
        id_list,
        text_list,
        int_argument,
    )
    from MicrosoftGraphMailClientApiModule import (
        Attachment,
        BatchRequest,
        BatchResult,
        CHECK_ID,
        EmailAddress,
        GraphError,
        GraphMailClient,
        GraphThrottled,
        MAX_PAGE_SIZE,
        Mailbox,
        UNREADABLE,
        WELL_KNOWN_FOLDER,
        graph_id,
        html_to_text,
        is_folder_id,
        odata_query,
        save_file,
        without_annotations,
    )

# region arguments

# What a command returns: an entry, a file, or several of them.
MailCommandResult = CommandResults | dict[str, Any] | list[CommandResults | dict[str, Any]]
MAX_PAGES = 1000
MAX_LISTED = 100_000


def mailbox_argument(client: GraphMailClient, args: dict[str, Any]) -> Mailbox:
    """Return the mailbox that ``user_id`` names, by default that of the client."""
    address = clean_value(args.get('user_id'))
    return Mailbox(client, one_address(args, 'user_id') if '<' in address else address) if address else client.mailbox


_ADDRESS = r'(?:"[^"@]{1,64}"|[^\s@<>(),;:"]{1,64})@[^\s@<>(),;:"]{1,255}'
# <address> after a name, or an address before a name in parentheses.
_RECIPIENT = re.compile(
    rf'([^<>]{{0,256}})<\s*(?:mailto:)?({_ADDRESS})\s*>|(?:mailto:)?({_ADDRESS})\s*(?:\(([^()]{{0,256}})\))?', re.IGNORECASE
)
_RECIPIENTS = re.compile(r'((?:"[^"]{0,256}"|<[^<>]{0,512}>|[^,;\n])*)(?:[,;\n]|\Z)')


def addresses_argument(args: dict[str, Any], name: str) -> tuple[EmailAddress, ...]:
    """Return the addresses of an argument: separated by commas, semicolons or lines, with names or not, or as in the context.

    Raises:
        DemistoException: it contains something else; it names the argument.
    """
    given = args.get(name) or ''
    found: list[EmailAddress] = []
    for one in argToList(given) if not isinstance(given, str) or given.lstrip().startswith('[') else [given]:
        if isinstance(one, dict):
            person = {str(key).lower(): str(text or '') for key, text in (one.get('emailAddress') or one).items()}
            found += [each._replace(name=person.get('name', '')) for each in _addresses(person.get('address', ''), name)]
        else:
            found += _addresses(str(one), name)
    return tuple(found)


def _addresses(text: str, name: str) -> list[EmailAddress]:
    found: list[EmailAddress] = []
    start = ''  # of a name with a comma, as in Doe, Jane <jane@contoso.example>
    for part in filter(None, map(clean_value, _RECIPIENTS.findall(text))):
        start += part
        match = _RECIPIENT.fullmatch(start)
        if match:
            label, address, bare, comment = match.groups(default='')
            found.append(EmailAddress(address or bare, (label or comment).strip('\'" ')))
            start = ''
        elif '@' in part:
            break
        else:
            start += ', '
    if start:
        start = start.strip(', ')[:100]
        raise DemistoException(f"'{start}' is not an email address. Write {name} as bob@example.com, or Bob <bob@example.com>.")
    return found


def one_address(args: dict[str, Any], name: str) -> str:
    """Return the address of an argument, empty if there is none. Raise DemistoException if there are several."""
    found = addresses_argument(args, name)
    if len(found) > 1:
        raise DemistoException(f'The argument {name} has {len(found)} addresses. Enter one.')
    return found[0].address if found else ''


def folder_argument(mailbox: Mailbox, args: dict[str, Any], name: str = 'folder_id', is_required: bool = False) -> str:
    """Return the ID or the well-known name of a folder, empty if the argument is.

    Args:
        name: of the argument: an ID, a well-known name, a path of names, or a path of IDs separated by commas.
    Raises:
        DemistoException: there is no such folder; it names the argument.
    """
    text = required_argument(args, name) if is_required else clean_value(args.get(name))
    ids = [graph_id(one) for one in text.split(',')]
    try:
        return (ids[-1] if all(map(is_folder_id, ids)) else mailbox.folder_id(text)) if text else ''
    except GraphError:
        raise
    except DemistoException as error:
        raise DemistoException(f'{error} Change {name}.') from error


def message_argument(mailbox: Mailbox, args: dict[str, Any], name: str = 'message_id', folder_id: str = '') -> str:
    """Return the ID of the message that an argument names by an ID or a ``Message-ID``."""
    text = required_argument(args, name)
    found = mailbox.find_messages([text], folder_id)[text]
    if isinstance(found, GraphError):
        delay = None if found.res is None else mailbox.client.reschedule_delay(found.res, is_idempotent=True)
        raise found if delay is None else GraphThrottled(found, delay)
    return found


# Arguments that name an object of the mailbox.
_ID_ARGUMENTS = (
    'message_id', 'message_ids', 'inReplyTo', 'reply_to_id', 'forward_id', 'draft_id', 'attachment_id', 'rule_id',
    'folder_id', 'parent_folder_id', 'destination_folder_id',
)  # fmt: skip


def id_advice(args: dict[str, Any]) -> str:
    """Return what to do if Graph does not find an object: it names the arguments with an ID."""
    named = [name for name in _ID_ARGUMENTS if args.get(name) and not WELL_KNOWN_FOLDER.fullmatch(str(args[name]).lower())]
    names = ' and '.join(filter(None, (', '.join(named[:-1]), *named[-1:])))
    return f'Check that {names} {"belong" if named[1:] else "belongs"} to this mailbox.' if named else CHECK_ID


def _plain(name: str) -> str:
    return name.replace('_', '').lower()


def checked_command(
    function: Callable[[GraphMailClient, dict[str, Any]], Any], names: str
) -> Callable[[GraphMailClient, dict[str, Any]], Any]:
    """Return a command that refuses arguments that it does not have, so that none is ignored, and names IDs that are wrong.

    Args:
        names: of its arguments.
    """
    known = names.split()

    def run(client: GraphMailClient, args: dict[str, Any]) -> Any:
        for name, value in args.items():
            if name not in known and '-' not in name and value not in (None, ''):  # raw-response is the platform's
                similar = next((one for one in known if _plain(one) == _plain(name)), '')
                others = ', '.join(one for one in known if not one.startswith(('ran_', 'resume_', 'hide_')))
                advice = f'Use {similar}.' if similar else f'Use one of {others}.' if others else 'Remove it.'
                raise DemistoException(f'The argument {name} does not exist in this command. {advice}')
        try:
            return function(client, args)
        except GraphError as error:
            if error.advice == CHECK_ID:
                error.advice = id_advice(args)
            raise

    return run


# endregion

# region outputs

# Context keys of a message, and the properties in Graph that they show.
EMAIL_PROPERTIES = {
    'ID': 'id',
    'Created': 'createdDateTime',
    'LastModifiedTime': 'lastModifiedDateTime',
    'ReceivedTime': 'receivedDateTime',
    'SendTime': 'sentDateTime',
    'Categories': 'categories',
    'HasAttachments': 'hasAttachments',
    'Subject': 'subject',
    'IsDraft': 'isDraft',
    'Body': 'body',
    'Sender': 'sender',
    'From': 'from',
    'Recipients': 'toRecipients',
    'CCRecipients': 'ccRecipients',
    'BCCRecipients': 'bccRecipients',
    'ReplyTo': 'replyTo',
    'ConversationID': 'conversationId',
    'InternetMessageID': 'internetMessageId',
    'IsRead': 'isRead',
    'FolderID': 'parentFolderId',
}
SINGLE_EMAIL_PROPERTIES = {
    **EMAIL_PROPERTIES,
    'Importance': 'importance',
    'WebLink': 'webLink',
    'Headers': 'internetMessageHeaders',
}
FOLDER_PROPERTIES = {
    'ID': 'id',
    'DisplayName': 'displayName',
    'ParentFolderID': 'parentFolderId',
    'ChildFolderCount': 'childFolderCount',
    'TotalItemCount': 'totalItemCount',
    'UnreadItemCount': 'unreadItemCount',
}


def object_outputs(value: dict[str, Any], properties: dict[str, str]) -> dict[str, Any]:
    """Return the context of a message or a folder. Properties that ``$select`` excludes are left out, not emptied."""
    return {name: property_outputs(value[source]) for name, source in properties.items() if source in value}


def property_outputs(value: Any) -> Any:
    """Return the context of a property: the content of a body, name and address of a recipient, name and value of a header."""
    if isinstance(value, list):
        return [property_outputs(one) for one in value]
    if not isinstance(value, dict):
        return value
    if 'content' in value:
        return value['content']
    if 'value' in value:
        return {'Name': value.get('name'), 'Value': value['value']}
    address = EmailAddress.from_json(value)
    return {'Name': address.name or None, 'Address': address.address or None}


def addresses_text(recipients: Any) -> str:
    """Return the addresses in the context of a recipient, or of a list of them, as one line."""
    several = recipients if isinstance(recipients, list) else [recipients or {}]
    return ', '.join(filter(None, (one.get('Address') or one.get('Name') for one in several)))


_ACTIVE = re.compile(r'([\\*\[\]<>]|~~|\b_|_\b|&(?=#?\w+;)|(?<=\w):(?=//))|(?<=\bwww)(\.)', re.IGNORECASE)
_ACTIVE_IN_LINES = re.compile(r'^(\d{1,9})(?=[.)])|^(?=[#+=-])|(?=[|`])', re.MULTILINE)


def inert(value: Any, is_cell: bool = True) -> Any:
    """Return what others wrote, and all texts in it, without what Markdown would show as an image, a link or another element.

    Addresses of web pages are written as in ``https[:]//contoso.example``, which no viewer makes a link of.

    Args:
        is_cell: of a table, in which the platform escapes ``|`` and backticks.
    """
    if isinstance(value, list):
        return [inert(one, is_cell) for one in value]
    if isinstance(value, dict):
        return {name: one if name == 'WebLink' else inert(one, is_cell) for name, one in value.items()}
    if not isinstance(value, str):
        return value

    def escape(found: re.Match[str]) -> str:
        text = found[1] or found[2]
        return f'\\[{text}\\]' if text in (':', '.') else f'\\{text}'

    value = _ACTIVE.sub(escape, value)
    if is_cell:
        return value
    return _ACTIVE_IN_LINES.sub(r'\1\\', '\n'.join(line.strip() for line in value.splitlines()))


def object_results(
    prefix: str,
    title: str,
    outputs: Any,
    raw: Any,
    headers: list[str] | None = None,
    key: str | None = 'ID',
    rows: Any = None,
    note: str = '',
) -> CommandResults:
    """Return an entry with a table of `outputs`, or of `rows` if given, and Markdown below it."""
    readable = tableToMarkdown(title, inert(outputs if rows is None else rows), headers, pascalToSpace, removeNull=True)
    return CommandResults(
        outputs_prefix=prefix, outputs_key_field=key, outputs=outputs, raw_response=raw, readable_output=f'{readable}{note}'
    )


def property_rows(value: dict[str, Any], names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return an object as rows of a table: property and value, without those that are empty."""
    shown = {name: value.get(name) for name in names or value}
    return [{'Property': pascalToSpace(name), 'Value': one} for name, one in shown.items() if one not in (None, '', [], {})]


# endregion

# region batches


def run_in_batches(
    mailbox: Mailbox,
    args: dict[str, Any],
    ids_name: str,
    request_for: Callable[[str], BatchRequest],
    title: str,
    outputs_of: Callable[[BatchResult], dict[str, Any]],
    outputs_prefix: str = 'MSGraphMail',
    folder_id: str = '',
) -> MailCommandResult:
    """Send a request for each ID, and report what was done, or what failed and why. The platform runs the command again for the
    IDs that are throttled for long.

    Args:
        ids_name: the argument with the IDs.
        outputs_of: returns the context of a result without an error, except the mailbox.
        folder_id: where the messages are.
    Raises:
        DemistoException: nothing was done, nor will be.
    """
    found = mailbox.find_messages(id_list(args, ids_name), folder_id)
    message_ids = dict.fromkeys(one for one in found.values() if not isinstance(one, GraphError))
    results = [
        BatchResult(BatchRequest(name, 'GET', ''), error=one) for name, one in found.items() if isinstance(one, GraphError)
    ]
    results += mailbox.batch([request_for(message_id) for message_id in message_ids])
    for result in results:
        if result.error and result.error.advice == CHECK_ID:
            result.error.advice = id_advice(args)
    delays = {
        result.request.message_id: delay
        for result in results
        if result.error
        and result.error.res is not None
        and (delay := mailbox.client.reschedule_delay(result.error.res, result.request.is_idempotent)) is not None
    }
    is_rescheduled = bool(delays) and mailbox.client.can_reschedule()
    settled = [result for result in results if not (is_rescheduled and result.request.message_id in delays)]
    outputs = [{**outputs_of(result), 'UserID': mailbox.address} for result in settled if not result.error]
    if not (outputs or is_rescheduled):
        reasons = [f'{result.request.message_id}: {result.error}' for result in results]
        raise DemistoException(
            str(results[0].error) if len(results) == 1 else '\n'.join(['None of the emails is known to be done.', *reasons])
        )
    entries: list[CommandResults | dict[str, Any]] = []
    if settled:
        entries.append(_batch_results(title, settled, outputs, outputs_prefix))
    if is_rescheduled:
        rest = {**args, ids_name: ','.join(delays)}
        entries.append(reschedule(rest, max(delays.values()), f'{len(delays)} of the emails follow'))
    return entries if len(entries) > 1 else entries[0]


def _batch_results(title: str, results: list[BatchResult], outputs: list[dict[str, Any]], outputs_prefix: str) -> CommandResults:
    rows = [
        {'ID': result.request.message_id, 'Result': 'Failed' if result.error else 'Done', 'Reason': str(result.error or '')}
        for result in results
    ]
    raw = [{'id': result.request.message_id, 'answer': result.body, 'error': str(result.error or '')} for result in results]
    title = f'{title} ({len(outputs)} of {len(results)})'
    shown = outputs[0] if len(results) == 1 and outputs else outputs
    return object_results(outputs_prefix, title, shown, raw, ['ID', 'Result', 'Reason'], rows=rows)


# endregion

# region commands for emails


def _email_outputs(message: dict[str, Any], properties: dict[str, str], mailbox: Mailbox) -> dict[str, Any]:
    kind = str(message.get('@odata.type') or '').rpartition('.')[2] or 'message'
    return {**object_outputs(message, properties), 'Kind': kind, 'UserID': mailbox.address}


def _meeting_outputs(message: dict[str, Any]) -> dict[str, Any]:
    """Return what an ``eventMessage`` of Graph says about the meeting."""
    moments = {name: message.get(key) or {} for name, key in (('Start', 'startDateTime'), ('End', 'endDateTime'))}
    return {
        'Type': message.get('meetingMessageType'),
        'Location': (message.get('location') or {}).get('displayName'),
        'Organizer': EmailAddress.from_json(message.get('from')).address or None,
        **{name: ' '.join(filter(None, (one.get('dateTime'), one.get('timeZone')))) or None for name, one in moments.items()},
    }


def _email_row(outputs: dict[str, Any]) -> dict[str, Any]:
    people = ('From', 'Sender', 'Recipients', 'CCRecipients', 'BCCRecipients', 'ReplyTo')
    return {**outputs, **{name: addresses_text(outputs.get(name)) for name in people}}


def list_emails_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """List the messages of a mailbox or of one of its folders."""
    mailbox, next_page = mailbox_argument(client, args), clean_value(args.get('next_page'))
    contained = [name for name in ('folder_id', 'odata', 'search') if args.get(name)] if next_page else []
    if contained:
        raise DemistoException(
            f'next_page contains {", ".join(contained)} of the earlier list. Remove {" and ".join(contained)}.'
        )
    query = odata_query(args.get('odata') or '', args.get('search') or '')
    page_size, pages = int_argument(args, 'page_size', 20, MAX_PAGE_SIZE), int_argument(args, 'pages_to_pull', 1, MAX_PAGES)
    given_limit = int_argument(args, 'limit', MAX_PAGE_SIZE, MAX_LISTED)
    limit = given_limit if bool_argument(args, 'all_results') or args.get('limit') not in (None, '') else None
    if limit:
        page_size, pages = min(limit, max(page_size, 100)), MAX_PAGES
    folder_id = folder_argument(mailbox, args)
    messages, next_page = mailbox.list_messages(folder_id, query, page_size, pages, next_page, limit)
    if not messages:
        readable = 'No emails were found on this page, but there are more pages.' if next_page else 'No emails were found.'
        return CommandResults(raw_response=messages, readable_output=f'{readable}{_next_command(args, next_page)}')
    outputs = [_email_outputs(message, EMAIL_PROPERTIES, mailbox) for message in messages]
    folder_ids = {one['FolderID'] for one in outputs if one.get('FolderID')}
    is_named = (folder_id and folder_id != graph_id(str(args['folder_id']))) or WELL_KNOWN_FOLDER.fullmatch(folder_id)
    names = dict.fromkeys(folder_ids, args['folder_id']) if is_named else mailbox.folder_names(sorted(folder_ids))
    rows = [{**_email_row(one), 'Folder': names.get(one.get('FolderID', ''), one.get('FolderID'))} for one in outputs]
    if next_page:
        outputs[-1]['NextPage'] = next_page
    title = f'Emails ({len(outputs)}{", more on the next page" if next_page else ""})'
    headers = ['Subject', 'From', 'Recipients', 'ReceivedTime', 'IsRead', 'Folder', 'HasAttachments', 'ID']
    note = _unreadable(messages) + _next_command(args, next_page)
    return object_results('MSGraphMail', title, outputs, messages, headers, rows=rows, note=note)


def _next_command(args: dict[str, Any], next_page: str) -> str:
    """Return how to list the next page, empty if there is none."""
    given: dict[str, Any] = {'next_page': next_page, **{name: args.get(name) for name in ('limit', 'user_id')}}
    options = ' '.join(f'{name}="{value}"' for name, value in given.items() if value not in (None, ''))
    return f'\nNext page: `!msgraph-mail-list-emails {options}`' if next_page else ''


def _unreadable(messages: list[dict[str, Any]]) -> str:
    """Return which messages of a list could not be read completely."""
    return ''.join(
        f'\nOnly a part of this email could be read: {inert(str(one.get("subject") or one["id"]), is_cell=False)}. '
        f'{inert(str(one[UNREADABLE]), is_cell=False)}'
        for one in messages
        if UNREADABLE in one
    )


MAX_TEXT = 20_000  # characters of an email below its table


def get_email_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Show a message with its body and its headers."""
    mailbox = mailbox_argument(client, args)
    folder_id = folder_argument(mailbox, args)
    body_type = choice_argument(args, 'body_type', ('HTML', 'text'), 'HTML').lower()
    query = {'$select': ','.join(SINGLE_EMAIL_PROPERTIES.values()), **odata_query(args.get('odata') or '')}
    message_id = message_argument(mailbox, args, folder_id=folder_id)
    message = mailbox.get_message(message_id, folder_id, query, body_type)
    outputs = _email_outputs(message, SINGLE_EMAIL_PROPERTIES, mailbox)
    if outputs['Kind'].startswith('eventMessage'):  # its own properties come without $select only
        outputs['Meeting'] = _meeting_outputs(mailbox.get_message(message_id, folder_id))
    body = message.get('body') or {}
    content = str(body.get('content') or '')
    text = html_to_text(content, MAX_TEXT) if body.get('contentType') == 'html' else content[:MAX_TEXT]
    rest = '\n\n(The rest of the text is in the context.)' if len(text) == MAX_TEXT else ''
    note = f'\n{inert(text, is_cell=False)}{rest}' if text else ''
    meeting = {f'Meeting{name}': value for name, value in outputs.get('Meeting', {}).items()}
    rows = property_rows({**_email_row(outputs), **meeting}, (*_SHOWN_OF_EMAIL, *meeting))
    return object_results('MSGraphMail', 'Email', outputs, message, ['Property', 'Value'], rows=rows, note=note)


_SHOWN_OF_EMAIL = (
    'Kind', 'Subject', 'From', 'Sender', 'Recipients', 'CCRecipients', 'BCCRecipients', 'ReplyTo', 'SendTime', 'ReceivedTime',
    'IsRead', 'IsDraft', 'Importance', 'HasAttachments', 'Categories', 'InternetMessageID', 'ConversationID', 'FolderID',
    'WebLink', 'ID',
)  # fmt: skip


def get_email_as_eml_command(client: GraphMailClient, args: dict[str, Any]) -> dict[str, Any]:
    """Return a message as a file with exactly the bytes that are in the mailbox."""
    mailbox = mailbox_argument(client, args)
    message_id = message_argument(mailbox, args)
    return save_file(f'{message_id}.eml', lambda write: mailbox.download_mime(message_id, write)).entry


def _change_emails(
    client: GraphMailClient, args: dict[str, Any], title: str, changes: dict[str, Any], outputs: dict[str, Any]
) -> MailCommandResult:
    """Make the same changes to several messages. `outputs` is the context of each."""
    mailbox = mailbox_argument(client, args)
    folder_id = folder_argument(mailbox, args)
    return run_in_batches(
        mailbox,
        args,
        'message_ids',
        lambda message_id: mailbox.update_request(message_id, changes, folder_id),
        title,
        lambda result: {'ID': result.request.message_id, **outputs},
        folder_id=folder_id,
    )


def update_email_status_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Mark messages as read or unread."""
    is_read = choice_argument(args, 'status', ('Read', 'Unread')) == 'Read'
    title = 'Marked as read' if is_read else 'Marked as unread'
    return _change_emails(client, args, title, {'isRead': is_read}, {'IsRead': is_read})


def set_categories_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Replace the categories of messages."""
    categories, clear = text_list(args, 'categories'), bool_argument(args, 'clear')
    if bool(categories) is clear:
        raise DemistoException('Enter categories, or clear=true to remove all, but not both.')
    return _change_emails(client, args, 'Categories set', {'categories': categories}, {'Categories': categories})


def flag_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Flag messages for follow-up, mark them as complete, or remove the flag."""
    status = choice_argument(args, 'status', ('flagged', 'complete', 'notFlagged'), 'flagged')
    due = clean_value(args.get('due_date'))
    flag: dict[str, Any] = {'flagStatus': status}
    if due:
        if status != 'flagged':
            raise DemistoException('due_date can only be used with the status flagged. Remove due_date.')
        date = future_datetime(due, 'due_date', grace=24 * 3600)  # a date without a time is read as its midnight
        moment = {'dateTime': f'{date:%Y-%m-%dT%H:%M:%S}', 'timeZone': 'UTC'}
        flag.update(startDateTime=moment, dueDateTime=moment)
    return _change_emails(client, args, 'Flags set', {'flag': flag}, {'FlagStatus': status})


def move_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Move messages to another folder."""
    mailbox = mailbox_argument(client, args)
    folder_id = folder_argument(mailbox, args, 'destination_folder_id', is_required=True)
    return run_in_batches(
        mailbox,
        args,
        'message_id',
        lambda message_id: mailbox.move_request(message_id, folder_id),
        'Emails moved',
        lambda result: {'ID': result.body['id'], 'DestinationFolderID': folder_id},
        'MSGraphMail.MovedEmails',
    )


def copy_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Copy messages to a folder."""
    mailbox = mailbox_argument(client, args)
    folder_id = folder_argument(mailbox, args, 'destination_folder_id', is_required=True)
    return run_in_batches(
        mailbox,
        args,
        'message_id',
        lambda message_id: mailbox.copy_request(message_id, folder_id),
        'Emails copied',
        lambda result: {'ID': result.body['id'], 'SourceID': result.request.message_id, 'DestinationFolderID': folder_id},
        'MSGraphMail.CopiedEmails',
    )


def delete_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Move messages to Deleted Items, or delete them permanently."""
    mailbox, permanent = mailbox_argument(client, args), bool_argument(args, 'permanent')
    folder_id = folder_argument(mailbox, args)
    return run_in_batches(
        mailbox,
        args,
        'message_id',
        lambda message_id: mailbox.delete_request(message_id, folder_id, permanent),
        'Emails deleted permanently' if permanent else 'Emails moved to Deleted Items',
        lambda result: {'ID': result.request.message_id, 'Permanent': permanent},
        'MSGraphMail.DeletedEmails',
        folder_id,
    )


# endregion

# region commands for attachments

_NO_ATTACHMENTS = 'The email has no attachments.'


def list_attachments_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """List the attachments of a message without their bytes."""
    mailbox, with_hash = mailbox_argument(client, args), bool_argument(args, 'include_hash')
    folder_id = folder_argument(mailbox, args)
    message_id = message_argument(mailbox, args, folder_id=folder_id)
    found = mailbox.list_attachments(message_id, folder_id)
    # Outlook marks images of some programs as not inline, though the body shows them
    is_named = any(one.content_id and not one.is_inline for one in Attachment.list_from_json(found))
    message = mailbox.get_message(message_id, folder_id, {'$select': 'body'}) if is_named else {}
    attachments = Attachment.list_from_json(found, str((message.get('body') or {}).get('content') or ''))
    if not attachments:
        return CommandResults(readable_output=_NO_ATTACHMENTS, raw_response=found)
    web_link = _web_link(mailbox, attachments, message_id)
    rows = []
    for attachment in attachments:
        row = {
            'ID': attachment.attachment_id,
            'Name': attachment.name,
            'Type': attachment.content_type,
            'Size': attachment.size,
            'Kind': f'{attachment.kind}Attachment',
            'IsInline': attachment.is_inline,
            'ContentID': attachment.content_id,
            'WebLink': web_link if attachment.kind == 'reference' else '',
        }
        if with_hash and attachment.kind != 'reference':
            digest = hashlib.sha256()
            mailbox.download_file(message_id, attachment, digest.update, folder_id)
            row['SHA256'] = digest.hexdigest()
        rows.append({key: value for key, value in row.items() if value != ''})
    outputs = {'ID': message_id, 'UserID': mailbox.address, 'Attachment': rows}
    headers = ['Name', 'Type', 'Size', 'Kind', 'IsInline', 'ContentID', 'SHA256', 'WebLink', 'ID']
    return object_results('MSGraphMailAttachment', f'Attachments ({len(rows)})', outputs, found, headers, rows=rows)


def get_attachment_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Return one attachment of a message as a file, or all. If one cannot be read, the others are returned."""
    mailbox, attachment_id = mailbox_argument(client, args), graph_id(clean_value(args.get('attachment_id')))
    folder_id = folder_argument(mailbox, args)
    message_id = message_argument(mailbox, args, folder_id=folder_id)
    attachments = Attachment.list_from_json(
        [mailbox.get_attachment(message_id, attachment_id, folder_id)]
        if attachment_id
        else mailbox.list_attachments(message_id, folder_id)
    )
    if not attachments:
        return CommandResults(readable_output=_NO_ATTACHMENTS, raw_response=[])
    web_link = _web_link(mailbox, attachments, message_id)
    entries: list[CommandResults | dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    errors: list[GraphError] = []
    for attachment in attachments:
        if attachment.kind == 'reference':
            reason = f'It is a link to a file elsewhere. Open the email to follow it: {web_link}'
            missing.append({'Name': inert(attachment.name), 'Reason': reason})
            continue
        try:
            entries.append(_save_attachment(mailbox, attachment, message_id, folder_id))
        except GraphError as error:
            errors.append(error)
            missing.append({'Name': inert(attachment.name), 'Reason': inert(str(error))})
    if len(errors) == len(attachments):
        raise errors[0]
    if missing:
        readable = tableToMarkdown('Attachments without a file', missing, headers=['Name', 'Reason'])
        entries.append(CommandResults(raw_response=missing, readable_output=readable))
    return entries if len(entries) > 1 else entries[0]


def _save_attachment(mailbox: Mailbox, attachment: Attachment, message_id: str, folder_id: str) -> dict[str, Any]:
    def download(write: Callable[[bytes], Any]) -> None:
        mailbox.download_file(message_id, attachment, write, folder_id)

    return save_file(attachment.name, download, attachment.kind == 'item').entry


def _web_link(mailbox: Mailbox, attachments: list[Attachment], message_id: str) -> str:
    """Return the address of the message in Outlook if it has a link, of which Graph shows nothing else; otherwise empty."""
    if not any(attachment.kind == 'reference' for attachment in attachments):
        return ''
    return mailbox.get_message(message_id, query={'$select': 'webLink'}).get('webLink') or ''


# endregion

# region commands for folders


def _folder_results(title: str, folders: list[dict[str, Any]], empty: str) -> CommandResults:
    if not folders:
        return CommandResults(readable_output=empty, raw_response=folders)
    outputs = [object_outputs(folder, FOLDER_PROPERTIES) for folder in folders]
    return object_results('MSGraphMail.Folders', f'{title} ({len(folders)})', outputs, folders, list(FOLDER_PROPERTIES))


def _one_folder_results(title: str, folder: dict[str, Any]) -> CommandResults:
    outputs = object_outputs(folder, FOLDER_PROPERTIES)
    return object_results('MSGraphMail.Folders', title, outputs, folder, list(FOLDER_PROPERTIES))


def list_folders_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """List the folders at the top of a mailbox."""
    folders = mailbox_argument(client, args).list_folders(int_argument(args, 'limit', 20, MAX_LISTED))
    return _folder_results('Folders', folders, 'No folders were found.')


def list_child_folders_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """List the child folders of a folder."""
    mailbox, limit = mailbox_argument(client, args), int_argument(args, 'limit', 20, MAX_LISTED)
    folders = mailbox.list_child_folders(folder_argument(mailbox, args, 'parent_folder_id', is_required=True), limit)
    return _folder_results('Folders', folders, 'There are no folders in this folder.')


def create_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Create a folder in a parent folder, or at the top of the mailbox."""
    name, mailbox = required_argument(args, 'new_folder_name'), mailbox_argument(client, args)
    parent_id = folder_argument(mailbox, args, 'parent_folder_id')
    return _one_folder_results('Folder created', mailbox.create_folder(name, parent_id))


def update_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Rename a folder."""
    mailbox, name = mailbox_argument(client, args), required_argument(args, 'new_display_name')
    folder_id = folder_argument(mailbox, args, is_required=True)
    return _one_folder_results('Folder renamed', mailbox.update_folder(folder_id, name))


def delete_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Move a folder with its contents to Deleted Items, or delete it permanently."""
    mailbox, permanent = mailbox_argument(client, args), bool_argument(args, 'permanent')
    folder_id = folder_argument(mailbox, args, is_required=True)
    mailbox.delete_folder(folder_id, permanent)
    outputs = {'ID': folder_id, 'Deleted': True}
    title = 'Folder deleted permanently' if permanent else 'Folder moved to Deleted Items'
    return object_results('MSGraphMail.Folders', title, outputs, outputs, ['ID'])


# endregion

# region commands for rules and settings

_RULE_HEADERS = ['displayName', 'isEnabled', 'sequence', 'conditions', 'actions', 'exceptions', 'id']


def _rule_results(title: str, rule: dict[str, Any]) -> CommandResults:
    return object_results('MSGraphMail.Rule', title, without_annotations(rule), rule, _RULE_HEADERS, 'id')


def _rule_changes(mailbox: Mailbox, args: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a rule that the arguments set. An empty object removes what the rule has."""

    def given(name: str) -> bool:
        return args.get(name) not in (None, '')

    changes: dict[str, Any] = {name: json_argument(args, name) for name in ('conditions', 'actions', 'exceptions') if given(name)}
    if clean_value(args.get('display_name')):
        changes['displayName'] = clean_value(args['display_name'])
    if given('sequence'):
        changes['sequence'] = int_argument(args, 'sequence', 1, 10_000)
    for name, key in (('is_enabled', 'isEnabled'), ('is_read_only', 'isReadOnly')):
        if given(name):
            changes[key] = bool_argument({name: str(args[name])}, name)
    folders = {name: changes.get('actions', {}).get(name) for name in ('moveToFolder', 'copyToFolder')}
    found = {name: folder_argument(mailbox, {'actions': text}, 'actions') for name, text in folders.items() if text}
    # a rule takes no well-known name
    ids = {name: mailbox.find_folder(folder) if WELL_KNOWN_FOLDER.fullmatch(folder) else folder for name, folder in found.items()}
    return {**changes, 'actions': {**changes['actions'], **ids}} if ids else changes


def list_rules_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """List the rules of the inbox."""
    rules = mailbox_argument(client, args).list_rules(int_argument(args, 'limit', 50, MAX_LISTED))
    if not rules:
        return CommandResults(readable_output='The inbox has no rules.', raw_response=rules)
    outputs = [without_annotations(rule) for rule in rules]
    return object_results('MSGraphMail.Rule', f'Rules ({len(rules)})', outputs, rules, _RULE_HEADERS, 'id')


def get_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Show a rule of the inbox."""
    return _rule_results('Rule', mailbox_argument(client, args).get_rule(required_argument(args, 'rule_id')))


def create_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Create a rule of the inbox."""
    mailbox = mailbox_argument(client, args)
    changes = _rule_changes(mailbox, args)
    for name, key in (('display_name', 'displayName'), ('actions', 'actions')):
        if not changes.get(key):
            raise DemistoException(f'The argument {name} is empty. Enter a value for it.')
    return _rule_results('Rule created', mailbox.create_rule(changes))


def update_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Change properties of a rule of the inbox."""
    rule_id, mailbox = required_argument(args, 'rule_id'), mailbox_argument(client, args)
    changes = _rule_changes(mailbox, args)
    if not changes:
        raise DemistoException('There is nothing to change. Enter at least one property of the rule.')
    return _rule_results('Rule changed', mailbox.update_rule(rule_id, changes))


def delete_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Delete a rule of the inbox."""
    rule_id = required_argument(args, 'rule_id')
    mailbox_argument(client, args).delete_rule(rule_id)
    outputs = {'id': rule_id, 'deleted': True}
    return object_results('MSGraphMail.Rule', 'Rule deleted', outputs, outputs, ['id'], 'id')


def get_settings_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Show the settings of a mailbox, or one of them."""
    mailbox = mailbox_argument(client, args)
    settings = mailbox.get_settings(clean_value(args.get('property')))
    outputs = {**without_annotations(settings), 'UserID': mailbox.address}
    rows = property_rows(outputs)
    return object_results('MSGraphMail.MailboxSettings', 'Mailbox settings', outputs, settings, None, 'UserID', rows)


def get_mailtips_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Show what is known about recipients before an email is sent to them."""
    addresses = [one.address for name in ('email_addresses', 'email_address') for one in addresses_argument(args, name)]
    if not addresses:
        raise DemistoException('The argument email_addresses is empty. Enter one address, or several separated by commas.')
    tips = mailbox_argument(client, args).get_mailtips(list(dict.fromkeys(addresses)))
    outputs = [without_annotations(tip) for tip in tips]
    rows = [
        {
            'emailAddress': EmailAddress.from_json(one).address,
            **{
                name: value.get('message') if name == 'automaticReplies' else value
                for name, value in one.items()
                if name != 'emailAddress'
            },
        }
        for one in outputs
    ]
    return object_results('MSGraphMail.MailTips', 'Mail tips', outputs, tips, key='emailAddress.address', rows=rows)


# endregion

# region table

MAIL_COMMANDS: dict[str, Callable[[GraphMailClient, dict[str, Any]], MailCommandResult]] = {
    name: checked_command(function, f'{arguments} user_id ran_once_flag')
    for name, function, arguments in (
        (
            'msgraph-mail-list-emails',
            list_emails_command,
            'folder_id odata search page_size pages_to_pull all_results limit next_page',
        ),
        ('msgraph-mail-get-email', get_email_command, 'message_id folder_id body_type odata'),
        ('msgraph-mail-get-email-as-eml', get_email_as_eml_command, 'message_id'),
        ('msgraph-mail-list-attachments', list_attachments_command, 'message_id folder_id include_hash'),
        ('msgraph-mail-get-attachment', get_attachment_command, 'message_id attachment_id folder_id'),
        ('msgraph-update-email-status', update_email_status_command, 'message_ids status folder_id'),
        ('msgraph-mail-set-categories', set_categories_command, 'message_ids categories clear folder_id'),
        ('msgraph-mail-flag-email', flag_email_command, 'message_ids status due_date folder_id'),
        ('msgraph-mail-move-email', move_email_command, 'message_id destination_folder_id'),
        ('msgraph-mail-copy-email', copy_email_command, 'message_id destination_folder_id'),
        ('msgraph-mail-delete-email', delete_email_command, 'message_id permanent folder_id'),
        ('msgraph-mail-list-folders', list_folders_command, 'limit'),
        ('msgraph-mail-list-child-folders', list_child_folders_command, 'parent_folder_id limit'),
        ('msgraph-mail-create-folder', create_folder_command, 'new_folder_name parent_folder_id'),
        ('msgraph-mail-update-folder', update_folder_command, 'folder_id new_display_name'),
        ('msgraph-mail-delete-folder', delete_folder_command, 'folder_id permanent'),
        ('msgraph-mail-list-rules', list_rules_command, 'limit'),
        ('msgraph-mail-get-rule', get_rule_command, 'rule_id'),
        (
            'msgraph-mail-create-rule',
            create_rule_command,
            'display_name actions conditions exceptions sequence is_enabled is_read_only',
        ),
        (
            'msgraph-mail-update-rule',
            update_rule_command,
            'rule_id display_name actions conditions exceptions sequence is_enabled is_read_only',
        ),
        ('msgraph-mail-delete-rule', delete_rule_command, 'rule_id'),
        ('msgraph-mail-get-settings', get_settings_command, 'property'),
        ('msgraph-mail-get-mailtips', get_mailtips_command, 'email_addresses email_address'),
    )
}

# endregion
