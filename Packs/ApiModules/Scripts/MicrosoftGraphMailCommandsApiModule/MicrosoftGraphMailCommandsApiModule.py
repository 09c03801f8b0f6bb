"""Provide the commands that read and organize a mailbox. An integration adds MAIL_COMMANDS to its commands."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import CommandResults, DemistoException, pascalToSpace, tableToMarkdown
    from MicrosoftCoreApiModule import JsonObject, clean_value, is_guid
    from MicrosoftInstanceApiModule import Arguments, CommandFunction, bool_argument, required_argument, text_argument, text_list
    from MicrosoftMailMimeApiModule import (
        EMAIL_TYPES,
        MAX_PARTS,
        MimePart,
        body_text,
        calendar_in_mime,
        eml_name,
        has_html_tag,
        html_to_text,
        mime_parts,
        text_as_html,
    )
    from MicrosoftGraphClientApiModule import (
        BatchRequest,
        BatchResult,
        GraphError,
        GraphThrottled,
        MALFORMED_PROPERTIES,
        UNREADABLE_CODES,
        WELL_KNOWN_FOLDER,
        graph_id,
        is_folder_id,
        message_id_forms,
        odata_query,
        odata_text,
        retry_broken_transfer,
        without_annotations,
    )
    from MicrosoftGraphMailClientApiModule import (
        Attachment,
        EmailAddress,
        GraphMailClient,
        LISTED_EMAIL_PROPERTIES,
        MAX_PAGE_SIZE,
        MAX_SEARCHED,
        Mailbox,
        RECIPIENT_LISTS,
        SINGLE_EMAIL_PROPERTIES,
        SavedFile,
        UNREADABLE,
        addresses_in,
        mailbox_of_link,
        message_id_condition,
        message_kind,
        save_file,
    )
    from MicrosoftGraphMailArgumentsApiModule import (
        ARGUMENT_READERS,
        Entry,
        MailCommand,
        MailCommandResult,
        addresses_argument,
        addresses_text,
        batch_results,
        checked_command,
        command_result,
        day_argument,
        due_date,
        escape_markdown,
        folder_argument,
        graph_time_text,
        local_time,
        mailbox_argument,
        message_argument,
        message_in_folder,
        messages_argument,
        nested_depth,
        notes_text,
        object_outputs,
        object_results,
        one_address,
        one_line,
        property_rows,
        time_argument,
    )

# region commands for emails


def _email_outputs(message: JsonObject, properties: dict[str, str], mailbox: Mailbox) -> JsonObject:
    # a key of its own: it must not replace the whole body in the context
    properties = {**properties, 'UniqueBody': 'uniqueBody'}
    return {**object_outputs(message, properties), 'Kind': message_kind(message), 'UserID': mailbox.address}


def _with_unique_body(select: str) -> str:
    return re.sub(r'\bbody\b', 'uniqueBody', select)


def _meeting_outputs(message: JsonObject) -> JsonObject:
    """Return what an ``eventMessage`` of Graph says about the meeting."""
    return {
        'Type': message.get('meetingMessageType'),
        'Location': (message.get('location') or {}).get('displayName'),
        'Organizer': EmailAddress.from_json(message.get('from')).address or None,
        'Start': graph_time_text(message.get('startDateTime')) or None,
        'End': graph_time_text(message.get('endDateTime')) or None,
    }


def _email_row(outputs: JsonObject, with_names: bool = False) -> JsonObject:
    names = ('From', 'Sender', 'Recipients', 'CCRecipients', 'BCCRecipients', 'ReplyTo')
    return {**outputs, **{name: addresses_text(outputs.get(name), with_names) for name in names}}


_MAX_PAGES_TO_LIMIT = 1000  # of a list with a limit
_EMAILS = 'MSGraphMail(val.ID && val.ID == obj.ID)'
_NEXT_PAGE = "MSGraphMail(val.NextPage.indexOf('')>=0)"  # whatever has a link, even if it is empty


def list_emails_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """List the messages of a mailbox or of one of its folders."""
    next_page = clean_value(args.get('next_page'))
    contained = [name for name in ('folder_id', 'odata', 'search') if args.get(name)] if next_page else []
    if contained:
        raise DemistoException(
            f'next_page contains {", ".join(contained)} of the earlier list. Remove {" and ".join(contained)}.'
        )
    if next_page:
        mailbox = _linked_mailbox(mailbox, args, next_page)
        args = {**args, 'user_id': mailbox.address}
    query = odata_query(args.get('odata') or '', args.get('search') or '')
    page_size, pages = args.get('page_size') or 20, args.get('pages_to_pull') or 1
    limit = args.get('limit') or (MAX_PAGE_SIZE if bool_argument(args, 'all_results') else None)
    if limit:
        page_size, pages = min(limit, max(page_size, 100)), _MAX_PAGES_TO_LIMIT
    folder_id = folder_argument(mailbox, args)
    messages, link = mailbox.list_messages(folder_id, query, page_size, pages, next_page, limit)
    empty = 'No emails were found on this page, but there are more pages.' if link else 'No emails were found.'
    title = f'Emails ({len(messages)}{", more on the next page" if link else ""})'
    in_link = re.search(r'/mailFolders(?:/|\(\')([^/\')]+)', unquote(urlsplit(next_page).path))
    folder = clean_value(args.get('folder_id')) or (in_link[1] if in_link else '')
    results = _email_results(mailbox, messages, title, folder, _next_command(args, link), empty)
    if link or next_page:  # one link, the newest; it is empty after the last page, so that a loop ends
        emails = {_EMAILS: results.outputs} if messages else {}
        results.outputs, results.outputs_prefix = {**emails, _NEXT_PAGE: {'NextPage': link}}, None
    return results


def _linked_mailbox(mailbox: Mailbox, args: Arguments, link: str) -> Mailbox:
    """Return the mailbox that a link leads to. Raise DemistoException if ``user_id`` names another one."""
    address = mailbox_of_link(link)
    if address is None or address.lower() == mailbox.address.lower():
        return mailbox
    if not clean_value(args.get('user_id')):
        return Mailbox(mailbox.client, address)
    if address and is_guid(address) is not is_guid(mailbox.address):  # both may name the same mailbox
        return mailbox
    owner = address or 'the user who signed in'
    raise DemistoException(f'next_page lists the mailbox of {owner}, and not that of {mailbox.address}. Remove user_id.')


def _email_results(
    mailbox: Mailbox, messages: list[JsonObject], title: str, folder: str, note: str, empty: str = 'No emails were found.'
) -> CommandResults:
    """Return a table of messages. `folder` is the name, path or ID of the one that all are in, if it is known."""
    outputs = [_email_outputs(message, LISTED_EMAIL_PROPERTIES, mailbox) for message in messages]
    folder_ids = sorted({one['FolderID'] for one in outputs if one.get('FolderID')})
    if folder:  # the user wrote its name, which costs no request then
        is_id = is_folder_id(graph_id(folder)) and not re.fullmatch(WELL_KNOWN_FOLDER, folder)
        names = dict.fromkeys(folder_ids, '' if is_id else folder)
    else:
        names = mailbox.folder_names(folder_ids)
    rows = [{**_email_row(one), 'Folder': names.get(one.get('FolderID'), one.get('FolderID'))} for one in outputs]
    headers = ['Subject', 'From', 'Recipients', 'ReceivedTime', 'IsRead', 'Folder', 'HasAttachments', 'ID']
    note = _unreadable(messages) + note
    return object_results('MSGraphMail', title, outputs, messages, headers, rows=rows, note=note, empty=empty)


def _next_command(args: Arguments, link: str) -> str:
    """Return how to list the next page, empty if there is none."""
    if not link:
        return ''
    options = ''.join(f' {name}="{args[name]}"' for name in ('limit', 'user_id') if args.get(name))
    return f'\nNext page: `!msgraph-mail-list-emails next_page="{link}"{options}`'


def _unreadable(messages: list[JsonObject]) -> str:
    """Return which messages of a list could not be read completely."""
    texts = []
    for message in messages:
        if UNREADABLE in message or MALFORMED_PROPERTIES in message:
            malformed = ', '.join(message.get(MALFORMED_PROPERTIES, ()))
            reason = message.get(UNREADABLE) or f'Microsoft Graph sent {malformed} in an unknown form.'
            texts.append(f'Only a part of this email could be read: {message.get("subject") or message["id"]}. {reason}')
    return notes_text(texts)


NEAR = timedelta(minutes=5)  # between the received time of an incident and that of its email


def _received_times(args: Arguments) -> dict[str, str]:
    """Return the earliest and the latest received time that the arguments allow, by the operator of OData that compares it."""
    near = day_argument(args, 'received_time')
    first, last = time_argument(args, 'received_after'), time_argument(args, 'received_before')
    if near and (first or last):
        raise DemistoException('received_time cannot be combined with received_after and received_before. Remove one of them.')
    if isinstance(near, datetime):
        first, last = near - NEAR, near + NEAR
    elif near:
        first = datetime(near.year, near.month, near.day, tzinfo=timezone.utc)
        last = first + timedelta(days=1, seconds=-1)
    if first and last and first > last:
        raise DemistoException('received_after is later than received_before. Change one of them.')
    return {operator: f'{moment:%Y-%m-%dT%H:%M:%SZ}' for operator, moment in (('ge', first), ('le', last)) if moment}


def find_email_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Find messages in all folders by their ``Message-ID``, or by what an incident says about them."""
    limit = args.get('limit') or 20
    times, subject = _received_times(args), str(args.get('subject') or '').strip()
    sender, recipient = one_address(args, 'sender').lower(), one_address(args, 'recipient').lower()
    message_id = str(args.get('message_id') or '').strip()
    conditions = [f'receivedDateTime {operator} {time}' for operator, time in times.items()]
    if not (conditions or subject or sender or recipient or message_id):
        raise DemistoException('There is nothing to search for. Enter message_id, subject, sender, recipient or a received time.')
    if message_id:
        forms = message_id_forms(message_id)
        if not forms:
            advice = 'Write one in brackets, or use msgraph-mail-get-email with the ID of an email.'
            raise DemistoException(f"'{message_id[:100]}' is not a Message-ID. {advice}")
        conditions.append(f'({message_id_condition(forms)})')
    else:
        conditions = conditions or ['receivedDateTime ge 1900-01-01T00:00:00Z']
    if sender:
        # `eq` finds no colleagues and no underscores (microsoft-graph-docs#121 and #18871), and startswith finds more
        path, literal = 'from/emailAddress/address', odata_text(sender)
        conditions.append(f'({path} eq {literal} or startswith({path},{literal}))')
    if subject:
        subjects = dict.fromkeys([subject, *(unicodedata.normalize(form, subject) for form in ('NFC', 'NFD'))])
        conditions.append(f'({" or ".join(f"contains(subject,{odata_text(one)})" for one in subjects)})')

    def has_addresses(message: JsonObject) -> bool:
        is_sent_to = not recipient or recipient in map(str.lower, addresses_in(message, *RECIPIENT_LISTS))
        return is_sent_to and sender in ('', EmailAddress.from_json(message.get('from')).address.lower())

    folder_id = folder_argument(mailbox, args)
    messages, has_more = mailbox.search(conditions, has_addresses, limit, folder_id)
    more = f'\nThere may be more: at most {limit} emails are shown, and {MAX_SEARCHED} searched.' if has_more else ''
    folder = clean_value(args.get('folder_id'))
    # a date may have been read otherwise than it was meant
    received = ' '.join(f'{ {"ge": "from", "le": "until"}[operator] } {time}' for operator, time in times.items())
    empty = f'No emails were found{received and f" that were received {received}"}.'
    return _email_results(mailbox, messages, f'Emails found ({len(messages)})', folder, more, empty)


