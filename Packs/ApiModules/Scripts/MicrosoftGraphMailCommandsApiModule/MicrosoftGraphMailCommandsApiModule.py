"""Implement the commands that read and organize a mailbox. An integration adds MAIL_COMMANDS to its own table."""

import hashlib
from collections.abc import Callable
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
        BatchItem,
        BatchResult,
        GraphError,
        GraphMailClient,
        MAX_PAGE_SIZE,
        attachment_kind,
        attachment_names,
        file_entry,
        item_file_name,
        odata_query,
    )

# region arguments

# What goes to the war room: an entry, a file, or several of them.
MailCommandResult = CommandResults | dict[str, Any] | list[CommandResults | dict[str, Any]]


MAX_PAGES = 1000


MAX_LISTED = 100_000


def folder_argument(args: dict[str, Any], name: str = 'folder_id') -> str:
    """Gives the ID of a folder. Where a whole path of IDs is named, with commas between, its last one says it all."""
    return clean_value((argToList(args.get(name)) or [''])[-1])


def user_argument(args: dict[str, Any]) -> str:
    return clean_value(args.get('user_id'))


# endregion

# region outputs

# Names in the context, and the properties of a message in Graph that they hold.
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
}


# In addition, where one message is asked for.
SINGLE_EMAIL_PROPERTIES = {
    **EMAIL_PROPERTIES,
    'IsRead': 'isRead',
    'Importance': 'importance',
    'FolderID': 'parentFolderId',
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


def email_outputs(message: dict[str, Any], properties: dict[str, str] = EMAIL_PROPERTIES) -> dict[str, Any]:
    """The context of a message. What `$select` left out is left out, so that it overwrites nothing."""
    return {name: property_outputs(message[source]) for name, source in properties.items() if source in message}


def property_outputs(value: Any) -> Any:
    """The context of a property: a body is its content, a recipient its name and address, a header its name and value."""
    if isinstance(value, list):
        return [property_outputs(one) for one in value]
    if not isinstance(value, dict):
        return value
    if 'content' in value:
        return value['content']
    if 'value' in value:
        return {'Name': value.get('name'), 'Value': value['value']}
    address = value.get('emailAddress') or {}
    return {'Name': address.get('name'), 'Address': address.get('address')}


def addresses_text(recipients: Any) -> str:
    """The addresses of one recipient, or of a list of them, in one line."""
    several = recipients if isinstance(recipients, list) else [recipients or {}]
    return ', '.join(filter(None, (one.get('Address') or one.get('Name') for one in several)))


def email_row(outputs: dict[str, Any]) -> dict[str, Any]:
    """The context of a message, as a row for people."""
    return {**outputs, **{name: addresses_text(outputs.get(name)) for name in ('From', 'Recipients', 'CCRecipients')}}


def folder_outputs(folder: dict[str, Any]) -> dict[str, Any]:
    return {name: folder[source] for name, source in FOLDER_PROPERTIES.items() if source in folder}


def without_annotations(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer of Graph says, without what it says about itself."""
    return {name: value for name, value in answer.items() if not name.startswith('@odata.')}


def capitalized_keys(value: Any) -> Any:
    """The same with the names of Graph (timeZone) as the context writes them (TimeZone)."""
    if isinstance(value, list):
        return [capitalized_keys(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name[:1].upper() + name[1:]: capitalized_keys(one) for name, one in without_annotations(value).items()}


def run_in_batches(
    client: GraphMailClient,
    args: dict[str, Any],
    ids_name: str,
    request_of: Callable[[str], BatchItem],
    title: str,
    outputs_prefix: str,
    outputs_of: Callable[[BatchResult], dict[str, Any]],
) -> MailCommandResult:
    """Sends a request for each ID, and says of each what was done, or what failed and why. Where Graph throttles for long, the
    platform runs the command once more, with the IDs that are left.

    Args:
        ids_name: the argument that holds the IDs.
        outputs_of: the context of a result without an error.
    Raises:
        DemistoException: nothing at all was done, nor will be.
    """
    results = client.batch([request_of(one) for one in id_list(args, ids_name)])
    pauses = {
        result.item.name: pause
        for result in results
        if result.error
        and result.error.res is not None
        and (pause := client.reschedule_delay(result.error.res, result.item.is_idempotent)) is not None
    }
    if not pauses or not client.can_reschedule():
        return batch_report(title, results, outputs_prefix, outputs_of)
    rest = reschedule({**args, ids_name: ','.join(pauses)}, max(pauses.values()), f'{len(pauses)} of the emails follow')
    settled = [result for result in results if result.item.name not in pauses]
    return [batch_report(title, settled, outputs_prefix, outputs_of, is_all=False), rest] if settled else rest


def batch_report(
    title: str,
    results: list[BatchResult],
    outputs_prefix: str,
    outputs_of: Callable[[BatchResult], dict[str, Any]],
    is_all: bool = True,
) -> CommandResults:
    """Says for each ID what was done, or what failed and why.

    Args:
        outputs_of: the context of a result without an error.
        is_all: there are no others that a later run reports.
    Raises:
        DemistoException: nothing at all was done.
    """
    outputs = [outputs_of(result) for result in results if not result.error]
    if is_all and not outputs:
        reasons = [f'{result.item.name}: {result.error}' for result in results]
        raise DemistoException(
            str(results[0].error) if len(results) == 1 else '\n'.join(['None of the emails is known to be done.', *reasons])
        )
    rows = [
        {'ID': result.item.name, 'Result': 'Failed' if result.error else 'Done', 'Reason': str(result.error or '')}
        for result in results
    ]
    raw = [{'id': result.item.name, 'answer': result.answer, 'error': str(result.error or '')} for result in results]
    readable = tableToMarkdown(f'{title} ({len(outputs)} of {len(results)})', rows, ['ID', 'Result', 'Reason'], removeNull=True)
    return CommandResults(
        outputs_prefix=outputs_prefix,
        outputs_key_field='ID',
        raw_response=raw,
        readable_output=readable,
        outputs=outputs[0] if len(results) == 1 and outputs else outputs,
    )


# endregion

# region commands on emails


def list_emails_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Lists the messages of a mailbox or of one of its folders."""
    user_id, folder_id, next_page = user_argument(args), folder_argument(args), clean_value(args.get('next_page'))
    query = odata_query(args.get('odata') or '', args.get('search') or '')
    page_size, pages = int_argument(args, 'page_size', 20, MAX_PAGE_SIZE), int_argument(args, 'pages_to_pull', 1, MAX_PAGES)
    given_limit = int_argument(args, 'limit', MAX_PAGE_SIZE, MAX_LISTED)
    limit = given_limit if bool_argument(args, 'all_results') or args.get('limit') else None
    if limit:
        page_size, pages = min(limit, max(page_size, 100)), MAX_PAGES
    messages, next_page = client.list_messages(user_id, folder_id, query, page_size, pages, next_page, limit)
    if not messages:
        return CommandResults(
            raw_response=messages,
            readable_output=(
                'No emails were found on this page, but there are more pages.' if next_page else 'No emails were found.'
            ),
        )
    outputs = [{**email_outputs(message), 'UserID': user_id or client.mailbox} for message in messages]
    readable = tableToMarkdown(
        f'Emails ({len(outputs)}{", more on the next page" if next_page else ""})',
        [email_row(one) for one in outputs],
        removeNull=True,
        headers=['Subject', 'From', 'Recipients', 'ReceivedTime', 'HasAttachments', 'ID'],
        headerTransform=pascalToSpace,
    )
    if next_page:
        outputs[-1]['NextPage'] = next_page
    return CommandResults(
        outputs_prefix='MSGraphMail', outputs_key_field='ID', outputs=outputs, raw_response=messages, readable_output=readable
    )


def get_email_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Shows one message, with its body and its headers."""
    user_id, message_id, folder_id = user_argument(args), required_argument(args, 'message_id'), folder_argument(args)
    body_type = choice_argument(args, 'body_type', ('HTML', 'text'), 'HTML').lower()
    query = {'$select': ','.join(SINGLE_EMAIL_PROPERTIES.values()), **odata_query(args.get('odata') or '')}
    message = client.get_message(message_id, user_id, folder_id, query, body_type)
    outputs = {**email_outputs(message, SINGLE_EMAIL_PROPERTIES), 'UserID': user_id or client.mailbox}
    readable = tableToMarkdown(
        'Email',
        email_row(outputs),
        removeNull=True,
        headerTransform=pascalToSpace,
        headers=[
            'Subject',
            'From',
            'Recipients',
            'CCRecipients',
            'ReceivedTime',
            'IsRead',
            'HasAttachments',
            'Categories',
            'Body',
            'ID',
        ],
    )
    return CommandResults(
        outputs_prefix='MSGraphMail', outputs_key_field='ID', outputs=outputs, raw_response=message, readable_output=readable
    )


def get_email_as_eml_command(client: GraphMailClient, args: dict[str, Any]) -> dict[str, Any]:
    """Gives one message as a file, byte for byte as the mailbox holds it."""
    user_id, message_id = user_argument(args), required_argument(args, 'message_id')
    return file_entry(f'{message_id}.eml', lambda write: client.download_mime(message_id, write, user_id))


def _change_emails(
    client: GraphMailClient, args: dict[str, Any], title: str, changes: dict[str, Any], outputs: dict[str, Any]
) -> MailCommandResult:
    """Changes the same of several messages. `outputs` is what the context says of each."""
    user_id, folder_id = user_argument(args), folder_argument(args)
    return run_in_batches(
        client,
        args,
        'message_ids',
        lambda one: client.update_request(one, changes, user_id, folder_id),
        title,
        'MSGraphMail',
        lambda result: {'ID': result.item.name, **outputs, 'UserID': user_id or client.mailbox},
    )


def update_email_status_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Marks messages as read or unread."""
    is_read = choice_argument(args, 'status', ('Read', 'Unread')) == 'Read'
    return _change_emails(
        client, args, 'Marked as read' if is_read else 'Marked as unread', {'isRead': is_read}, {'IsRead': is_read}
    )


def set_categories_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Gives messages these categories, in place of those that they have."""
    categories, clear = text_list(args, 'categories'), bool_argument(args, 'clear')
    if bool(categories) is clear:
        raise DemistoException('Enter the categories that the emails should have, or clear=true to take all away, but not both.')
    return _change_emails(client, args, 'Categories set', {'categories': categories}, {'Categories': categories})


def flag_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Flags messages for follow-up, marks that as done, or takes the flag away."""
    status, due = (
        choice_argument(args, 'status', ('flagged', 'complete', 'notFlagged'), 'flagged'),
        clean_value(args.get('due_date')),
    )
    flag: dict[str, Any] = {'flagStatus': status}
    if due:
        if status != 'flagged':
            raise DemistoException('A due date goes with the status flagged only. Leave out due_date.')
        date = future_datetime(due, 'due_date', grace=24 * 3600)  # a date alone is read as its midnight
        moment = {'dateTime': f'{date:%Y-%m-%dT%H:%M:%S}', 'timeZone': 'UTC'}
        flag.update(startDateTime=moment, dueDateTime=moment)
    return _change_emails(client, args, 'Flags set', {'flag': flag}, {'FlagStatus': status})


def move_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Moves messages to another folder."""
    user_id, folder_id = user_argument(args), required_argument(args, 'destination_folder_id')
    return run_in_batches(
        client,
        args,
        'message_id',
        lambda one: client.move_request(one, folder_id, user_id),
        'Emails moved',
        'MSGraphMail.MovedEmails',
        lambda result: {
            'ID': result.answer.get('id') or result.item.name,
            'DestinationFolderID': folder_id,
            'UserID': user_id or client.mailbox,
        },
    )


def copy_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Copies messages into a folder."""
    user_id, folder_id = user_argument(args), required_argument(args, 'destination_folder_id')
    return run_in_batches(
        client,
        args,
        'message_id',
        lambda one: client.copy_request(one, folder_id, user_id),
        'Emails copied',
        'MSGraphMail.CopiedEmails',
        lambda result: {
            'ID': result.answer.get('id'),
            'SourceID': result.item.name,
            'DestinationFolderID': folder_id,
            'UserID': user_id or client.mailbox,
        },
    )


def delete_email_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Deletes messages, for good if that is asked for."""
    user_id, folder_id, permanent = user_argument(args), folder_argument(args), bool_argument(args, 'permanent')
    return run_in_batches(
        client,
        args,
        'message_id',
        lambda one: client.delete_request(one, user_id, folder_id, permanent),
        'Emails deleted for good' if permanent else 'Emails moved to Deleted Items',
        'MSGraphMail.DeletedEmails',
        lambda result: {'ID': result.item.name, 'Permanent': permanent, 'UserID': user_id or client.mailbox},
    )


# endregion

# region commands on attachments


def list_attachments_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Lists the attachments of a message, without their bytes."""
    user_id, message_id, folder_id = user_argument(args), required_argument(args, 'message_id'), folder_argument(args)
    with_hash = bool_argument(args, 'include_hash')
    attachments = client.list_attachments(message_id, user_id, folder_id)
    if not attachments:
        return CommandResults(readable_output='The email has no attachments.', raw_response=attachments)
    web_link = _web_link(client, attachments, message_id, user_id)
    rows = []
    for attachment, name in zip(attachments, attachment_names(attachments), strict=True):
        is_link = attachment_kind(attachment) == 'referenceAttachment'
        row = {
            'ID': attachment.get('id'),
            'Name': name,
            'Type': attachment.get('contentType'),
            'Size': attachment.get('size'),
            'Kind': attachment_kind(attachment),
            'IsInline': attachment.get('isInline'),
            'ContentID': attachment.get('contentId'),
            'WebLink': web_link if is_link else None,
        }
        if with_hash and not is_link:
            digest = hashlib.sha256()
            client.download_attachment(message_id, str(row['ID']), digest.update, user_id, folder_id)
            row['SHA256'] = digest.hexdigest()
        rows.append({key: value for key, value in row.items() if value is not None})
    outputs = {'ID': message_id, 'UserID': user_id or client.mailbox, 'Attachment': rows}
    readable = tableToMarkdown(
        f'Attachments ({len(rows)})',
        rows,
        removeNull=True,
        headerTransform=pascalToSpace,
        headers=['Name', 'Type', 'Size', 'Kind', 'IsInline', 'ContentID', 'SHA256', 'WebLink', 'ID'],
    )
    return CommandResults(
        outputs_prefix='MSGraphMailAttachment',
        outputs_key_field='ID',
        outputs=outputs,
        raw_response=attachments,
        readable_output=readable,
    )


def get_attachment_command(client: GraphMailClient, args: dict[str, Any]) -> MailCommandResult:
    """Gives one attachment of a message as a file, or all of them. One that cannot be had keeps back none of the others."""
    user_id, message_id, folder_id = user_argument(args), required_argument(args, 'message_id'), folder_argument(args)
    attachment_id = clean_value(args.get('attachment_id'))
    attachments = (
        [client.get_attachment(message_id, attachment_id, user_id, folder_id)]
        if attachment_id
        else client.list_attachments(message_id, user_id, folder_id)
    )
    if not attachments:
        return CommandResults(readable_output='The email has no attachments.', raw_response=attachments)
    web_link = _web_link(client, attachments, message_id, user_id)
    entries: list[CommandResults | dict[str, Any]] = []
    rest: list[dict[str, str]] = []
    errors: list[GraphError] = []
    for attachment, name in zip(attachments, attachment_names(attachments), strict=True):
        if attachment_kind(attachment) == 'referenceAttachment':
            rest.append({'Name': name, 'Reason': f'It is a link to a file elsewhere. Open the email to follow it: {web_link}'})
            continue
        try:
            entries.append(_attachment_file(client, attachment, name, message_id, user_id, folder_id))
        except GraphError as error:
            errors.append(error)
            rest.append({'Name': name, 'Reason': str(error)})
    if len(errors) == len(attachments):
        raise errors[0]
    if rest:
        entries.append(
            CommandResults(
                raw_response=rest,
                readable_output=tableToMarkdown('Attachments that are not among the files', rest, headers=['Name', 'Reason']),
            )
        )
    return entries if len(entries) > 1 else entries[0]


def _attachment_file(
    client: GraphMailClient, attachment: dict[str, Any], name: str, message_id: str, user_id: str, folder_id: str
) -> dict[str, Any]:
    """The file of an attachment. Outlook items get the ending of what they are, which only their first bytes tell."""
    beginning = b''

    def download(write: Callable[[bytes], Any]) -> None:
        def write_and_look(chunk: bytes) -> None:
            nonlocal beginning
            beginning = beginning or chunk[:32]
            write(chunk)

        client.download_attachment(message_id, attachment['id'], write_and_look, user_id, folder_id)

    entry = file_entry(name, download)
    if attachment_kind(attachment) == 'itemAttachment':
        entry['File'] = item_file_name(entry['File'], beginning)
    return entry


def _web_link(client: GraphMailClient, attachments: list[dict[str, Any]], message_id: str, user_id: str) -> str:
    """Where the message is opened, if it has an attachment of which Graph shows nothing else; otherwise empty."""
    if not any(attachment_kind(one) == 'referenceAttachment' for one in attachments):
        return ''
    return client.get_message(message_id, user_id, query={'$select': 'webLink'}).get('webLink') or ''


# endregion

# region commands on folders


def _folder_results(title: str, folders: list[dict[str, Any]], single: bool = False) -> CommandResults:
    outputs = [folder_outputs(folder) for folder in folders]
    readable = tableToMarkdown(title, outputs, list(FOLDER_PROPERTIES), headerTransform=pascalToSpace)
    return CommandResults(
        outputs_prefix='MSGraphMail.Folders',
        outputs_key_field='ID',
        readable_output=readable,
        outputs=outputs[0] if single else outputs,
        raw_response=folders[0] if single else folders,
    )


def list_folders_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Lists the folders at the top of a mailbox."""
    folders = client.list_folders(user_argument(args), int_argument(args, 'limit', 20, MAX_LISTED))
    return (
        _folder_results(f'Folders ({len(folders)})', folders)
        if folders
        else CommandResults(readable_output='No folders were found.', raw_response=folders)
    )


def list_child_folders_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Lists the folders inside of a folder."""
    user_id, limit = user_argument(args), int_argument(args, 'limit', 20, MAX_LISTED)
    folders = client.list_child_folders(required_argument(args, 'parent_folder_id'), user_id, limit)
    return (
        _folder_results(f'Folders ({len(folders)})', folders)
        if folders
        else CommandResults(readable_output='There are no folders in this folder.', raw_response=folders)
    )


def create_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Makes a folder, inside of another one or at the top of the mailbox."""
    parent_id, user_id = folder_argument(args, 'parent_folder_id'), user_argument(args)
    return _folder_results(
        'Folder created', [client.create_folder(required_argument(args, 'new_folder_name'), parent_id, user_id)], single=True
    )


def update_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Renames a folder."""
    user_id, folder_id = user_argument(args), required_argument(args, 'folder_id')
    return _folder_results(
        'Folder renamed', [client.update_folder(folder_id, required_argument(args, 'new_display_name'), user_id)], single=True
    )


def delete_folder_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Deletes a folder with all in it, for good if that is asked for."""
    user_id, folder_id, permanent = user_argument(args), required_argument(args, 'folder_id'), bool_argument(args, 'permanent')
    client.delete_folder(folder_id, user_id, permanent)
    outputs = {'ID': folder_id, 'Deleted': True}
    readable = tableToMarkdown('Folder deleted for good' if permanent else 'Folder moved to Deleted Items', outputs, ['ID'])
    return CommandResults(outputs_prefix='MSGraphMail.Folders', outputs_key_field='ID', outputs=outputs, readable_output=readable)


# endregion

# region commands on rules and settings


def _rule_results(title: str, rules: list[dict[str, Any]], single: bool = False) -> CommandResults:
    outputs = [without_annotations(rule) for rule in rules]
    readable = tableToMarkdown(
        title,
        outputs,
        headerTransform=pascalToSpace,
        removeNull=True,
        headers=['displayName', 'isEnabled', 'sequence', 'conditions', 'actions', 'exceptions', 'id'],
    )
    return CommandResults(
        outputs_prefix='MSGraphMail.Rule',
        outputs_key_field='id',
        readable_output=readable,
        outputs=outputs[0] if single else outputs,
        raw_response=rules[0] if single else rules,
    )


def _rule_changes(args: dict[str, Any]) -> dict[str, Any]:
    """The properties of a rule that the arguments name."""
    changes: dict[str, Any] = {
        'displayName': clean_value(args.get('display_name')),
        **{name: json_argument(args, name) for name in ('conditions', 'actions', 'exceptions')},
    }
    if args.get('sequence'):
        changes['sequence'] = int_argument(args, 'sequence', 1, 10_000)
    if args.get('is_enabled') not in (None, ''):
        changes['isEnabled'] = bool_argument(args, 'is_enabled')
    return {name: value for name, value in changes.items() if value not in ('', {})}


def list_rules_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Lists the rules of the inbox."""
    rules = client.list_rules(user_argument(args), int_argument(args, 'limit', 50, MAX_LISTED))
    return (
        _rule_results(f'Rules ({len(rules)})', rules)
        if rules
        else CommandResults(readable_output='The inbox has no rules.', raw_response=rules)
    )


def get_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Shows one rule of the inbox."""
    user_id = user_argument(args)
    return _rule_results('Rule', [client.get_rule(required_argument(args, 'rule_id'), user_id)], single=True)


def create_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Makes a rule of the inbox."""
    user_id, changes = user_argument(args), _rule_changes(args)
    for name, key in (('display_name', 'displayName'), ('actions', 'actions')):
        if key not in changes:
            raise DemistoException(f'The argument {name} is empty. Enter a value for it.')
    return _rule_results('Rule created', [client.create_rule(changes, user_id)], single=True)


def update_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Changes some of a rule of the inbox."""
    user_id, rule_id, changes = user_argument(args), required_argument(args, 'rule_id'), _rule_changes(args)
    if not changes:
        raise DemistoException('Nothing is to be changed of the rule. Enter at least one of its properties.')
    return _rule_results('Rule changed', [client.update_rule(rule_id, changes, user_id)], single=True)


def delete_rule_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Deletes a rule of the inbox."""
    user_id, rule_id = user_argument(args), required_argument(args, 'rule_id')
    client.delete_rule(rule_id, user_id)
    outputs = {'id': rule_id, 'deleted': True}
    return CommandResults(
        outputs_prefix='MSGraphMail.Rule',
        outputs_key_field='id',
        outputs=outputs,
        readable_output=tableToMarkdown('Rule deleted', outputs, ['id']),
    )


def get_settings_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Shows the settings of a mailbox, or one of them."""
    user_id = user_argument(args)
    answer = client.get_settings(clean_value(args.get('property')), user_id)
    outputs = {**capitalized_keys(answer), 'UserID': user_id or client.mailbox}
    return CommandResults(
        outputs_prefix='MSGraphMail.Settings',
        outputs_key_field='UserID',
        outputs=outputs,
        raw_response=answer,
        readable_output=tableToMarkdown('Mailbox settings', outputs, headerTransform=pascalToSpace),
    )


def get_mailtips_command(client: GraphMailClient, args: dict[str, Any]) -> CommandResults:
    """Shows what there is to know of recipients before writing to them."""
    user_id = user_argument(args)
    addresses = text_list(args, 'email_addresses')
    if not addresses:
        raise DemistoException('The argument email_addresses is empty. Enter one address, or several with commas between.')
    tips = client.get_mailtips(addresses, user_id)
    outputs = [{**capitalized_keys(one), 'EmailAddress': (one.get('emailAddress') or {}).get('address')} for one in tips]
    return CommandResults(
        outputs_prefix='MSGraphMail.MailTips',
        outputs_key_field='EmailAddress',
        outputs=outputs,
        raw_response=tips,
        readable_output=tableToMarkdown('Mail tips', outputs, headerTransform=pascalToSpace, removeNull=True),
    )


# endregion

# region table

MAIL_COMMANDS: dict[str, Callable[[GraphMailClient, dict[str, Any]], MailCommandResult]] = {
    'msgraph-mail-list-emails': list_emails_command,
    'msgraph-mail-get-email': get_email_command,
    'msgraph-mail-get-email-as-eml': get_email_as_eml_command,
    'msgraph-mail-list-attachments': list_attachments_command,
    'msgraph-mail-get-attachment': get_attachment_command,
    'msgraph-update-email-status': update_email_status_command,
    'msgraph-mail-set-categories': set_categories_command,
    'msgraph-mail-flag-email': flag_email_command,
    'msgraph-mail-move-email': move_email_command,
    'msgraph-mail-copy-email': copy_email_command,
    'msgraph-mail-delete-email': delete_email_command,
    'msgraph-mail-list-folders': list_folders_command,
    'msgraph-mail-list-child-folders': list_child_folders_command,
    'msgraph-mail-create-folder': create_folder_command,
    'msgraph-mail-update-folder': update_folder_command,
    'msgraph-mail-delete-folder': delete_folder_command,
    'msgraph-mail-list-rules': list_rules_command,
    'msgraph-mail-get-rule': get_rule_command,
    'msgraph-mail-create-rule': create_rule_command,
    'msgraph-mail-update-rule': update_rule_command,
    'msgraph-mail-delete-rule': delete_rule_command,
    'msgraph-mail-get-settings': get_settings_command,
    'msgraph-mail-get-mailtips': get_mailtips_command,
}

# endregion
