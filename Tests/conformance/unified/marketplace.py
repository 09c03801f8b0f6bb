"""The interface of the marketplace integration that this one replaces, as facts, and how this one differs from it.

``PYTHONPATH=Tests python -m conformance.unified.marketplace`` prints the table of the README of the integration.
Source: Packs/MicrosoftGraphMail/Integrations/MicrosoftGraphListener in github.com/demisto/content, about release 1.6.24.
"""

from typing import Any, NamedTuple

from conformance.unified.integration_yml import IN_YML, YML

_FILE = 'Size SHA1 SHA256 Name SSDeep EntryID Info Type MD5 Extension'
_PERSON = 'Sender From Recipients CCRecipients BCCRecipients ReplyTo'
_EMAIL = (
    'ID Created LastModifiedTime ReceivedTime SendTime Categories HasAttachments Subject IsDraft Body UserID ConversationID '
    'InternetMessageID NextPage'
)
_FOLDER = 'ChildFolderCount DisplayName ID ParentFolderID TotalItemCount UnreadItemCount'
_RULE = 'conditions actions displayName exceptions hasError id isEnabled isReadOnly sequence'
_DRAFT = (
    'Cc IsRead Bcc Body MessageID SentTime Headers From Subject ReceivedTime Importance CreatedTime Sender ModifiedTime IsDraft '
    'ID To BodyType ConversationID'
)
_SENT = 'body bodyPreview subject toRecipients ccRecipients bccRecipients ID'
_OUTGOING = 'to cc bcc subject* body flag=notFlagged importance=Low headers'


class Command(NamedTuple):
    """A command of the marketplace: its arguments, with ``*`` if required and ``=`` before a default, and its context."""

    arguments: str
    outputs: tuple[str, ...] = ()


def _paths(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f'{prefix}.{name}' for name in names.split())


COMMANDS = {
    'msgraph-mail-create-draft': Command(
        f'{_OUTGOING} body_type=text attach_ids attach_names attach_cids', _paths('MicrosoftGraph.Draft', _DRAFT)
    ),
    'reply-mail': Command(
        'to* body subject* inReplyTo* attachIDs cc bcc htmlBody attachNames attachCIDs', _paths('MicrosoftGraph.SentMail', _SENT)
    ),
    'send-mail': Command(
        f'{_OUTGOING} htmlBody body_type renderBody attach_ids attach_names attach_cids attachIDs attachNames attachCIDs replyTo',
        _paths(
            'MicrosoftGraph.Email',
            'internetMessageHeaders body bodyPreview subject flag importance toRecipients ccRecipients bccRecipients replyTo',
        ),
    ),
    'msgraph-mail-reply-to': Command('message_id* comment* to* attach_ids attach_names attach_cids'),
    'msgraph-mail-send-draft': Command('draft_id*'),
    'msgraph-mail-test': Command(''),
    'msgraph-mail-auth-reset': Command(''),
    'msgraph-mail-generate-login-url': Command(''),
    'msgraph-mail-list-emails': Command(
        'folder_id odata search page_size=20 pages_to_pull=1',
        (
            *_paths('MSGraphMail', _EMAIL),
            *(f'MSGraphMail.{person}.{part}' for person in _PERSON.split() for part in ('Name', 'Address')),
        ),
    ),
    'msgraph-mail-list-attachments': Command(
        'message_id* folder_id',
        ('MSGraphMailAttachment.ID', 'MSGraphMailAttachment.UserID', *_paths('MSGraphMailAttachment.Attachment', 'ID Name Type')),
    ),
    'msgraph-mail-get-attachment': Command('message_id* folder_id attachment_id', _paths('File', _FILE)),
    'msgraph-mail-get-email-as-eml': Command('message_id*', _paths('File', f'{_FILE} SHA512')),
    'msgraph-update-email-status': Command('message_ids* folder_id status*'),
    'msgraph-mail-create-folder': Command('new_folder_name* parent_folder_id', _paths('MSGraphMail.Folders', _FOLDER)),
    'msgraph-mail-move-email': Command(
        'message_id* destination_folder_id*', _paths('MSGraphMail.MovedEmails', 'DestinationFolderID ID UserID')
    ),
    'msgraph-mail-list-folders': Command('limit', _paths('MSGraphMail.Folders', _FOLDER)),
    'msgraph-mail-list-child-folders': Command('parent_folder_id* limit=20', _paths('MSGraphMail.Folders', _FOLDER)),
    'msgraph-mail-list-rules': Command('limit*=50', _paths('MSGraphMail.Rule', _RULE)),
    'msgraph-mail-get-rule': Command('rule_id*', _paths('MSGraphMail.Rule', _RULE)),
    'msgraph-mail-delete-rule': Command('rule_id*'),
}
# The commands that only the organization-wide integration of the same pack has.
OF_ORGANIZATION = {
    'msgraph-mail-get-email': Command('message_id* folder_id odata'),
    'msgraph-mail-delete-email': Command('message_id* folder_id'),
    'msgraph-mail-update-folder': Command('folder_id* new_display_name*', _paths('MSGraphMail.Folders', _FOLDER)),
    'msgraph-mail-delete-folder': Command('folder_id*'),
    'msgraph-mail-update-rule': Command('rule_id* is_read_only'),
    'msgraph-mail-get-settings': Command('', ('MSGraphMail.MailboxSettings.timeZone',)),
    'msgraph-mail-get-mailtips': Command(
        'email_address',
        _paths('MSGraphMail.MailTips', 'emailAddress.address automaticReplies.message mailboxFull'),
    ),
}
# Parameters of an instance with the same meaning and name.
_PARAMETERS = (
    'creds_auth_id creds_refresh_token creds_enc_key creds_certificate creds_auth_code redirect_uri self_deployed '
    'use_managed_identities managed_identities_client_id isFetch mailbox_to_fetch folder_to_fetch first_fetch fetch_limit '
    'incidentType display_full_email_body fetch_html_formatting mark_fetched_read incidentFetchInterval insecure proxy '
    'legacy_name'
)
PARAMETERS = tuple(_PARAMETERS.split())
HEADINGS = ('Command', 'What', 'Marketplace', 'Here')