MAX_TEXT = 20_000  # characters of an email below its table
_SHOWN_OF_EMAIL = (
    'Subject', 'From', 'Sender', 'Recipients', 'CCRecipients', 'BCCRecipients', 'ReplyTo', 'ReceivedTime', 'SendTime', 'IsRead',
    'HasAttachments', 'Importance', 'Categories', 'IsDraft', 'Kind', 'WebLink', 'MeetingType', 'MeetingLocation',
    'MeetingOrganizer', 'MeetingStart', 'MeetingEnd', 'InternetMessageID', 'ConversationID', 'FolderID', 'ID',
)  # fmt: skip
_SHOWN_EMAIL = 'MicrosoftGraph.ShownEmail(true)'  # the newest replaces the former: MSGraphMail has all emails that were listed


def get_email_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Show a message with its body and its headers."""
    query = {'$select': ','.join(SINGLE_EMAIL_PROPERTIES.values()), **odata_query(args.get('odata') or '')}
    if args.get('body') == 'unique':
        query['$select'] = _with_unique_body(query['$select'])
    message_id, folder_id = message_in_folder(mailbox, args)
    message = mailbox.get_message(message_id, folder_id, query, (args.get('body_type') or 'html').lower())
    outputs = _email_outputs(message, SINGLE_EMAIL_PROPERTIES, mailbox)
    if outputs['Kind'].startswith('eventMessage'):  # its own properties come without $select only
        outputs['Meeting'] = _meeting_outputs(mailbox.get_message(message_id, folder_id))
    text = body_text(message.get('uniqueBody') or message.get('body') or {}, MAX_TEXT, with_targets=True)
    rest = '\n\n(The rest of the text is in the context.)' if len(text) == MAX_TEXT else ''
    note = _unreadable([message]) + (f'\n{escape_markdown(text, is_cell=False)}{rest}' if text else '')
    meeting = {f'Meeting{name}': value for name, value in outputs.get('Meeting', {}).items()}
    row = {**_email_row(outputs, with_names=True), **meeting}
    if row['Sender'] == row['From']:
        row['Sender'] = ''
    rows = property_rows(row, _SHOWN_OF_EMAIL)
    results = object_results('MSGraphMail', 'Email', outputs, message, ['Property', 'Value'], rows=rows, note=note)
    location = {name: outputs.get(name) or '' for name in ('ID', 'FolderID', 'UserID')}
    results.outputs, results.outputs_prefix = {_EMAILS: outputs, _SHOWN_EMAIL: location}, None
    return results


def get_email_as_eml_command(mailbox: Mailbox, args: Arguments) -> JsonObject:
    """Return a message as a file with exactly the bytes that are in the mailbox."""
    message_id = message_argument(mailbox, args)

    def name_from(head: bytes) -> str:
        return eml_name(MimePart.read(head).text('Subject'), message_id)

    return save_file(f'{message_id}.eml', lambda write: mailbox.download_mime(message_id, write), name_from=name_from).entry


def _change_emails(
    mailbox: Mailbox, args: Arguments, title: str, changes: JsonObject, outputs: JsonObject, shown: JsonObject | None = None
) -> MailCommandResult:
    """Make the same changes to several messages. `outputs` is the context of each, `shown` as `batch_results`."""
    folder_id = folder_argument(mailbox, args)
    ids, failed = messages_argument(mailbox, args, 'message_ids', folder_id)
    results = mailbox.batch([mailbox.update_request(message_id, changes, folder_id) for message_id in ids])
    return batch_results(mailbox, args, title, failed + results, lambda _: outputs, ids_name='message_ids', shown=shown)


def update_email_status_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Mark messages as read or unread."""
    is_read = args['status'] == 'Read'
    title = f'Emails marked as {args["status"].lower()}'
    return _change_emails(mailbox, args, title, {'isRead': is_read}, {'IsRead': is_read})


def _category_names(args: Arguments) -> list[str]:
    """Return the categories of the arguments, each once: they are the same in upper and lower case."""
    names: dict[str, str] = {}
    for name in text_list(args, 'categories'):
        names.setdefault(name.casefold(), name)
    return list(names.values())


def set_categories_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Replace the categories of messages."""
    categories, clear = _category_names(args), bool_argument(args, 'clear')
    if bool(categories) is clear:
        raise DemistoException('Enter categories, or clear=true to remove all, but not both.')
    return _change_emails(mailbox, args, 'Categories set', {'categories': categories}, {'Categories': categories})


def flag_email_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Flag messages for follow-up, mark them as complete, or remove the flag."""
    status = args.get('status') or 'flagged'
    flag: JsonObject = {'flagStatus': status}
    shown = {}
    if clean_value(args.get('due_date')):
        if status != 'flagged':
            raise DemistoException('due_date can only be used with the status flagged. Remove due_date.')
        due = due_date(args)
        flag.update(startDateTime=due, dueDateTime=due)
        shown = {'DueDate': graph_time_text(due)}
    return _change_emails(mailbox, args, 'Flags set', {'flag': flag}, {'FlagStatus': status}, shown)


def move_email_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Move messages to another folder."""
    return _transfer_emails(mailbox, args, 'moved', mailbox.move_request)


def copy_email_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Copy messages to another folder."""
    return _transfer_emails(mailbox, args, 'copied', mailbox.copy_request)


def _transfer_emails(
    mailbox: Mailbox, args: Arguments, done: str, request_for: Callable[[str, str], BatchRequest]
) -> MailCommandResult:
    folder_id = folder_argument(mailbox, args, 'destination_folder_id')
    ids, failed = messages_argument(mailbox, args)
    results = mailbox.batch([request_for(message_id, folder_id) for message_id in ids])

    def outputs(result: BatchResult) -> JsonObject:
        source = {'SourceID': result.request.key} if done == 'copied' else {}
        return {'ID': result.body['id'], **source, 'DestinationFolderID': folder_id}

    prefix, shown = f'MSGraphMail.{done.title()}Emails', {'Folder': args['destination_folder_id']}
    return batch_results(mailbox, args, f'Emails {done}', failed + results, outputs, prefix=prefix, shown=shown)