class Difference(NamedTuple):
    command: str
    what: str
    marketplace: str
    here: str


def differences() -> list[Difference]:
    """Return what is missing here, and what has another default or is required elsewhere."""
    found = [Difference(name, 'the command', 'exists', 'missing') for name in (*COMMANDS, *OF_ORGANIZATION) if name not in IN_YML]
    for name, command in {**COMMANDS, **OF_ORGANIZATION}.items():
        found += _argument_differences(name, command.arguments.split())
        paths = {output['contextPath'] for output in IN_YML[name].get('outputs') or ()}
        found += [Difference(name, path, 'in the context', 'missing') for path in command.outputs if path not in paths]
    here = {one['name'] for one in YML['configuration']}
    return found + [Difference('', name, 'a parameter', 'missing') for name in PARAMETERS if name not in here]


def _argument_differences(command: str, arguments: list[str]) -> list[Difference]:
    found = []
    ours: dict[str, dict[str, Any]] = {one['name']: one for one in IN_YML[command].get('arguments') or ()}
    for argument in arguments:
        text, _, default = argument.partition('=')
        name = text.rstrip('*')
        if name not in ours:
            found.append(Difference(command, name, 'an argument', 'missing'))
            continue
        is_required, own_default = '*' in text, str(ours[name].get('defaultValue', ''))
        if is_required != bool(ours[name].get('required')) and not default:
            found.append(Difference(command, name, *(('required', 'optional') if is_required else ('optional', 'required'))))
        if default != own_default:
            found.append(Difference(command, name, f'default {default or "none"}', f'default {own_default or "none"}'))
    return found


def as_markdown() -> str:
    """Return the table of differences, without a line feed at its end."""
    rows = [tuple(HEADINGS), ('---',) * 4, *((f'`{one.command}`', f'`{one.what}`', *one[2:]) for one in differences())]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


if __name__ == '__main__':
    print(as_markdown())