def delete_email_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Move messages to Deleted Items, or delete them permanently."""
    permanent, folder_id = bool_argument(args, 'permanent'), folder_argument(mailbox, args)
    ids, failed = messages_argument(mailbox, args, folder_id=folder_id)
    results = mailbox.batch([mailbox.delete_request(message_id, folder_id, permanent) for message_id in ids])
    title, prefix = f'Emails {"deleted permanently" if permanent else "moved to Deleted Items"}', 'MSGraphMail.DeletedEmails'
    return batch_results(mailbox, args, title, failed + results, lambda _: {'Permanent': permanent}, prefix=prefix)


# endregion

# region attached emails

MAX_NESTED_FILES = 100
MAX_NESTED_SIZE = 100 * 1024 * 1024  # bytes of all files


class NestedEmails:
    """The emails that are attached to an email, to its attached emails, and so on.

    Args:
        depth: of emails in each other that are opened; 0 for none.
    """

    def __init__(self, depth: int):
        self._depth = depth
        self._files: list[JsonObject] = []
        self._emails: list[JsonObject] = []
        self._notes: list[str] = []
        self._size = self._parts = 0
        self._is_full = False

    def open(self, saved: SavedFile, content_type: str) -> None:
        """Extract the attachments of a file if it is an email or all parts of one, and those of the emails among them."""
        name, kind = saved.name.lower(), content_type.partition(';')[0].strip().lower()
        is_email = name.endswith('.eml') or kind in EMAIL_TYPES
        has_parts = name.endswith('.p7m') or kind.startswith('multipart/')  # of a signed email, Graph shows all as one file
        if not (is_email or has_parts) or not self._depth:
            return
        source = saved.read(MAX_NESTED_SIZE)
        if source is None:
            self._notes.append(f'{saved.name} has more than {MAX_NESTED_SIZE // 1024**2} MB and was not opened.')
            return
        if not is_email and MimePart.read(source).headers.get_content_maintype() != 'multipart':
            self._notes.append(f'{saved.name} has no parts that can be opened. It may be encrypted (S/MIME).')
            return
        emails = [(source, saved.name)]
        for depth in range(1, self._depth + 1):
            emails = [attached for source, name in emails for attached in self._extract(source, name, depth)]

    def _extract(self, source: bytes, name: str, depth: int) -> list[tuple[bytes, str]]:
        """Save the attachments of an email as files, and return those that are emails with their names."""
        if self._is_full:
            return []
        email, attached, emails = MimePart.read(source), [], []
        described = {header: email.text(header) for header in ('Subject', 'From', 'To', 'Date')}
        described['InternetMessageID'] = email.text('Message-ID')
        for number, part in enumerate(mime_parts(source), 1):
            content = part.content() if part.is_file else b''
            self._parts += 1
            self._size += len(content)
            if self._parts >= MAX_PARTS or len(self._files) >= MAX_NESTED_FILES or self._size > MAX_NESTED_SIZE:
                self._is_full = True
                self._notes.append(f'{name} may contain more: the limit of {MAX_NESTED_FILES} files or their size is reached.')
                break
            if part.is_file:
                saved = _save_bytes(part.file_name(number, content), content)
                self._files.append(saved.entry)
                kind = part.headers.get_content_type()
                attached.append({'Name': saved.name, 'Type': kind, 'Size': len(content), 'SHA256': saved.sha256})
                if saved.name.lower().endswith('.eml'):
                    emails.append((content, saved.name))
        self._emails.append({**described, 'Depth': depth, 'Name': name, 'Attachment': attached})
        return emails

    def results(self, message_id: str, address: str) -> list[Entry]:
        """Return the files, and an entry with the emails, if there are any."""
        if not (self._emails or self._notes):
            return []
        outputs = {'ID': message_id, 'UserID': address, 'NestedEmail': self._emails}
        rows = [{**one, 'Attachments': ', '.join(file['Name'] for file in one['Attachment'])} for one in self._emails]
        headers = ['Subject', 'From', 'To', 'Date', 'Attachments', 'Depth', 'Name', 'InternetMessageID']
        title = f'Attached emails ({len(rows)})'
        note = notes_text(self._notes)
        return [*self._files, object_results('MSGraphMailAttachment', title, outputs, outputs, headers, rows=rows, note=note)]


def _save_bytes(name: str, content: bytes) -> SavedFile:
    return save_file(name, lambda write: write(content))


# endregion

# region commands for attachments

_NO_ATTACHMENTS = 'The email has no attachments.'
_BEING_SCANNED = 'Microsoft Defender is still scanning the attachments. Run the command again in a few minutes.'


def list_attachments_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """List the attachments of a message without their bytes."""
    with_hash = bool_argument(args, 'include_hash')
    message_id, folder_id = message_in_folder(mailbox, args)
    found = mailbox.list_attachments(message_id, folder_id)
    attachments = _attachments(mailbox, message_id, folder_id, found)
    web_link = _web_link(mailbox, attachments, message_id)
    rows, notes = [], [_BEING_SCANNED] * any(one.is_placeholder for one in attachments)
    for attachment in attachments:
        is_link = attachment.attachment_type == 'reference'
        row = {
            'ID': attachment.attachment_id,
            'Name': attachment.name,
            'Type': attachment.content_type,
            'Size': attachment.size,
            'Kind': f'{attachment.attachment_type}Attachment',
            'IsInline': attachment.is_inline,
            'ContentID': attachment.content_id,
            'WebLink': web_link if is_link else '',
        }
        if with_hash and not is_link:
            download = partial(mailbox.download_file, message_id, attachment)
            try:
                row['SHA256'] = retry_broken_transfer(partial(_sha256, download))
            except GraphError as error:
                if error.code not in UNREADABLE_CODES:
                    raise
                notes.append(f'{attachment.name} could not be read: {error}')
        rows.append({key: value for key, value in row.items() if value != ''})
    outputs = {'ID': message_id, 'UserID': mailbox.address, 'Attachment': rows}
    return object_results(
        'MSGraphMailAttachment',
        f'Attachments ({len(rows)})',
        outputs,
        found,
        ['Name', 'Type', 'Size', 'Kind', 'IsInline', 'ContentID', 'SHA256', 'WebLink', 'ID'],
        rows=rows,
        note=notes_text(notes),
        empty=_NO_ATTACHMENTS,
    )


def _attachments(mailbox: Mailbox, message_id: str, folder_id: str, found: list[JsonObject]) -> list[Attachment]:
    """Return the attachments that Graph found. Some programs do not mark images as inline, though the body shows them."""
    attachments = Attachment.list_from_json(found)
    if not any(one.content_id and not one.is_inline for one in attachments):
        return attachments
    message = mailbox.get_message(message_id, folder_id, {'$select': 'body'})
    return Attachment.list_from_json(found, (message.get('body') or {}).get('content') or '')


def _sha256(download: Callable[[Callable[[bytes], Any]], None]) -> str:
    digest = hashlib.sha256()
    download(digest.update)
    return digest.hexdigest()


def get_attachment_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Return one attachment of a message as a file, or all. If one cannot be read, the others are returned."""
    attachment_id = graph_id(args.get('attachment_id') or '')
    nested = NestedEmails(nested_depth(args))
    message_id, folder_id = message_in_folder(mailbox, args)
    if attachment_id:
        found = [mailbox.get_attachment(message_id, attachment_id, folder_id)]
    else:
        found = mailbox.list_attachments(message_id, folder_id)
    attachments = _attachments(mailbox, message_id, folder_id, found)
    if not attachments:
        return CommandResults(readable_output=_NO_ATTACHMENTS, raw_response=[])
    web_link = _web_link(mailbox, attachments, message_id)
    saved, failed = _save_attachments(mailbox, message_id, attachments)
    if len(failed) == len(attachments):
        raise failed[attachments[0]]
    for file, content_type in saved:
        nested.open(file, content_type)
    entries = [*(file.entry for file, _ in saved), *_without_file(attachments, failed, web_link)]
    return command_result(entries + nested.results(message_id, mailbox.address))


def _without_file(attachments: list[Attachment], failed: dict[Attachment, GraphError], web_link: str) -> list[Entry]:
    """Return which attachments have no file and why, and whether they are still being scanned."""
    entries: list[Entry] = []
    missing = []
    for attachment in attachments:
        reason = escape_markdown(str(failed.get(attachment, '')))
        if attachment.attachment_type == 'reference':
            reason = f'It is a link to a file elsewhere. Open the email to follow it: {web_link}'
        if reason:
            missing.append({'Name': escape_markdown(attachment.name), 'Reason': reason})
    if missing:
        readable = tableToMarkdown('Attachments without a file', missing, headers=['Name', 'Reason'])
        entries.append(CommandResults(raw_response=missing, readable_output=readable))
    if any(one.is_placeholder for one in attachments):
        entries.append(CommandResults(readable_output=_BEING_SCANNED))
    return entries


def _save_attachments(
    mailbox: Mailbox, message_id: str, attachments: list[Attachment]
) -> tuple[list[tuple[SavedFile, str]], dict[Attachment, GraphError]]:
    """Return the files of attachments with their content types, and the errors of those that cannot be read.

    Raises:
        GraphThrottled: one is throttled for long, and the command can run again, for all of them.
    """
    saved, failed = [], {}
    for attachment in attachments:
        if attachment.attachment_type == 'reference':
            continue
        download = partial(mailbox.download_file, message_id, attachment)
        try:
            name = attachment.received_name(mailbox.client.legacy_names)
            file = save_file(name, download, attachment.attachment_type == 'item')
            saved.append((file, attachment.content_type))
        except GraphError as error:
            if isinstance(error, GraphThrottled) and mailbox.client.can_reschedule():
                for file, _ in saved:
                    file.remove()
                raise
            failed[attachment] = error
    return saved, failed


def _web_link(mailbox: Mailbox, attachments: list[Attachment], message_id: str) -> str:
    """Return the address of the message in Outlook if it has a link, of which Graph shows nothing else; otherwise empty."""
    if not any(attachment.attachment_type == 'reference' for attachment in attachments):
        return ''
    return mailbox.get_message(message_id, query={'$select': 'webLink'}).get('webLink') or ''


# endregion

# region commands for folders

FOLDER_PROPERTIES = {
    'ID': 'id',
    'DisplayName': 'displayName',
    'ParentFolderID': 'parentFolderId',
    'ChildFolderCount': 'childFolderCount',
    'TotalItemCount': 'totalItemCount',
    'UnreadItemCount': 'unreadItemCount',
}
_FOLDER_HEADERS = ['DisplayName', 'TotalItemCount', 'UnreadItemCount', 'ChildFolderCount', 'ParentFolderID', 'ID']


def _folder_results(title: str, folders: JsonObject | list[JsonObject], empty: str = '') -> CommandResults:
    """Return a table of one folder, or of several."""
    if isinstance(folders, list):
        title = f'{title} ({len(folders)})'
        outputs: Any = [object_outputs(folder, FOLDER_PROPERTIES) for folder in folders]
    else:
        outputs = object_outputs(folders, FOLDER_PROPERTIES)
    return object_results('MSGraphMail.Folders', title, outputs, folders, _FOLDER_HEADERS, empty=empty)


def list_folders_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """List the folders at the top of a mailbox."""
    folders = mailbox.list_folders(args.get('limit') or 20)
    return _folder_results('Folders', folders, 'No folders were found.')


def list_child_folders_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """List the child folders of a folder."""
    limit = args.get('limit') or 20
    folders = mailbox.list_folders(limit, folder_argument(mailbox, args, 'parent_folder_id'))
    return _folder_results('Folders', folders, 'There are no folders in this folder.')


def create_folder_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Create a folder in a parent folder, or at the top of the mailbox."""
    name = text_argument(args, 'new_folder_name')
    parent_id = folder_argument(mailbox, args, 'parent_folder_id')
    return _folder_results('Folder created', mailbox.create_folder(name, parent_id))


def update_folder_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Rename a folder."""
    name = text_argument(args, 'new_display_name')
    folder_id = folder_argument(mailbox, args)
    return _folder_results('Folder renamed', mailbox.update_folder(folder_id, name))


def delete_folder_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Delete a folder with its contents. Where it is then, if not permanently deleted, Microsoft does not document."""
    permanent = bool_argument(args, 'permanent')
    folder_id = folder_argument(mailbox, args)
    mailbox.delete_folder(folder_id, permanent)
    outputs = {'ID': folder_id, 'Deleted': True}
    title = 'Folder deleted permanently' if permanent else 'Folder deleted'
    return object_results('MSGraphMail.Folders', title, outputs, outputs, ['ID'])


# endregion

# region commands for rules and settings

_RULE_HEADERS = ['DisplayName', 'IsEnabled', 'Sequence', 'Conditions', 'Actions', 'Exceptions', 'HasError', 'ID']


def _rule_row(rule: JsonObject) -> JsonObject:
    """Return a rule as a row of a table."""
    row = {name: rule.get(f'{name[0].lower()}{name[1:]}') for name in _RULE_HEADERS}
    for name in ('Conditions', 'Actions', 'Exceptions'):
        parts = (row[name] or {}).items()
        row[name] = '; '.join(f'{pascalToSpace(key[0].upper() + key[1:])}: {one_line(value)}' for key, value in parts)
    return {**row, 'HasError': row['HasError'] or None, 'ID': rule.get('id')}


def _rule_results(title: str, rules: JsonObject | list[JsonObject]) -> CommandResults:
    """Return a table of one rule, or of several."""
    outputs = without_annotations(rules)
    rows = [_rule_row(one) for one in (outputs if isinstance(outputs, list) else [outputs])]
    empty = 'The inbox has no rules.'
    return object_results('MSGraphMail.Rule', title, outputs, rules, _RULE_HEADERS, key='id', rows=rows, empty=empty)


def _rule_folder(mailbox: Mailbox, args: Arguments, name: str) -> str:
    """Return the ID of the folder that an argument names, empty if it is: a rule takes no well-known name."""
    folder = folder_argument(mailbox, args, name)
    return mailbox.find_folder(folder) if re.fullmatch(WELL_KNOWN_FOLDER, folder) else folder


# Arguments that set a property of a rule.
_RULE_PROPERTIES = {
    'conditions': 'conditions',
    'actions': 'actions',
    'exceptions': 'exceptions',
    'display_name': 'displayName',
    'sequence': 'sequence',
    'is_enabled': 'isEnabled',
    'is_read_only': 'isReadOnly',
}


def _rule_changes(mailbox: Mailbox, args: Arguments) -> JsonObject:
    """Return the properties of a rule that the arguments set. An empty object removes what the rule has."""
    changes: JsonObject = {}
    for name, key in _RULE_PROPERTIES.items():
        if args.get(name) is not None and str(args[name]).strip():
            read = ARGUMENT_READERS.get(name)
            changes[key] = read(args, name) if read else args[name]
    for name in ('moveToFolder', 'copyToFolder'):
        folder = changes.get('actions', {}).get(name)
        if folder:
            changes['actions'] = {**changes['actions'], name: _rule_folder(mailbox, {'actions': folder}, 'actions')}
    return changes


def list_rules_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """List the rules of the inbox."""
    rules = mailbox.list_rules(args.get('limit') or 50)
    return _rule_results(f'Rules ({len(rules)})', rules)


def get_rule_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Show a rule of the inbox."""
    return _rule_results('Rule', mailbox.get_rule(required_argument(args, 'rule_id')))


def create_rule_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Create a rule of the inbox."""
    changes = _rule_changes(mailbox, args)
    if not changes.get('actions'):
        raise DemistoException('The argument actions is empty. Enter a value for it.')
    return _rule_results('Rule created', mailbox.create_rule(changes))


def update_rule_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Change properties of a rule of the inbox."""
    rule_id = required_argument(args, 'rule_id')
    changes = _rule_changes(mailbox, args)
    if not changes:
        raise DemistoException('There is nothing to change. Enter at least one property of the rule.')
    return _rule_results('Rule changed', mailbox.update_rule(rule_id, changes))


def delete_rule_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Delete a rule of the inbox."""
    rule_id = required_argument(args, 'rule_id')
    mailbox.delete_rule(rule_id)
    outputs = {'id': rule_id, 'deleted': True}
    return object_results('MSGraphMail.Rule', 'Rule deleted', outputs, outputs, ['ID'], key='id', rows={'ID': rule_id})


# The newest of a mailbox replaces the former. UserID is empty for that of the user who signed in.
_OF_MAILBOX = '(val.UserID == obj.UserID)'


def get_settings_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Show the settings of a mailbox, or one of them."""
    settings = mailbox.get_settings(clean_value(args.get('property')))
    outputs = {**without_annotations(settings), 'UserID': mailbox.address}
    rows = property_rows(outputs)
    prefix = f'MSGraphMail.MailboxSettings{_OF_MAILBOX}'
    return object_results(prefix, 'Mailbox settings', outputs, settings, key=None, rows=rows)


def get_mailtips_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Show what is known about recipients before an email is sent to them."""
    addresses = [one.address for name in ('email_addresses', 'email_address') for one in addresses_argument(args, name)]
    if not addresses:
        raise DemistoException('The argument email_addresses is empty. Enter one address, or several separated by commas.')
    tips = mailbox.get_mailtips(list(dict.fromkeys(addresses)))
    outputs = without_annotations(tips)
    rows = []
    for tip in outputs:
        row: JsonObject = {**tip, 'emailAddress': EmailAddress.from_json(tip).address}
        if 'automaticReplies' in tip:
            row['automaticReplies'] = (tip['automaticReplies'] or {}).get('message')
        rows.append(row)
    headers = list(dict.fromkeys(['emailAddress', *(name for row in rows for name in row)]))
    return object_results('MSGraphMail.MailTips', 'Mail tips', outputs, tips, headers, key='emailAddress.address', rows=rows)


# endregion

# region conversations

MAX_SHOWN_TEXT = 300  # characters of each message


def get_conversation_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Show the messages of a conversation in all folders, oldest first."""
    conversation_id = clean_value(args.get('conversation_id'))
    if bool(clean_value(args.get('message_id'))) is bool(conversation_id):
        raise DemistoException('Enter message_id or conversation_id, but not both.')
    if not conversation_id:
        found = mailbox.get_message(message_argument(mailbox, args), query={'$select': 'conversationId'})
        conversation_id = str(found.get('conversationId') or '')
    select = ','.join(LISTED_EMAIL_PROPERTIES.values())
    if args.get('body') != 'full':  # the unique body is what is new in each email: the rest quotes the others
        select = _with_unique_body(select)
    messages, is_complete = mailbox.conversation(conversation_id, select)
    outputs = [_email_outputs(message, LISTED_EMAIL_PROPERTIES, mailbox) for message in messages]
    texts = [one.get('UniqueBody') or one.get('Body') or '' for one in outputs]
    rows = [{**_email_row(one), 'Text': html_to_text(text, MAX_SHOWN_TEXT)} for one, text in zip(outputs, texts, strict=True)]
    title = f'Conversation ({len(outputs)} emails{"" if is_complete else ", there are more"})'
    headers = ['ReceivedTime', 'From', 'Recipients', 'Subject', 'Text', 'HasAttachments', 'IsDraft', 'ID']
    empty, note = 'The mailbox has no emails of this conversation.', _unreadable(messages)
    return object_results('MSGraphMail', title, outputs, messages, headers, rows=rows, note=note, empty=empty)


# endregion

# region invitations

# What a user can do with an invitation, by the action of Graph.
_RESPONSES = {'accept': 'accepted', 'tentativelyAccept': 'tentatively accepted', 'decline': 'declined'}


_NO_RESPONSE = 'The organizer of the meeting does not want a response, so a comment cannot be sent. Remove comment.'


def respond_to_invitation_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Accept an invitation to a meeting, accept it tentatively, or decline it."""
    response, is_sent = args['response'], bool_argument(args, 'send_response', default=True)
    comment = str(args.get('comment') or '')
    if comment and not is_sent:
        raise DemistoException('A comment requires send_response=true. Remove comment, or send_response=false.')
    message_id = message_argument(mailbox, args)
    message = mailbox.get_invitation(message_id)
    event = message['event']
    is_sent = is_sent and event.get('responseRequested') is not False
    if comment and not is_sent:
        raise DemistoException(_NO_RESPONSE)
    try:
        mailbox.respond_to_event(event, response, {'sendResponse': is_sent, **({'comment': comment} if comment else {})})
    except GraphError as error:
        if not is_sent or "hasn't requested a response" not in error.what:
            raise
        if comment:
            raise DemistoException(_NO_RESPONSE) from error
        is_sent = False
        mailbox.respond_to_event(event, response, {'sendResponse': is_sent})
    outputs = {
        'ID': message_id,
        'EventID': event['id'],
        'Subject': event.get('subject') or message.get('subject'),
        'Organizer': EmailAddress.from_json(event.get('organizer')).address,
        'Start': graph_time_text(event.get('start')),
        'End': graph_time_text(event.get('end')),
        'Response': response,
        'ResponseSent': is_sent,
        'UserID': mailbox.address,
    }
    headers = ['Subject', 'Organizer', 'Start', 'End', 'Response', 'ResponseSent', 'ID']
    return object_results('MSGraphMail.Invitation', f'Invitation {_RESPONSES[response]}', outputs, message, headers)


MAX_INVITATION = 20 * 1024 * 1024  # bytes of the email


def _invitation_source(mailbox: Mailbox, message_id: str) -> bytes:
    source = bytearray()

    def write(chunk: bytes) -> None:
        source.extend(chunk)
        if len(source) > MAX_INVITATION:
            raise DemistoException('The email has more than 20 MB. Use msgraph-mail-get-email-as-eml.')

    mailbox.download_mime(message_id, write)
    return bytes(source)


def get_invitation_as_ics_command(mailbox: Mailbox, args: Arguments) -> JsonObject:
    """Return the iCalendar file in an invitation, or in another message about a meeting."""
    message_id = message_argument(mailbox, args)
    calendar = calendar_in_mime(retry_broken_transfer(partial(_invitation_source, mailbox, message_id)))
    if not calendar:
        raise DemistoException('The email contains no calendar file. Check that it is an invitation.')
    return _save_bytes(f'{message_id}.ics', calendar).entry


# endregion

# region blocked senders

_BLOCK_RULE = 'Blocked sender: '
_MAX_RULES = 100_000  # in which an earlier one is looked for


def block_sender_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Create a rule that deletes or moves the emails of a sender as they arrive, unless there is one."""
    sender = required_argument({'sender': one_address(args, 'sender')}, 'sender')
    folder = _rule_folder(mailbox, args, 'folder_id')
    target: JsonObject = {'moveToFolder': folder} if folder else {'delete': True}
    rule: JsonObject = {
        'displayName': _BLOCK_RULE + sender.lower(),
        'conditions': {'fromAddresses': [EmailAddress(sender, sender).as_json()]},
        'actions': {**target, 'stopProcessingRules': True},
    }
    name = rule['displayName'].lower()
    earlier = next((one for one in mailbox.list_rules(_MAX_RULES) if str(one.get('displayName')).lower() == name), None)
    is_blocked = earlier is not None and _is_blocked_by(sender, earlier, rule['actions'])
    present = earlier if earlier and is_blocked else mailbox.create_rule(rule)
    if earlier and not is_blocked:  # a new rule replaces it: changing a rule would leave its exceptions and errors
        if present['id'] == earlier['id']:  # found after an unclear response
            raise DemistoException('It is not known whether the rule was created. Run the command again.')
        mailbox.delete_rule(earlier['id'])
    outputs = {'Address': sender, 'RuleID': present['id'], 'AlreadyBlocked': is_blocked, 'UserID': mailbox.address}
    title = 'Sender already blocked' if is_blocked else 'Sender blocked by an inbox rule'
    return object_results('MSGraphMail.BlockedSender', title, outputs, present, list(outputs), key='RuleID')


def _is_blocked_by(sender: str, rule: JsonObject, actions: JsonObject) -> bool:
    """Return whether a rule takes these actions on all emails of a sender."""
    conditions = {name: one for name, one in (rule.get('conditions') or {}).items() if one}
    is_limited = conditions.keys() - {'fromAddresses'} or rule.get('hasError') or any((rule.get('exceptions') or {}).values())
    is_active = bool(rule.get('isEnabled')) and not is_limited
    addresses = map(str.lower, addresses_in(conditions, 'fromAddresses'))
    return is_active and sender.lower() in addresses and actions.items() <= (rule.get('actions') or {}).items()


# endregion

# region automatic replies

REPLIES_PROPERTIES = {
    'Status': 'status',
    'ExternalAudience': 'externalAudience',
    'InternalMessage': 'internalReplyMessage',
    'ExternalMessage': 'externalReplyMessage',
    'StartTime': 'scheduledStartDateTime',
    'EndTime': 'scheduledEndDateTime',
}


def _html_message(args: Arguments, name: str) -> str:
    """Return a text or HTML as HTML, which Graph expects."""
    text = str(args.get(name) or '')
    return text if has_html_tag(text) else text_as_html(text)


def _automatic_replies(args: Arguments) -> JsonObject:
    """Return the properties of the automatic replies that the arguments set."""
    replies: JsonObject = {
        'status': args['status'],
        'externalAudience': args.get('external_audience'),
        'internalReplyMessage': _html_message(args, 'internal_message'),
        'externalReplyMessage': _html_message(args, 'external_message'),
    }
    given = [name for name in ('start_time', 'end_time', 'time_zone') if clean_value(args.get(name))]
    if args['status'] == 'scheduled':
        start = local_time({**args, 'start_time': clean_value(args.get('start_time')) or 'now'}, 'start_time')
        end = local_time(args, 'end_time')
        if start['timeZone'] == end['timeZone'] and start['dateTime'] >= end['dateTime']:
            raise DemistoException('The end_time is not after the start_time. Change one of them.')
        replies.update(scheduledStartDateTime=start, scheduledEndDateTime=end)
    elif given:
        raise DemistoException(f'{", ".join(given)} can only be used with the status scheduled. Remove what is not needed.')
    return {name: value for name, value in replies.items() if value}


def _unanswered(replies: JsonObject, args: Arguments) -> str:
    """Return who gets no reply although replies are turned on, empty if that is nobody, or what was meant."""
    internal, external = replies.get('internalReplyMessage'), replies.get('externalReplyMessage')
    if replies.get('status') == 'disabled' or None in (internal, external):
        return ''
    inside = '' if _is_shown(str(internal)) else 'internal_message is empty'
    outside = '' if _is_shown(str(external)) else 'external_message is empty'
    if replies.get('externalAudience') == 'none':
        outside = 'external_audience is none'
    if inside and outside:
        return f'\nNobody gets a reply: {inside}, and {outside}.'
    if inside:
        return f'\nSenders in the organization get no reply: {inside}.'
    is_meant = not args.get('external_message') and args.get('external_audience') in (None, '', 'none')
    return f'\nSenders outside of the organization get no reply: {outside}.' if outside and not is_meant else ''


def _is_shown(html: str) -> bool:
    """Return whether HTML has a text or an image."""
    return bool(re.search(r'(?i)<(?:img|svg|video)\b|\sbackground\s{0,9}=|\burl\(', html) or html_to_text(html).strip())


def set_automatic_replies_command(mailbox: Mailbox, args: Arguments) -> CommandResults:
    """Turn automatic replies on, for a time or until they are turned off, or turn them off."""
    replies = mailbox.set_automatic_replies(_automatic_replies(args))
    outputs = {**object_outputs(replies, REPLIES_PROPERTIES), 'UserID': mailbox.address}
    title = f'Automatic replies turned {"off" if outputs.get("Status") == "disabled" else "on"}'
    is_scheduled = outputs.get('Status') == 'scheduled'
    headers = [name for name in outputs if is_scheduled or name not in ('StartTime', 'EndTime')]
    prefix, note = f'MSGraphMail.AutomaticReplies{_OF_MAILBOX}', _unanswered(replies, args)
    return object_results(prefix, title, outputs, replies, headers, key=None, note=note)


# endregion

# region categories

CATEGORY_PROPERTIES = {'ID': 'id', 'DisplayName': 'displayName', 'Color': 'color'}


def _change_categories(
    mailbox: Mailbox, args: Arguments, title: str, changed: Callable[[list[str], list[str]], list[str]]
) -> MailCommandResult:
    """Change the categories of messages. `changed` gets those of a message and those of the arguments."""
    given = _category_names(args)
    if not given:
        raise DemistoException('The argument categories is empty. Enter one category, or several separated by commas.')
    folder_id = folder_argument(mailbox, args)
    ids, failed = messages_argument(mailbox, args, 'message_ids', folder_id)
    results = mailbox.change_categories(ids, lambda present: changed(present, given), folder_id)

    def outputs(result: BatchResult) -> JsonObject:
        return {'Categories': result.body.get('categories') or []}

    return batch_results(mailbox, args, title, failed + results, outputs, ids_name='message_ids')


def _excluding(names: list[str], others: list[str]) -> list[str]:
    """Return the names that are not among others, whose case may differ."""
    excluded = {name.casefold() for name in others}
    return [name for name in names if name.casefold() not in excluded]


def add_categories_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Add categories to messages. Those that they have stay."""
    return _change_categories(mailbox, args, 'Categories added', lambda present, given: [*present, *_excluding(given, present)])


def remove_categories_command(mailbox: Mailbox, args: Arguments) -> MailCommandResult:
    """Remove categories from messages. Their other categories stay."""
    return _change_categories(mailbox, args, 'Categories removed', _excluding)


def list_categories_command(mailbox: Mailbox, _args: Arguments) -> CommandResults:
    """List the categories that are defined in a mailbox."""
    found = mailbox.list_categories()
    outputs = [{**object_outputs(one, CATEGORY_PROPERTIES), 'UserID': mailbox.address} for one in found]
    title, empty = f'Categories ({len(outputs)})', 'The mailbox has no categories.'
    return object_results('MSGraphMail.Category', title, outputs, found, ['DisplayName', 'Color', 'ID'], empty=empty)


# endregion

# region table


def _in_mailbox(command: MailCommand, client: GraphMailClient, args: Arguments) -> MailCommandResult:
    return command(mailbox_argument(client, args), args)


MAIL_COMMANDS: dict[str, CommandFunction] = {
    name: checked_command(partial(_in_mailbox, function), f'{arguments} user_id ran_once_flag')
    for name, function, arguments in (
        (
            'msgraph-mail-list-emails',
            list_emails_command,
            'folder_id odata search page_size=1000 pages_to_pull=1000 all_results limit=100000 next_page',
        ),
        (
            'msgraph-mail-find-email',
            find_email_command,
            'message_id subject sender recipient received_time received_after received_before folder_id limit=1000',
        ),
        ('msgraph-mail-get-email', get_email_command, 'message_id* folder_id body_type=HTML|text body=full|unique odata'),
        ('msgraph-mail-get-conversation', get_conversation_command, 'message_id conversation_id body=unique|full'),
        ('msgraph-mail-get-email-as-eml', get_email_as_eml_command, 'message_id*'),
        ('msgraph-mail-list-attachments', list_attachments_command, 'message_id* folder_id include_hash'),
        ('msgraph-mail-get-attachment', get_attachment_command, 'message_id* attachment_id folder_id nested_depth'),
        ('msgraph-update-email-status', update_email_status_command, 'message_ids*[] status*=Read|Unread folder_id'),
        ('msgraph-mail-set-categories', set_categories_command, 'message_ids*[] categories[] clear folder_id'),
        ('msgraph-mail-add-categories', add_categories_command, 'message_ids*[] categories*[] folder_id'),
        ('msgraph-mail-remove-categories', remove_categories_command, 'message_ids*[] categories*[] folder_id'),
        ('msgraph-mail-list-categories', list_categories_command, ''),
        ('msgraph-mail-flag-email', flag_email_command, 'message_ids*[] status=flagged|complete|notFlagged due_date folder_id'),
        ('msgraph-mail-move-email', move_email_command, 'message_id*[] destination_folder_id*'),
        ('msgraph-mail-copy-email', copy_email_command, 'message_id*[] destination_folder_id*'),
        ('msgraph-mail-delete-email', delete_email_command, 'message_id*[] permanent folder_id'),
        ('msgraph-mail-list-folders', list_folders_command, 'limit=100000'),
        ('msgraph-mail-list-child-folders', list_child_folders_command, 'parent_folder_id* limit=100000'),
        ('msgraph-mail-create-folder', create_folder_command, 'new_folder_name* parent_folder_id'),
        ('msgraph-mail-update-folder', update_folder_command, 'folder_id* new_display_name*'),
        ('msgraph-mail-delete-folder', delete_folder_command, 'folder_id* permanent'),
        ('msgraph-mail-list-rules', list_rules_command, 'limit=100000'),
        ('msgraph-mail-get-rule', get_rule_command, 'rule_id*'),
        (
            'msgraph-mail-create-rule',
            create_rule_command,
            'display_name* actions* conditions exceptions sequence=10000 is_enabled is_read_only',
        ),
        (
            'msgraph-mail-update-rule',
            update_rule_command,
            'rule_id* display_name actions conditions exceptions sequence=10000 is_enabled is_read_only',
        ),
        ('msgraph-mail-delete-rule', delete_rule_command, 'rule_id*'),
        ('msgraph-mail-get-invitation-as-ics', get_invitation_as_ics_command, 'message_id*'),
        (
            'msgraph-mail-respond-to-invitation',
            respond_to_invitation_command,
            'message_id* response*=accept|tentativelyAccept|decline comment send_response',
        ),
        ('msgraph-mail-block-sender', block_sender_command, 'sender* folder_id'),
        ('msgraph-mail-get-settings', get_settings_command, 'property'),
        (
            'msgraph-mail-set-automatic-replies',
            set_automatic_replies_command,
            'status*=alwaysEnabled|scheduled|disabled external_audience=none|contactsOnly|all internal_message external_message '
            'start_time end_time time_zone',
        ),
        ('msgraph-mail-get-mailtips', get_mailtips_command, 'email_addresses[] email_address[]'),
    )
}


# endregion
